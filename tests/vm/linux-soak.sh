#!/bin/sh
# A week of a line in minutes, on a machine whose clock jumps over waits: another prefix each night,
# a reboot each morning with a clock that starts in 1970, traffic each hour. What the machine keeps
# is counted at the end of each day, and nothing may grow from day to day.
#
#   linux-soak.sh [DAYS [LEAK]]
#
# With LEAK (file, process or rule), one is planted each day, no day has a reboot, and the script
# passes if the count has found it.
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

days=${1:-7}
leak=${2:-}

# As a provider's router does, with lifetimes that end within a day.
RA_MIN=200 RA_MAX=600 RA_VALID=7200

# The line has the other numbers from now on.
renumber() {
	old=${LINE_PREFIX%/*}
	linux_relay_down
	if [ "$LINE_IPV4" = 106.72.50.97 ]; then line_ocn; else line_v6plus; fi
	linux_relay
	linux_advertise "${LINE_PREFIX%/*}/64" 3600 "$old/64" 0
	linux_wait 60 linux_has_line || :
	# Whatever the old numbers still sent before.
	sleep 60
	judge_load
	linux_advertise "${LINE_PREFIX%/*}/64" 3600
}

# The machine's power fails: no process of ours ends in order. Its clock has no battery.
power_failure() {
	kill -9 "$watcher"
	wait "$watcher" 2>/dev/null || :
	linux_reboot
	now=$(date +%s)
	# The kernel refuses a time before its own start.
	date -s "@$(($(cut -d. -f1 /proc/uptime) + 100))" >/dev/null
	linux_watch
	lines_before=0
	sleep 300
	date -s "@$((now + 330))" >/dev/null
}

# programs: the processes of the machine with a program; the kernel's own have none.
programs() {
	for process in /proc/[0-9]*; do
		[ ! -e "$process/exe" ] || echo "$process"
	done
}

# What must not grow, a word and a number each. Elements of sets come and go with connections.
count() {
	# In a file, because the processes of a pipe would be counted or not.
	programs >/tmp/programs
	echo "files $(find /etc /run /root /var -type f | wc -l)"
	echo "kilobytes $(du -sk /etc /run /root /var | awk '{ all += $1 } END { print all }')"
	echo "processes $(wc -l </tmp/programs)"
	echo "rules $(on cpe nft --terse list ruleset | wc -l)"
	echo "addresses $(on cpe ip -o address | wc -l)"
	echo "routes $(for family in -4 -6; do on cpe ip $family route show table all; done | wc -l)"
	echo "policies $(for family in -4 -6; do on cpe ip $family rule; done | wc -l)"
	echo "devices $(on cpe ip -o link | wc -l)"
	echo "connections $(on cpe conntrack -L 2>/dev/null | wc -l)"
	echo "open $(find "/proc/$watcher/fd" | wc -l)"
	echo "memory $(awk '/^VmRSS/ { print $2 }' "/proc/$watcher/status")"
}

plant() {
	case $leak in
	file) mkdir -p /var/lib/mape-rs && echo leak >"/var/lib/mape-rs/leak.$day" ;;
	process) ip netns exec "$LAB_NS-cpe" sleep 9999999 & ;;
	rule) on cpe nft "add table inet leak$day" ;;
	esac
}

uname -r
trap 'linux_watch_stop; linux_silence; topology_down' EXIT
line_v6plus
topology_up
SERVE_SECONDS=$(((days + 2) * 86400))
serve_start
linux_uplink eth0
linux_relay
linux_advertise "${LINE_PREFIX%/*}/64" 3600
linux_watch
linux_wait 60 linux_is_up || :
hours_up=0
lines_before=0
day=0
while [ "$day" -lt "$days" ]; do
	day=$((day + 1))
	renumber
	linux_follows "day $day, another prefix"
	sleep 10800
	[ $((day % 2)) -eq 0 ] || [ -n "$leak" ] || power_failure
	linux_follows "day $day, after the night"
	for hour in $(seq 20); do
		sleep 3600
		! linux_is_up || hours_up=$((hours_up + 1))
		[ $((hour % 5)) -ne 0 ] || linux_traffic "day $day, hour $hour"
	done
	plant
	count >"/tmp/count.$day"
	lines=$(wc -l <"$WATCH_LOG")
	echo "lines $((lines - lines_before))" >>"/tmp/count.$day"
	lines_before=$lines
	echo "note  day $day: $(tr '\n' ' ' <"/tmp/count.$day")"
done
check "hours up" "$hours_up" -eq $((days * 20))

# Days with and without a reboot differ, so the last even day is compared with the second one.
# The kernel counts the pages of a process in batches of 32.
found=
even=$((days / 2 * 2))
while read -r name last; do
	second=$(sed -n "s/^$name //p" /tmp/count.2)
	case $name in
	memory) room=128 ;;
	*) room=0 ;;
	esac
	if [ "$last" -gt $((second + room)) ]; then
		found="$found $name"
		echo "note  $name: $second on day 2, $last on day $even"
	fi
done <"/tmp/count.$even"
check "lines said on day $even" "$(sed -n 's/^lines //p' "/tmp/count.$even")" -le 12
case $leak in
'') check "what grew" "$found" = "" ;;
*) check "the planted $leak is found" "$(echo "$found" | grep -c "$leak")" -eq 1 ;;
esac
check_finish
