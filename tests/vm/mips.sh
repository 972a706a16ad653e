#!/bin/sh
# A line on a slow machine: tunnel, ping, TCP, UDP, every port of the set, and what `firewall` and
# `status` need. The program under test is the one that is shipped, with the rules it prints.
# Arguments: LINE:EDGE... (two by default).
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

basic() {
	plane_line "$1"
	plane_load "$2"
	text="$1 $2"
	check "$text: ping" "$(on lan2 ping -c 3 -W 5 "$SERVER" | grep -c '^64 bytes')" -eq 3
	traffic lan2 udp --to "$SERVER:7000" --count 20
	expect "$text: UDP" answered -eq 20
	measure_unreachable
	check "$text: port unreachable" "$(field "$result" error)" = '"3/3"'
	# Its queues lose SYNs of such a burst: time for a second and a third one.
	measure_ports 40 "$LINE_COUNT" 16
	expect "$text: all ports at once" alive -eq "$LINE_COUNT"
	expect "$text: all ports at once" outside_ports -eq "$LINE_COUNT"
	expect "$text: all ports at once" outside_addresses -eq 1
	no_violation "$text"
	plane_unload
	line_down
}

uname -rm
grep -i 'cpu model\|fpu' /proc/cpuinfo || :
mape-proto --version
trap topology_down EXIT
topology_up
serve_start
[ $# -gt 0 ] || set -- v6plus:netdev ocn:postrouting
each_case basic "$@"
check_finish
