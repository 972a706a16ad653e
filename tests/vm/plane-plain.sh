#!/bin/sh
# The edge for kernels that take no other: no second stage, the kernel picks a port in one of the
# set's ranges. It promises less, and this is what: every port can be in use at once, new
# connections may need several tries, and a socket's outside port depends on whom it talks to.
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

plain() {
	text="$1 $2"
	plane_line "$1"
	plane_load "$2"
	measure_ports 30
	expect "$text: all ports at once" outside_ports -eq "$LINE_COUNT"
	measure_mixed
	expect "$text: 90 % mixed" alive -eq $((LINE_COUNT * 9 / 10))
	echo "note  $text: 90 % mixed: $(field "$result" syn_retransmissions) SYNs sent again"
	traffic lan2 eim --to 198.18.2.0:7000 --sockets 20 --servers 6
	expect "$text: sockets with one outside port" constant -lt 20
	measure_fragments
	expect "$text: fragmented UDP" whole -eq 5
	measure_unreachable
	expect "$text: closed UDP port" error = '"3/3"'
	measure_too_big
	expect "$text: UDP too big" mtu -eq 1300
	for host in lan2 cpe; do
		traffic "$host" icmp --to "$SERVER" --count 10
		expect "$text: ping from $host" answered -eq 10
		traffic "$host" probe --to "$SERVER:7000" --ttl 1 --wait 3
		expect "$text: traceroute from $host" error = '"11/0"'
	done
	traffic lan1 udp --to "$SERVER:7000" --count 5 --from "$LAN_SOURCES" --checksum 0
	expect "$text: UDP without checksums" answered -eq 5
	# The device is created again: closed until rules are loaded.
	tunnel_down
	tunnel_up
	traffic lan1 udp --to "$SERVER:7000" --count 5 --rounds 1
	expect "$text: device recreated" answered -eq 0
	plane_load "$2"
	traffic lan1 udp --to "$SERVER:7000" --count 5
	expect "$text: loaded again" answered -eq 5
	no_violation "$text"
	plane_unload
	line_down
}

uname -r
trap topology_down EXIT
topology_up
serve_start
[ $# -gt 0 ] || set -- v6plus:plain ocn:plain
each_case plain "$@"
check_finish
