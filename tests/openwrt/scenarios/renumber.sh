# shellcheck shell=sh
# shellcheck disable=SC2154
# Another prefix, the old one deprecated beside it, while everything is in use: the new numbers in
# 5 s, no packet that does not belong to one of the two lines, flows to elsewhere unharmed.

line_working v6plus
judge_both
local_serve cpe 8000
ip netns exec "$LAB_NS-lan3" lab-traffic steady --to 192.168.1.1:8000 --udp 5 --tcp 5 --seconds 45 >/tmp/steady &
steady=$!
for host in 1 2; do
	ip netns exec "$LAB_NS-lan$host" lab-traffic flood --from "192.168.1.1$host" --to 198.18.3.1 \
		--seconds 40 --rate 60 >/dev/null 2>&1 &
done
on lan4 lab-traffic steady --to 198.18.3.9:7000 --udp 10 --tcp 5 --seconds 40 >/dev/null 2>&1 &
sleep 5
check "before: packets of the old line" "$(judge_count passed)" -gt 0
uplink_says <<-EOF
	prefix 240b:10:3261:6400:: 56 0 1800
	prefix 240b:10:3251:6400:: 56 1800 3600
EOF
line_v6plus_other
within 5 "renumbered: up with the new address" wan_has "$LINE_IPV4"
check "renumbered: CE" "$(if_value wan @.data.ce)" = "$LINE_CE"
check "renumbered: what was before" "$(if_value wan @.data.before.ipv4 | cut -d/ -f1)" = 106.72.50.97
within 10 "renumbered: ping from LAN and router" opened
old=$(judge_count passed)
sleep 3
check "renumbered: packets of the old line that still come" $(($(judge_count passed) - old)) -eq 0
wait "$steady"
check "flows to elsewhere: TCP" "$(field "$(tail -n 1 /tmp/steady)" tcp_alive)" -eq 5
check "flows to elsewhere: UDP" "$(field "$(tail -n 1 /tmp/steady)" udp_alive)" -eq 5
check "wrong packets" "$(wrong_packets)" -eq 0
check "CE addresses of the old line" "$(ip -6 -o addr show | grep -c 6a:4832:6100:6400)" -eq 0
no_complaint
