# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Published ports are reached from outside and from the LAN, also after reload and restart of the
# firewall. Another prefix moves them, and the move is reported.

# answers TEXT NAMESPACE ADDRESS:PORT COUNT: whether a TCP connection and a UDP socket are answered,
# 1 or 0.
answers() {
	ip netns exec "$LAB_NS-$2" lab-traffic steady --to "$3" --udp 1 --tcp 1 --seconds 2 >/tmp/answers || :
	# Without an answer it prints nothing.
	answers_result=$(tail -n 1 /tmp/answers)
	for answers_protocol in tcp udp; do
		answers_alive=$(field "$answers_result" "${answers_protocol}_alive")
		check "$1: $answers_protocol" "${answers_alive:-0}" -eq "$4"
	done
}

# reached TEXT: from everywhere.
reached() {
	answers "$1, from outside" srv "$outside" 1
	answers "$1, from the LAN beside it" lan2 "$outside" 1
	answers "$1, from the server's host" lan1 "$outside" 1
	answers "$1, from the router" cpe "$outside" 1
}

# The port outside that the forward has.
port_of() {
	router mape-proto forward list | sed -n "s/^$1 .* $LINE_IPV4:\([0-9]*\) -> .*/\1/p"
}

event() {
	sed -n "s/^$1 //p" "$ROOT/tmp/lab/events" | tail -n 1
}

line_working v6plus
settle
router_write /etc/hotplug.d/mape/50-lab <<-'EOF'
	echo "$ACTION $INTERFACE $FORWARD $PROTO $OLD_IPV4:$OLD_PORT $NEW_IPV4:$NEW_PORT" >>/tmp/lab/events
EOF
local_serve lan1 25565
status=0
router mape-proto forward add 192.168.1.11:25565 --port 25565 >/tmp/forward 2>&1 || status=$?
cat /tmp/forward
check "a port outside the set: exit status" "$status" -eq 2
check "a port outside the set: the nearest are offered" "$(grep -c 26176 /tmp/forward)" -gt 0
check "a port outside the set: nothing is configured" "$(grep -c mape_forward "$ROOT/etc/config/firewall")" -eq 0
router mape-proto forward add 192.168.1.11:25565 --name game
first=$(port_of game)
outside=$LINE_IPV4:$first
check "the port is one of the set" "$(((first & 4080) == 1600 && first > 4095))" -eq 1
check "event: published" "$(event published)" = "wan game tcp udp : $outside"
reached "published"
check "ports: its role" "$(router mape-proto ports | grep -c "^$first	.*published$")" -eq 1
router fw4 -q reload
reached "after a reload"
router fw4 -q restart
reached "after a restart"
router env PKG_UPGRADE=1 /usr/share/mape-rs/package installed
answers "after an upgrade, from outside" srv "$outside" 1
check "the same port" "$(port_of game)" = "$first"
if_down wan
if_up wan
within 15 "up again" opened
check "after ifdown and ifup: the same port" "$(port_of game)" = "$first"
answers "after ifdown and ifup, from outside" srv "$outside" 1

# Another prefix while a client continues to send. The judge knows one line only.
no_violation "servers"
on br nft delete table inet judge
old=$LINE_IPV4
ip netns exec "$LAB_NS-srv" lab-traffic steady --to "$outside" --udp 5 --tcp 5 --seconds 30 >/dev/null 2>&1 &
uplink_says <<-EOF
	prefix 240b:10:3261:6400:: 56 0 1800
	prefix 240b:10:3251:5100:: 56 1800 3600
EOF
LINE_PREFIX=240b:10:3251:5100::/56
LINE_CE=240b:10:3251:5100:6a:4832:5100:5100
LINE_IPV4=106.72.50.81 LINE_PSID=81
relay_up other
uplink_route "$(uplink_own)"
within 5 "renumbered: up with the new address" wan_has "$LINE_IPV4"
within 10 "renumbered: rules" opened
second=$(port_of game)
outside=$LINE_IPV4:$second
check "renumbered: a port of the new set" "$(((second & 4080) == 1296 && second > 4095))" -eq 1
check "event: moved" "$(event moved)" = "wan game tcp udp $old:$first $outside"
check "status tells old and new" "$(router mape-proto status | grep -c "$second to 192.168.1.11:25565 (game), before: $old:$first")" -eq 1
# Who looks at the relay: what leaves in the old tunnel, and what has the old port in the new one.
on br nft -f - <<-EOF
	table inet old {
		counter seen { }
		chain old {
			type filter hook prerouting priority -350; policy accept;
			iifname { "ce", "other" } ip saddr $old counter name seen
			iifname "other" meta l4proto { tcp, udp } th sport $first counter name seen
		}
	}
EOF
sleep 5
check "renumbered: packets on the old port" \
	"$(on br nft list counter inet old seen | sed -n 's/.*packets \([0-9]*\).*/\1/p')" -eq 0
answers "renumbered, from outside" srv "$outside" 1
answers "renumbered, from the LAN" lan2 "$outside" 1
router mape-proto forward remove game
check "event: withdrawn" "$(event withdrawn)" = "wan game tcp udp $outside :"
answers "removed, from outside" srv "$outside" 0
check "removed: nothing is configured" "$(grep -c mape_forward "$ROOT/etc/config/firewall")" -eq 0
