#!/bin/sh
# A plain Linux CPE does what the demo does: every port in use, ping, traceroute, many connections;
# on eth0 and on a bridge, with another kind of line, and again after a boot.
# Arguments: LINE:UPLINK... (both by default).
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2317 # functions are called through others
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./linux.sh

# As in the demo.
dataplane() {
	check "$1: ping from the router" "$(on cpe ping -c 2 -W 3 "$SERVER" | grep -c '^64 bytes')" -eq 2
	check "$1: traceroute" "$(on lan1 traceroute -n -q 1 -w 3 -m 6 "$SERVER" 2>/dev/null | awk '$1 ~ /^[0-9]+$/ { printf "%s ", $2 }')" = "192.168.1.1 203.0.113.1 $SERVER "
	measure_ports 20
	expect "$1: all ports at once" alive -eq "$LINE_COUNT"
	expect "$1: all ports at once" outside_ports -eq "$LINE_COUNT"
	measure_mixed
	expect "$1: 90 % mixed" alive -eq $((LINE_COUNT * 9 / 10))
	expect "$1: 90 % mixed" syn_retransmissions -le "$LINE_LUCK"
	next_server
	traffic lan2 udp --to "$fresh:7000" --count 100
	expect "$1: UDP" answered -eq 100
	traffic lan3 eim --to 198.18.2.0:7000 --sockets 10
	expect "$1: one outside port per socket" constant -eq 10
	measure_unreachable
	expect "$1: port unreachable" error = '"3/3"'
	no_violation "$1"
}

line() {
	"line_$1"
	topology_up
	serve_start
	linux_uplink "$2"
	linux_relay
	linux_advertise "${LINE_PREFIX%/*}/64" 14400
	linux_wait 20 linux_has_prefix "${LINE_PREFIX%%::*}"
	linux_state >/tmp/before
	mape up
	check "$1 $2: up: exit status" "$status" -eq 0
	linux_right "$1 $2"
	mape up
	check "$1 $2: again: nothing to do" "$(echo "$said" | grep -c 'up already')" -eq 1
	dataplane "$1 $2"

	linux_reboot
	linux_wait 20 linux_has_prefix "${LINE_PREFIX%%::*}"
	judge_load
	mape up
	linux_right "$1 $2, after a boot"
	linux_traffic "$1 $2, after a boot"

	mape down
	check "$1 $2: down: exit status" "$status" -eq 0
	linux_state >/tmp/after
	linux_same "$1 $2: after down" /tmp/before /tmp/after
	linux_silence
	topology_down
}

uname -r
trap 'linux_silence; topology_down' EXIT
[ $# -gt 0 ] || set -- v6plus:eth0 ocn:br0
for pair in "$@"; do
	timed line "${pair%:*}" "${pair#*:}"
done
dmesg | grep 'Local address not yet configured' && check "kernel log" dirty = clean
check_finish
