#!/bin/sh
# Ports kept for servers, on the router and behind it; and what a reload does to flows.
# Arguments: LINE:EDGE... (all by default).
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2317 # functions are called through `timed`
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh

# nth_port N: of the set.
nth_port() {
	line_ports | sed -n "${1}p"
}

# From the internet to PORT: does the server of that port answer, over TCP and UDP?
from_outside() {
	for protocol in tcp udp; do
		traffic srv probe --protocol "$protocol" --from "$SERVER:0" --to "$LINE_IPV4:$1" --wait "$3"
		expect "$text: $protocol to port $1" answered = "$2"
	done
}

servers_test() {
	router_port=$(nth_port 1)
	lan_port=$(nth_port 20)
	free_port=$(nth_port 40)
	plane_load "$edge" --reserve "$router_port,$lan_port"
	on cpe nft 'table inet forwards { chain dstnat {
		type nat hook prerouting priority dstnat
		iifname "mape-wan" meta l4proto { tcp, udp } th dport '"$lan_port"' dnat ip to 192.168.1.12:7000
	}; }'
	# A server on each port that could be reached by mistake: external ports outside the set,
	# and the internal port of an external port without a flow.
	local_serve cpe "$router_port,1600,5695,20000"
	local_serve lan2 7000
	from_outside "$router_port" true 10
	from_outside "$lan_port" true 10
	for wrong in 1600 5695 20000; do
		from_outside "$wrong" false 1
	done
	# Without a server the router answers with an error from the right port.
	traffic srv probe --protocol tcp --from "$SERVER:0" --to "$LINE_IPV4:$free_port" --wait 1
	expect "$text: a free port" answered = false

	local_stop
	# The server speaks first, from its own port.
	traffic cpe probe --from "$LINE_IPV4:$router_port" --to "$SERVER:7001" --wait 3
	expect "$text: the server's own packets" outside -eq "$router_port"
	# The other ports, all at once: none of the two is given away.
	measure_ports 20 $((LINE_COUNT - 2))
	expect "$text: ports left" outside_ports -eq $((LINE_COUNT - 2))
	on cpe nft delete table inet forwards
}

# Through another tunnel than the border relay's: right addresses inside, wrong one outside.
other_relay_test() {
	[ "$LAB_LINK" = ip6tnl ] || return 0
	local_serve cpe "$router_port"
	net br <<-EOF2
		addr add 2001:db8:bad::1/128 dev lo nodad
		link add other type ip6tnl mode ipip6 local 2001:db8:bad::1 remote $LINE_CE encaplimit none
		link set other up
		route replace $LINE_IPV4/32 dev other
	EOF2
	from_outside "$router_port" false 1
	net br <<-EOF2
		route replace $LINE_IPV4/32 dev ce
		link del other
		addr del 2001:db8:bad::1/128 dev lo
	EOF2
	from_outside "$router_port" true 10
	local_stop
}

# steady_start UDP TCP SECONDS: flows that keep talking; sets `steady_log`, `steady_process`.
steady_start() {
	next_server
	steady_log=$(mktemp)
	ip netns exec "$LAB_NS-lan1" lab-traffic steady --to "$fresh:7000" --udp "$1" --tcp "$2" \
		--seconds "$3" --from "$LAN_SOURCES" >"$steady_log" &
	steady_process=$!
	until grep -q ready "$steady_log"; do
		kill -0 "$steady_process" || return 1
		sleep 0.2
	done
}

steady_finish() {
	wait "$steady_process"
	result=$(tail -n 1 "$steady_log")
	echo "$result"
	rm "$steady_log"
}

reload_test() {
	plane_load "$edge"
	steady_start 150 60 8
	for _ in 1 2 3 4 5 6; do
		plane_load "$edge"
	done
	steady_finish
	expect "$text: identical reload" udp_alive -eq 150
	expect "$text: identical reload" udp_moved -eq 0
	expect "$text: identical reload" tcp_alive -eq 60

	# The flow on the port that is taken, and the one whose port takes its place.
	steady_start 150 60 8
	plane_load "$edge" --reserve "$(nth_port 100)"
	plane_load "$edge" --reserve "$(nth_port 100)"
	steady_finish
	kept=$(($(field "$result" udp_alive) - $(field "$result" udp_moved)))
	check "$text: one port more reserved: UDP flows kept" "$kept" -ge 148
	expect "$text: one port more reserved" tcp_alive -ge 58
}

reserved() {
	edge=$2
	text="$1 $2"
	plane_line "$1"
	servers_test
	other_relay_test
	reload_test
	no_violation "$text"
	plane_unload
	line_down
}

uname -r
trap 'local_stop; topology_down' EXIT
topology_up
serve_start
each_case reserved "$@"
check_finish
