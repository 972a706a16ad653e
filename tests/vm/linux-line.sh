#!/bin/sh
# A plain Linux CPE does what the demo does: every port in use, ping, traceroute, many connections;
# on eth0 and on a bridge, with another kind of line; and so it does when the machine has booted
# again and only s6 has started anything.
# Arguments: LINE:UPLINK... (both by default), or "again" for what those have left on the disk.
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

# machine_up LINE UPLINK: everything around the machine, and its IPv6.
machine_up() {
	"line_$1"
	topology_up
	serve_start
	linux_uplink "$2"
	linux_relay
	linux_advertise "${LINE_PREFIX%/*}/64" 14400
	linux_wait 20 linux_has_prefix "${LINE_PREFIX%%::*}"
	linux_state >/tmp/before
}

machine_down() {
	linux_state >/tmp/after
	linux_same "$1: after down" /tmp/before /tmp/after
	linux_silence
	topology_down
}

line() {
	machine_up "$1" "$2"
	mape up
	check "$1 $2: up: exit status" "$status" -eq 0
	linux_right "$1 $2"
	mape up
	check "$1 $2: again: nothing to do" "$(echo "$said" | grep -c 'up already')" -eq 1
	dataplane "$1 $2"

	# For the next boot: what is configured, and once what a machine keeps whose /var/run is on
	# a disk.
	mkdir -p "/keep/line/$1:$2"
	echo "uplink $2" >"/keep/line/$1:$2/mape-rs.conf"
	[ "$2" != br0 ] || cp -r "$STATE_DIR" "/keep/line/$1:$2/state"

	mape down
	check "$1 $2: down: exit status" "$status" -eq 0
	machine_down "$1 $2"
}

is_up() {
	on cpe mape-proto status 2>&1 | grep -q '^wan: up'
}

is_down() {
	! on cpe ip link show mape-wan 2>/dev/null
}

# The machine boots without a command being typed: s6 starts the enabled services.
booted() {
	machine_up "$1" "$2"
	cp "/keep/line/$1:$2/mape-rs.conf" /etc/mape-rs.conf
	[ ! -e "/keep/line/$1:$2/state" ] || cp -r "/keep/line/$1:$2/state" "$STATE_DIR"
	rm -rf /tmp/s6
	cp -r /s6 /tmp/s6
	ip netns exec "$LAB_NS-cpe" s6-supervise /tmp/s6/mape-rs >/tmp/s6.log 2>&1 &
	supervisor=$!
	linux_wait 30 is_up || cat /tmp/s6.log
	linux_right "$1 $2, second boot"
	dataplane "$1 $2, second boot"
	s6-svc -d /tmp/s6/mape-rs
	linux_wait 20 is_down || cat /tmp/s6.log
	s6-svc -x /tmp/s6/mape-rs
	wait "$supervisor" || :
	rm /etc/mape-rs.conf
	machine_down "$1 $2, second boot"
}

uname -r
# What other scripts have provoked in this boot does not count.
dmesg -c >/dev/null
trap 'linux_silence; topology_down' EXIT
if [ "${1-}" = again ]; then
	check "another boot" "$(cat /proc/sys/kernel/random/boot_id)" != "$(cat /keep/line/boot)"
	check "lines that were kept" "$(find /keep/line/* -type d -prune | wc -l)" -gt 0
	for pair in /keep/line/*:*; do
		pair=${pair##*/}
		timed booted "${pair%:*}" "${pair#*:}"
	done
else
	[ $# -gt 0 ] || set -- v6plus:eth0 ocn:br0
	for pair in "$@"; do
		timed line "${pair%:*}" "${pair#*:}"
	done
	cat /proc/sys/kernel/random/boot_id >/keep/line/boot
fi
if dmesg | grep 'Local address not yet configured'; then
	check "kernel log" dirty = clean
fi
check_finish
