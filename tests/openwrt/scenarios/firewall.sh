# shellcheck shell=sh
# shellcheck disable=SC2154
# firewall4 reloads, restarts, stops and starts with every port in use: no flow is lost, and nothing
# wrong leaves while it is loaded.

# flows TEXT COMMAND...: lasting flows while something is done; all live on but those that the
# router reset.
flows() {
	flows_text=$1
	shift
	ip netns exec "$LAB_NS-lan2" lab-traffic steady --to 198.18.3.9:7000 --udp 10 --tcp 10 \
		--seconds "$flows_seconds" --pause "$flows_pause" >/tmp/flows &
	flows_process=$!
	wait_for 20 grep -q ready /tmp/flows
	"$@" >/tmp/firewall.log 2>&1 || :
	wait "$flows_process"
	flows_result=$(tail -n 1 /tmp/flows)
	echo "$flows_result"
	flows_reset=0
	[ -n "$flows_held_back" ] || flows_reset=$(resets)
	check "$flows_text: TCP flows, and those the router reset" \
		$(($(field "$flows_result" tcp_alive) + flows_reset)) -ge 10
	check "$flows_text: UDP flows" "$(field "$flows_result" udp_alive)" -eq 10
	check "$flows_text: UDP flows that moved" "$(field "$flows_result" udp_moved)" -eq 0
	check "$flows_text: flows held" "$(held)" -eq "$held_count"
	check "$flows_text: fw4's table" "$(nft list tables | grep -c 'table inet fw4$')" -eq 1
	check "$flows_text: violations" "$(judge_violations)" -eq 0
	check "$flows_text: wan is up" "$(if_value wan @.up)" = true
}

# Notes which flows of `flows` the router resets; with `drop` the servers do not hear of it. What a
# LAN host sends, such as its own reset at the end, has one hop less to live.
relay_resets() {
	on br nft -f - <<-EOF
		table inet resets { }
		delete table inet resets
		table inet resets {
			set flows {
				type inet_service
				size 4096
				flags dynamic
			}
			chain resets {
				type filter hook prerouting priority -350; policy accept;
				iifname "ce" ip ttl 64 tcp flags & rst == rst ip daddr 198.18.3.9 add @flows { tcp sport }
				iifname "ce" ip ttl 64 tcp flags & rst == rst counter $1
			}
		}
	EOF
}

resets() {
	on br nft list set inet resets flows | sed -n '/elements/,$p' | grep -o '[0-9][0-9]*' | wc -l
}

# Connections to the first server that conntrack knows. Those of a flowtable have no state.
held() {
	conntrack -L -p tcp -d 198.18.5.1 2>/dev/null | grep -c -e ESTABLISHED -e OFFLOAD
}

reload_twice() {
	router fw4 -q reload
	router fw4 -q reload
}

# stop_and_start [SECONDS]: the tables are gone for a while; what leaves then is not judged.
stop_and_start() {
	router /etc/init.d/firewall stop
	sleep "${1:-0}"
	router /etc/init.d/firewall start
	judge_load
}

# A server's segment comes in while the tables are gone.
stop_and_start_until_reset() {
	for stop_seconds in 0 0.5 1 2 4; do
		stop_and_start "$stop_seconds"
		[ "$(resets)" -eq 0 ] || break
		sleep 4
	done
}

line_working v6plus
settle
held_count=$((LINE_COUNT - 30))
on lan1 lab-traffic hold --to 198.18.5.1:7000 --count "$held_count" --from "$LAN_SOURCES" \
	--wait 4 --again 8 --keep 210 >/tmp/hold &
wait_for 60 grep -q alive /tmp/hold
cat /tmp/hold
judge_load
relay_resets ""
flows_seconds=20 flows_pause=250 flows_held_back=
flows "reload" reload_twice
# firewall4 has loaded the static text again, and our include has restored the other rules.
check "reload: short cuts" "$(nft list chain inet mape_rs forward_guard | grep -c 'if "mape-wan".* accept')" -eq 3
flows "restart" router fw4 -q restart
check "flows reset while it was loaded" "$(resets)" -eq 0
# Without our tables, incoming ports are not translated back. Packets of the servers then reach the
# router itself, whose TCP does not know the connection and resets it, as behind any NAT that is
# switched off. Where the servers do not hear that, all flows live on: nothing else has ended one.
# All are busy, so that it does happen; without a pause they would stop the clock of a machine that
# counts no processor time.
flows_seconds=75 flows_pause=5 flows_held_back=yes
relay_resets drop
flows "stop and start, without the router's resets" stop_and_start_until_reset
check "stop and start: flows whose resets were held back" "$(resets)" -gt 0
flows_seconds=20 flows_held_back=
relay_resets ""
flows "stop and start" stop_and_start
within 10 "ping from LAN and router" opened
no_violation "firewall"
