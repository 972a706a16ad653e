# shellcheck shell=sh
# shellcheck disable=SC2154 # assigned by plane.sh
# Traffic that goes on whatever happens to the rules. Source it after plane.sh.
#
# From LAN hosts and from the router itself: UDP, TCP, ICMP and GRE, from lasting flows and from
# random ports. Whoever starts a flood counts violations afterwards.

# Loaded before the first packet can leave; without it the LAN's addresses would.
flood_start() {
	plane_static | on cpe nft -f -
	flood_processes=
	for flood_host in lan1:192.168.1.11 lan2:192.168.1.12 cpe:"$LINE_IPV4"; do
		ip netns exec "$LAB_NS-${flood_host%%:*}" lab-traffic flood --from "${flood_host#*:}" \
			--to 198.18.3.1 --seconds 3000 --rate "${FLOOD_RATE:-150}" >/dev/null &
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
	flood_passed=$(judge_count passed)
	flood_on
	judge_report
	check "$plane_name $1: violations" "$(judge_violations)" -eq 0
	check "$plane_name $1: packets that get through" $(($(judge_count passed) - flood_passed)) "$2" 0
}
