# shellcheck shell=sh
# shellcheck disable=SC2154
# ifdown and ifup CYCLES times with packets waiting to be sent: no complaint of the kernel, nothing
# left after ifdown, nothing more after the last ifup than after the first.
cycles=${CYCLES:-10}
line_working v6plus
settle
inventory | sort >/tmp/before
on lan1 ping -q -i 0.2 "$SERVER" >/dev/null 2>&1 &
pinging=$!
cycle=1
while [ "$cycle" -le "$cycles" ]; do
	if_down wan
	within 10 "cycle $cycle: down" wan_is false
	within 5 "cycle $cycle: the alias is gone" no_alias
	check "cycle $cycle: CE addresses" "$(ip -6 -o addr show | grep -c "$LINE_CE")" -eq 0
	if_up wan
	within 10 "cycle $cycle: up" wan_has "$LINE_IPV4"
	cycle=$((cycle + 1))
done
kill "$pinging"
wait "$pinging" 2>/dev/null || :
as_before "cycles"
