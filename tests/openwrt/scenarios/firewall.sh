# shellcheck shell=sh
# shellcheck disable=SC2154
# firewall4 reloads, restarts, stops and starts with every port in use: no flow is lost, and nothing
# wrong leaves while it is loaded.

# flows TEXT COMMAND...: lasting flows while something is done.
flows() {
	flows_text=$1
	shift
	ip netns exec "$LAB_NS-lan2" lab-traffic steady --to 198.18.3.9:7000 --udp 10 --tcp 10 \
		--seconds 20 >/tmp/flows &
	flows_process=$!
	wait_for 20 grep -q ready /tmp/flows
	"$@" >/tmp/firewall.log 2>&1 || :
	wait "$flows_process"
	flows_result=$(tail -n 1 /tmp/flows)
	echo "$flows_result"
	check "$flows_text: TCP flows" "$(field "$flows_result" tcp_alive)" -eq 10
	check "$flows_text: UDP flows" "$(field "$flows_result" udp_alive)" -eq 10
	check "$flows_text: UDP flows that moved" "$(field "$flows_result" udp_moved)" -eq 0
	check "$flows_text: fw4's table" "$(nft list tables | grep -c 'table inet fw4$')" -eq 1
	check "$flows_text: violations" "$(judge_violations)" -eq 0
	check "$flows_text: wan is up" "$(if_value wan @.up)" = true
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

line_working v6plus
settle
on lan1 lab-traffic hold --to 198.18.5.1:7000 --count $((LINE_COUNT - 30)) --from "$LAN_SOURCES" \
	--wait 4 --again 8 --keep 100 >/tmp/hold &
wait_for 60 grep -q alive /tmp/hold
cat /tmp/hold
judge_load
flows "reload" reload_twice
flows "restart" router fw4 -q restart
flows "stop and start" stop_and_start
within 10 "ping from LAN and router" opened
no_violation "firewall"
