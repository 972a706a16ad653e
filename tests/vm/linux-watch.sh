#!/bin/sh
# `watch` follows changes: IPv6 that arrives late, another prefix, a link that goes up and down a
# hundred times, deleted rules and devices. The border relay finds no invalid packet.
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

# The link of the CPE's own side.
flap() {
	on cpe ip link set "$UPLINK" down
	[ "${2:-0}" = 0 ] || sleep "$2"
	on cpe ip link set "$UPLINK" up
	sleep "$1"
}

uname -r
trap 'linux_watch_stop; linux_silence; topology_down' EXIT
line_v6plus
topology_up
serve_start
linux_uplink "${1:-eth0}"
linux_relay
linux_state >/tmp/before
linux_watch
linux_wait 20 grep -q MAPE_NO_IPV6_YET "$WATCH_LOG" || :
sleep 2
check "without IPv6: lines said" "$(grep -c 'MAPE_NO_IPV6_YET' "$WATCH_LOG")" -eq 1
linux_advertise 240b:10:3261:6400::/64 14400
linux_follows "IPv6 came late"
check "said once" "$(grep -c 'wan: up' "$WATCH_LOG")" -eq 1

# Our own objects are deleted.
on cpe ip link del mape-wan
linux_follows "device deleted"
# The last segments of those connections would leave without rules and guard.
sleep 5
linux_flush
linux_follows "rules flushed"
on cpe ip address del "$LINE_CE/128" dev "$UPLINK"
linux_follows "CE address deleted"
on cpe ip route del default dev mape-wan
linux_follows "route deleted"

# Short and long, and at last for good. A flow that lives through short ones is not asked for.
index=$(on cpe cat /sys/class/net/mape-wan/ifindex)
for round in 1 2 3 4 5 6 7 8 9 10; do
	for _ in 1 2 3 4 5 6 7 8 9; do flap 0.05; done
	flap 1 0.3
	[ $((round % 5)) -ne 0 ] || linux_wait 30 linux_is_up || :
done
linux_follows "a hundred flaps"
check "a hundred flaps: the same tunnel" "$(on cpe cat /sys/class/net/mape-wan/ifindex)" -eq "$index"

# Another prefix: the old one is withdrawn, as its preferred lifetime says.
linux_relay_down
old_ce=$LINE_CE
line_ocn
linux_relay
on lan3 lab-traffic flood --from 192.168.1.13 --to 198.18.3.1 --seconds 600 --rate 20 >/dev/null &
flood=$!
sleep 1
linux_advertise 240b:10:3261:6400::/64 0 2400:4050:80ba:2200::/64 14400
linux_wait 40 linux_has_line || :
# Whatever the old line's numbers still sent before, from here on everything is the new line's.
sleep 1
judge_load
linux_follows "another prefix"
check "another prefix: old CE addresses" "$(on cpe ip -6 address show dev "$UPLINK" | grep -c "$old_ce" || :)" -eq 0
check "another prefix: entries of the old address" "$(on cpe conntrack -L 2>/dev/null | grep -c "dst=106.72.50.97" || :)" -eq 0
kill "$flood" 2>/dev/null || :
linux_advertise 2400:4050:80ba:2200::/64 0 240b:10:3261:6400::/64 14400
linux_relay_down
line_v6plus
linux_relay
linux_wait 40 linux_has_line || :
sleep 1
judge_load
linux_follows "back again"
mape status --history --json
check "history: to another address and back" "$(echo "$said" | grep -o '"event":"renumbered"' | wc -l)" -eq 2
mape status --history
check "history: ports in use" "$(echo "$said" | grep -c 'now  *[0-9][0-9]* ')" -eq 1

# The supervisor's stop: killed at once, the line stays; then it is taken down.
linux_watch_stop
linux_right "watch was killed"
mape down

# Under s6: started again after a crash, with the line as it was; after a stop the line is gone.
is_gone() {
	! on cpe ip link show mape-wan
}
watch_process() {
	for process in /proc/[0-9]*; do
		case $(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) in
		'mape-proto watch'*) echo "${process#/proc/}" ;;
		esac
	done
}
cp -r /s6 /tmp/s6
ip netns exec "$LAB_NS-cpe" s6-supervise /tmp/s6/mape-rs >/tmp/s6.log 2>&1 &
supervisor=$!
linux_follows "under s6"
index=$(on cpe cat /sys/class/net/mape-wan/ifindex)
kill -9 "$(watch_process)"
on cpe ip -6 address del "$LINE_CE/128" dev "$UPLINK"
linux_follows "under s6, after a crash"
check "under s6, after a crash: the same tunnel" "$(on cpe cat /sys/class/net/mape-wan/ifindex)" -eq "$index"
s6-svc -d /tmp/s6/mape-rs
linux_wait 20 is_gone || cat /tmp/s6.log
s6-svc -x /tmp/s6/mape-rs
wait "$supervisor" || :

# What the advertisements made is the kernel's and goes; the rest is as it was before all this.
linux_silence
on cpe ip -6 address flush dev "$UPLINK" dynamic
on cpe ip -6 route flush proto ra
on cpe ip -6 route show dev "$UPLINK" | sed -n 's/ .* expires .*//p' | while read -r prefix; do
	on cpe ip -6 route del "$prefix" dev "$UPLINK"
done
sleep 1
linux_state >/tmp/after
linux_same "down" /tmp/before /tmp/after
check_finish
