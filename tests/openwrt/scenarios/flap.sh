# shellcheck shell=sh
# shellcheck disable=SC2154
# The uplink goes and comes FLAPS times while LAN hosts send: up after each, and nothing is left
# behind.
flaps=${FLAPS:-8}
line_working v6plus
settle
inventory | sort >/tmp/before
flooding=
for host in 2 3; do
	ip netns exec "$LAB_NS-lan$host" lab-traffic flood --from "192.168.1.1$host" --to 198.18.3.1 \
		--seconds 6000 >/dev/null 2>&1 &
	flooding="$flooding $!"
done
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
	# Packets pass.
	sleep 1
	flap=$((flap + 1))
done
# shellcheck disable=SC2086 # several processes
{
	kill $flooding
	wait $flooding 2>/dev/null || :
}
as_before "flaps"
