# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# SOAK_DAYS days of a line, in minutes on a machine whose clock jumps over waits: another prefix
# each night, a reboot every second morning with a clock that starts in 1970, a lease that is
# renewed three times an hour, traffic. What the router keeps does not grow from day to day.
#
# With SOAK_LEAK (file, process or rule), one is planted each day and no day has a reboot; the
# scenario passes if the inventory has found it.

days=${SOAK_DAYS:-8}
leak=${SOAK_LEAK:-}
SERVE_SECONDS=$(((days + 2) * 86400))
serve_stop
serve_start

# The provider's router has other numbers from now on: the old prefix is deprecated at once.
renumber() {
	old=$(line_head)
	if [ "$LINE_IPV4" = 106.72.50.97 ]; then line_v6plus_other; else line_v6plus; fi
	uplink_says <<-EOF
		prefix $(line_head):: 56 1800 3600
		prefix $old:: 56 0 1800
	EOF
	within 10 "$1: up with the new address" wan_has "$LINE_IPV4"
	uplink_pd 56
}

power_failure() {
	router_kill
	now=$(date +%s)
	# The kernel refuses a time before its own start.
	date -s "@$(($(cut -d. -f1 /proc/uptime) + 100))" >/dev/null
	router_boot
	uplink_pd 56
	within 30 "$1: up after a boot in 1970" wan_has "$LINE_IPV4"
	date -s "@$((now + 60))" >/dev/null
}

# An hour with three renewals of the lease.
hour() {
	for _ in 1 2 3; do
		sleep 1200
		router ubus call network.interface.wan6 renew >/dev/null 2>&1 || :
	done
}

plant() {
	case $leak in
	file) : >"$ROOT/tmp/leak$day" ;;
	process) router sleep 9999999 & ;;
	rule) nft add table inet "leak$day" ;;
	esac
}

line_working v6plus
judge_both
hours_up=0
lines_before=$(wc -l <"$SYSLOG")
day=0
while [ "$day" -lt "$days" ]; do
	day=$((day + 1))
	renumber "day $day"
	[ $((day % 2)) -eq 0 ] || [ -n "$leak" ] || power_failure "day $day"
	for _ in $(seq 23); do
		hour
		! opened || hours_up=$((hours_up + 1))
	done
	plant
	settle
	inventory | sort >"/tmp/inventory.$day"
	# The log of a real root is empty after each boot.
	lines_now=$(wc -l <"$SYSLOG")
	[ "$lines_now" -ge "$lines_before" ] || lines_before=0
	lines=$((lines_now - lines_before))
	lines_before=$lines_now
	memory=$(awk '/^VmRSS/ { print $2 }' "/proc/$(router_processes | awk '$2 ~ /netifd/ { print $1; exit }')/status")
	echo "note  day $day: $(wc -l <"/tmp/inventory.$day") things, $lines lines of log, netifd $memory kB"
	echo "$lines $memory" >"/tmp/said.$day"
done
check "hours up" "$hours_up" -eq $((days * 23))
check "wrong packets" "$(wrong_packets)" -eq 0
# Days with and without a reboot differ, and so do the two sets of numbers: day 2 is compared with
# the last even day.
even=$((days / 2 * 2))
grown=$(changes /tmp/inventory.2 "/tmp/inventory.$even" | grep -c . || :)
changes /tmp/inventory.2 "/tmp/inventory.$even"
if [ -z "$leak" ]; then
	check "what changed from day 2 to day $even" "$grown" -eq 0
	read -r lines_second memory_second <"/tmp/said.2"
	read -r lines_last memory_last <"/tmp/said.$even"
	# A renewal at the border of a day is counted in the day before or after it.
	check "lines of log on day $even" "$lines_last" -le $((lines_second + 3))
	# The kernel counts the pages of a process in batches of 32.
	check "memory of netifd on day $even, kB" "$memory_last" -le $((memory_second + 128))
else
	check "the planted $leak: what changed" "$grown" -gt 0
fi
no_complaint
