# shellcheck shell=sh
# shellcheck disable=SC2154
# firewall4 offloads flows in software. With the edge on the device they are offloaded and right;
# the other edge would not see them, so ours are kept out of it, and status says so.

# status_says TEXT: what status tells of flow offload.
status_says() {
	router mape-proto status wan --json | grep -o '"flow_offload":{[^}]*}' | grep -q "$1"
}

flowtable() {
	nft list flowtables | sed -n '/^table inet fw4 /,/^}/p' | grep -q 'flowtable ft'
}

# talks TEXT: flows of all kinds, of which nothing is wrong.
talks() {
	talk
	check "$1: bulk TCP" "$bulk" = true
	expect "$1" udp_alive -eq 5
	expect "$1" tcp_alive -eq 5
	no_violation "$1"
}

# offload_with EDGE USED
offload_with() {
	within 10 "$1: firewall4's flowtable" flowtable
	# Only devices of zones, to which tunnels do not belong: what comes from the line is not
	# offloaded.
	nft list flowtables | grep 'devices =' || :
	within 10 "$1: status" status_says "\"on\":true,\"used\":$2"
	if_status wan | grep '"edge"'
	check "$1: edge" "$(if_value wan @.data.edge)" = "$1"
	talks "$1, offload"
	router fw4 -q reload
	talks "$1, offload, after a reload"
}

line_working v6plus
check "off: status" "$(status_says '"on":false' && echo yes)" = yes
router_set 'firewall.@defaults[0].flow_offloading=1'
router fw4 -q reload
settle
offload_with netdev true
check "netdev: flows offloaded" "$offloaded" -gt 0
# A device of another index, while its flows are still offloaded.
if_down wan
if_up wan
within 20 "netdev, up again" wan_has "$LINE_IPV4"
within 20 "netdev, up again: ping" opened
settle
offload_with netdev true
check "netdev, up again: flows offloaded" "$offloaded" -gt 0

reconfigure "option proto 'mape'" "option edge 'postrouting'"
postrouting() { [ "$(if_value wan @.data.edge)" = postrouting ]; }
within 20 "postrouting: up" postrouting
within 20 "postrouting: ping" opened
settle
judge_load
offload_with postrouting false
within 1 "postrouting: status says why" status_says '"reason":"the edge postrouting'
router mape-proto status wan | grep 'flow offload'
