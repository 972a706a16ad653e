# shellcheck shell=sh
# shellcheck disable=SC2154
# firewall4 reloads, restarts, stops and starts with every port in use: no flow is lost, and nothing
# wrong leaves while it is loaded.

# flows TEXT LEAST COMMAND...: lasting flows while something is done, of which LEAST TCP ones live on.
flows() {
	flows_text=$1 flows_least=$2
	shift 2
	ip netns exec "$LAB_NS-lan2" lab-traffic steady --to 198.18.3.9:7000 --udp 10 --tcp 10 \
		--seconds 20 --pause "$flows_pause" >/tmp/flows &
	flows_process=$!
	wait_for 20 grep -q ready /tmp/flows
	"$@" >/tmp/firewall.log 2>&1 || :
	wait "$flows_process"
	flows_result=$(tail -n 1 /tmp/flows)
	echo "$flows_result"
	echo "note  $flows_text: resets from the router: $(resets)"
	check "$flows_text: TCP flows" "$(field "$flows_result" tcp_alive)" -ge "$flows_least"
	check "$flows_text: UDP flows" "$(field "$flows_result" udp_alive)" -eq 10
	check "$flows_text: UDP flows that moved" "$(field "$flows_result" udp_moved)" -eq 0
	check "$flows_text: flows held" "$(held)" -eq "$held_count"
	check "$flows_text: fw4's table" "$(nft list tables | grep -c 'table inet fw4$')" -eq 1
	check "$flows_text: violations" "$(judge_violations)" -eq 0
	check "$flows_text: wan is up" "$(if_value wan @.up)" = true
}

# Resets that come out of the tunnel are counted, and with `drop` do not reach the servers.
relay_resets() {
	on br nft -f - <<-EOF
		table inet resets { }
		delete table inet resets
		table inet resets {
			counter resets { }
			chain resets {
				type filter hook prerouting priority -350; policy accept;
				iifname "ce" tcp flags & rst == rst counter name resets $1
			}
		}
	EOF
}

resets() {
	on br nft list counter inet resets resets | awk '$1 == "packets" { print $2 }'
}

# Connections to the first server that conntrack knows.
held() {
	conntrack -L -p tcp -d 198.18.5.1 2>/dev/null | grep -c ESTABLISHED
}

reload_twice() {
	router fw4 -q reload
	router fw4 -q reload
}

# The tables are gone for a while; what leaves then is not judged.
stop_and_start() {
	router /etc/init.d/firewall stop
	router /etc/init.d/firewall start
	judge_load
}

# Whether a server's segment comes in that while is luck.
stop_and_start_until_reset() {
	for _ in 1 2 3 4 5; do
		stop_and_start
		[ "$(resets)" -eq 0 ] || break
	done
}

line_working v6plus
settle
held_count=$((LINE_COUNT - 30))
on lan1 lab-traffic hold --to 198.18.5.1:7000 --count "$held_count" --from "$LAN_SOURCES" \
	--wait 4 --again 8 --keep 150 >/tmp/hold &
wait_for 60 grep -q alive /tmp/hold
cat /tmp/hold
judge_load
relay_resets ""
flows_pause=250
flows "reload" 10 reload_twice
flows "restart" 10 router fw4 -q restart
check "resets while it was loaded" "$(resets)" -eq 0
# Without tables nobody translates back. What the servers send then is addressed to the router itself, whose
# TCP knows of no such connection and resets it, as behind any NAT that is switched off. Where the
# servers do not hear that, all flows live on: nothing else has ended one. All are busy, so that it
# does happen.
flows_pause=0
relay_resets drop
flows "stop and start, without the router's resets" 10 stop_and_start_until_reset
check "stop and start: resets that were held back" "$(resets)" -gt 0
relay_resets ""
flows "stop and start" 0 stop_and_start
check "stop and start: flows that ended without a reset" \
	$((10 - $(field "$flows_result" tcp_alive) - $(resets))) -le 0
within 10 "ping from LAN and router" opened
no_violation "firewall"
