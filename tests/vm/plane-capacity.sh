#!/bin/sh
# Every port of the set is usable at once towards one server, and no first SYN is lost up to 90 %.
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

capacity() {
	plane_line "$1"
	plane_load "$2"
	text="$1 $2"
	measure_ports 20
	expect "$text: all ports at once" alive -eq "$LINE_COUNT"
	expect "$text: all ports at once" outside_ports -eq "$LINE_COUNT"
	expect "$text: all ports at once" outside_addresses -eq 1

	measure_mixed
	expect "$text: 90 % mixed" alive -eq $((LINE_COUNT * 9 / 10))
	expect "$text: 90 % mixed" syn_retransmissions -le "$LINE_LUCK"

	traffic lan2 eim --to 198.18.2.0:7000 --sockets 20 --servers 6
	expect "$text: one outside port per socket" constant -eq 20

	# UDP and echo: a datagram that found no port is sent again. The last ports of a large set
	# take many rounds, and TCP has shown them already.
	count=$LINE_COUNT
	[ "$count" -lt 1000 ] || count=$((count * 95 / 100))
	next_server
	traffic lan1 udp --to "$fresh:7000" --count "$count" --from "$LAN_SOURCES" --rounds 20
	expect "$text: UDP sockets at once" answered -eq "$count"
	expect "$text: UDP sockets at once" outside_ports -eq "$count"
	traffic lan1 icmp --to "$fresh" --count "$count" --from "$LAN_SOURCES" --rounds 20
	expect "$text: pings at once" answered -eq "$count"
	no_violation "$text"
	plane_unload
	line_down
}

# holding SECONDS COUNT HOST: opens connections and leaves them open; sets `holder`.
holding() {
	holding_log=$(mktemp)
	ip netns exec "$LAB_NS-$3" lab-traffic hold --to "$SERVER:7000" --count "$2" --wait 4 --again 20 \
		--keep "$1" >"$holding_log" &
	holder=$!
	until grep -q hold "$holding_log"; do sleep 0.2; done
	check "holding" "$(field "$(cat "$holding_log")" alive)" -eq "$2"
	rm "$holding_log"
}

# One connection more than the set has ports fails cleanly, and works once another has ended.
one_more() {
	plane_line "$1"
	plane_load "$2"
	text="$1 $2: one more than all"
	# Ended connections keep their port for this long, in seconds.
	on cpe sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_time_wait=1
	holding 600 $((LINE_COUNT - 1)) lan1
	most=$holder
	holding 600 1 lan2
	traffic lan3 hold --to "$SERVER:7000" --count 1 --wait 4
	expect "$text" alive -eq 0
	traffic lan3 hold --to 198.18.0.2:7000 --count 1
	expect "$text, other server" alive -eq 1
	kill "$holder"
	wait "$holder" 2>/dev/null || :
	traffic lan3 hold --to "$SERVER:7000" --count 1 --wait 4 --again 20
	expect "$text, after one has ended" alive -eq 1
	kill "$most"
	wait "$most" 2>/dev/null || :
	no_violation "$text"
	plane_unload
	line_down
}

uname -r
trap topology_down EXIT
topology_up
serve_start
# An answered datagram's port must not be free again before the last one has found its own.
on cpe sysctl -qw net.netfilter.nf_conntrack_udp_timeout=300 net.netfilter.nf_conntrack_icmp_timeout=300
each_case capacity "$@"
timed one_more v6plus netdev
check_finish
