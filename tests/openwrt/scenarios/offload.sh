# shellcheck shell=sh
# shellcheck disable=SC2154
# firewall4 offloads flows in software. With the edge on the device they are offloaded both ways, by
# a flowtable of ours; the other edge would not see them, so they are kept out of it, and status
# says so. Kernels from 7.0 on offload none of ours.

# status_says TEXT: what status tells of flow offload.
status_says() {
	router mape-proto status wan --json | grep -o '"flow_offload":{[^}]*}' | grep -q "$1"
}

flowtable() {
	nft list flowtables | sed -n '/^table inet fw4 /,/^}/p' | grep -q 'flowtable ft'
}

# talks TEXT PATH: flows of all kinds, of which nothing is wrong. They take this path.
talks() {
	talk_and_count
	check "$1: LAN to line" "$path_out" = "$2"
	check "$1: line to LAN" "$path_in" = "$2"
	check "$1: bulk TCP" "$bulk" = true
	expect "$1" udp_alive -eq 5
	expect "$1" tcp_alive -eq 5
	no_violation "$1"
}

# offload_with EDGE USED PATH
offload_with() {
	within 10 "$1: firewall4's flowtable" flowtable
	# firewall4's has devices of zones only, to which tunnels do not belong.
	nft list flowtables | grep 'devices =' || :
	within 10 "$1: status" status_says "\"on\":true,\"used\":$2"
	if_status wan | grep '"edge"'
	check "$1: edge" "$(if_value wan @.data.edge)" = "$1"
	talks "$1, offload" "$3"
	router fw4 -q reload
	talks "$1, offload, after a reload" "$3"
}

case $(uname -r) in
[1-6].*) used=true path=offloaded ;;
*) used=false path=usual ;;
esac

line_working v6plus
check "off: status" "$(status_says '"on":false' && echo yes)" = yes
router_flow_offloading
router fw4 -q reload
settle
offload_with netdev "$used" "$path"
# A device of another index, while its flows are still offloaded.
if_down wan
if_up wan
within 20 "netdev, up again" wan_has "$LINE_IPV4"
within 20 "netdev, up again: ping" opened
settle
offload_with netdev "$used" "$path"

reconfigure "option proto 'mape'" "option edge 'postrouting'"
postrouting() { [ "$(if_value wan @.data.edge)" = postrouting ]; }
within 20 "postrouting: up" postrouting
within 20 "postrouting: ping" opened
settle
judge_load
offload_with postrouting false usual
within 1 "postrouting: status says why" status_says '"reason":"th'
router mape-proto status wan | grep 'flow offload'
