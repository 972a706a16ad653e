#!/bin/sh
# Far more connections than ports, to many destinations; and connections that come and go, beside
# what the kernel does with as many contiguous ports.
# Arguments: DESTINATIONS of the last part, 100000 by default; EDGE... of the others, two by
# default.
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

many() {
	plane_load "$1"
	# Without rules, ended connections' last packets left as they were.
	judge_load
	# Servers that still have connections of the last time would refuse a port that is used
	# again.
	many_servers=$((${many_servers:-0} + 1))
	traffic lan1 many --to "198.18.$((16 + many_servers)).0:7000" --count 5000 --servers 100 --from "$LAN_SOURCES" --wait 60
	expect "$1: 5000 connections to 100 servers" alive -eq 5000
	expect "$1: 5000 connections to 100 servers" syn_retransmissions -eq 0
	check "$1: 5000 connections to 100 servers: outside ports" "$(field "$result" outside_ports)" -le "$LINE_COUNT"
	no_violation "$1: many"
	plane_forget
}

# One socket; its port is found again without a search, and nothing fills up.
distinct() {
	plane_load netdev
	judge_load
	traffic lan3 distinct --to 198.18.64.0:7000 --count "$1" --rounds 5
	expect "distinct destinations" answered -eq "$1"
	expect "distinct destinations" outside_ports -eq 1
	# Others still find a port.
	traffic lan1 hold --to "$SERVER:7001" --count 50 --from "$LAN_SOURCES"
	expect "connections after that" alive -eq 50
	no_violation "distinct destinations"
}

# The reference: the same number of contiguous ports, which no MAP-E line may use, so packets are
# not judged.
contiguous() {
	on cpe nft "table inet contiguous { chain srcnat { type nat hook postrouting priority srcnat
		oifname mape-wan meta l4proto { tcp, udp, icmp } snat ip to $LINE_IPV4:20000-$((19999 + LINE_COUNT)); }; }"
	on br nft delete table inet judge
}

# A method that is known to be worse, as a control for the comparison: one port at a time.
one_port_map() {
	on cpe nft "table inet bad { chain srcnat { type nat hook postrouting priority srcnat
		oifname mape-wan meta l4proto { tcp, udp, icmp } snat ip to numgen random mod $LINE_COUNT map { $(
		line_ports | awk -v address="$LINE_IPV4" '{ printf "%d : %s . %d, ", NR - 1, address, $1 }'
	) }; }; }"
}

# churn_once: 85 % of the set alive, 20 closed and opened again each second; adds to `lost`.
churn_once() {
	next_server
	traffic lan1 churn --to "$fresh:7000" --live $((LINE_COUNT * 85 / 100)) --rate 20 --seconds 8 \
		--from "$LAN_SOURCES"
	lost=$((lost + $(field "$result" late)))
	opened=$((opened + $(field "$result" wanted)))
}

churn() {
	# Before Linux 6.5 a closed connection burns its port for this long.
	on cpe sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_time_wait=1
	ours=0 reference=0
	for _ in 1 2; do
		lost=0 opened=0
		plane_load "$1"
		churn_once
		ours=$((ours + lost))
		plane_unload
		lost=0
		contiguous
		churn_once
		reference=$((reference + lost))
		plane_unload
		judge_load
	done
	echo "note  $1: of 320 new connections late: $ours, with contiguous ports $reference"
	# Noise: the same measurement of the same rules differs by as much.
	check "$1: churn, late connections" "$ours" -le $((reference + 16))
}

churn_control() {
	lost=0 opened=0
	one_port_map
	churn_once
	plane_unload
	judge_load
	check "bad: one port at a time: churn, late connections of 160" "$lost" -gt $((reference + 16))
}

uname -r
trap topology_down EXIT
topology_up
serve_start
plane_line v6plus
destinations=${1:-100000}
[ $# -gt 1 ] || set -- all netdev postrouting
shift
for edge in "$@"; do
	timed churn "$edge"
	timed many "$edge"
	plane_unload
done
timed churn_control
timed distinct "$destinations"
check_finish
