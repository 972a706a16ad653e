# shellcheck shell=sh
# shellcheck disable=SC2154
# The uplink goes and comes FLAPS times: up after each, and nothing is left behind.
flaps=${FLAPS:-8}
line_working v6plus
settle
inventory | sort >/tmp/before
flap=1
while [ "$flap" -le "$flaps" ]; do
	uplink_down
	within 10 "flap $flap: down" wan_is false
	if [ "$flap" -eq 2 ]; then
		no_busy_loop "uplink down" 10
	fi
	check "flap $flap: tunnels without uplink" "$(ip -o link show | grep -c ' mape-')" -eq 0
	uplink_up
	within 10 "flap $flap: up" wan_has "$LINE_IPV4"
	flap=$((flap + 1))
done
as_before "flaps"
