# shellcheck shell=sh
# shellcheck disable=SC2154 # assigned by plane.sh
# Traffic that goes on whatever happens to the rules. Source it after plane.sh.
#
# From LAN hosts and from the router itself: UDP, TCP, ICMP and GRE, from lasting flows and from
# random ports. The caller of a flood counts violations afterwards.

# Loaded before the first packet can leave; without it the LAN's addresses would.
flood_start() {
	plane_static | on cpe nft -f -
	flood_processes=
	for flood_host in lan1:192.168.1.11 lan2:192.168.1.12 cpe:"$LINE_IPV4"; do
		ip netns exec "$LAB_NS-${flood_host%%:*}" lab-traffic flood --from "${flood_host#*:}" \
			--to 198.18.3.1 --seconds 3000 --rate "${FLOOD_RATE:-80}" >/dev/null &
		flood_processes="$flood_processes $!"
	done
	# A connection and sockets that are in the middle of something.
	ip netns exec "$LAB_NS-lan4" lab-traffic steady --to 198.18.3.9:7000 --udp 10 --tcp 5 \
		--seconds 3000 >/dev/null 2>&1 &
	flood_processes="$flood_processes $!"
}

flood_stop() {
	for flood_process in ${flood_processes:-}; do
		kill "$flood_process" 2>/dev/null || :
		wait "$flood_process" 2>/dev/null || :
	done
	flood_processes=
}

# Some time for packets to meet the state of things.
flood_on() {
	sleep 0.7
}

# flood_state TEXT OPERATOR: no violation since the judge was loaded, the change just made
# included; and now packets pass (-gt) or, where everything is shut, not one does (-eq).
flood_state() {
	# What was under way during the change may still have been right.
	flood_on
	flood_before=$(judge_counters)
	flood_on
	flood_after=$(judge_counters)
	flood_wrong=$(echo "$flood_after" | awk '/^bad_/ && $2 > 0 { sum += $2; print $0 | "cat >&2" } END { print sum + 0 }')
	check "$plane_name $1: violations" "$flood_wrong" -eq 0
	flood_passed=$(printf '%s\n' "$flood_before" "$flood_after" |
		awk '$1 == "passed" { last = first; first = $2 } END { print first - last }')
	check "$plane_name $1: packets that get through" "$flood_passed" "$2" 0
}
