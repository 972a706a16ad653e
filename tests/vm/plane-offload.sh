#!/bin/sh
# With software flow offload, as firewall4 sets it up: established flows skip prerouting, forward
# and postrouting, but not the hooks of the devices.
#
# shellcheck source-path=SCRIPTDIR
# Functions are called through `timed`, the loader without arguments:
# shellcheck disable=SC2317,SC2119
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./plane-state.sh

# The tunnels of kernels from 7.3 on carry no offloaded IPv4, so a flow with one keeps to the usual
# path. Before that, only the way from LAN to tunnel is offloaded.
case $(uname -r) in
[1-6].*) tunnel_offloads=true ;;
*) tunnel_offloads=false ;;
esac

check_offloaded() {
	if $tunnel_offloads; then
		check "$1: flows offloaded" "$offloaded" -gt 0
	else
		check "$1: flows offloaded" "$offloaded" -eq 0
	fi
}

# The same table that firewall4 makes for `flow_offloading`: the bridge's ports and the tunnel.
offload_on() {
	on cpe nft 'table inet fw { flowtable ft { hook ingress priority filter; devices = { lan1, lan2, mape-wan }; }
		chain forward { type filter hook forward priority filter; meta l4proto { tcp, udp } flow offload @ft; }; }'
}

on_the_device() {
	plane_load netdev
	offload_on
	talk
	check "netdev: bulk TCP" "$bulk" = true
	check_offloaded "netdev"
	expect "netdev: UDP sockets" udp_alive -eq 5
	expect "netdev: TCP connections" tcp_alive -eq 5
	no_violation "netdev with offload"
	plane_load netdev
	talk
	check "netdev, loaded again: bulk TCP" "$bulk" = true
	expect "netdev, loaded again: TCP connections" tcp_alive -eq 5
	# The flows above are still offloaded while their device goes.
	on cpe nft delete table inet fw
	tunnel_down
	tunnel_up
	offload_on
	plane_load netdev
	talk
	check "netdev, device recreated: bulk TCP" "$bulk" = true
	check_offloaded "netdev, device recreated"
	no_violation "netdev with offload, device recreated"
}

# Without the edge's help: offloaded flows do not work, but nothing wrong leaves either.
past_the_edge() {
	plane_load postrouting
	offload_on
	talk
	if $tunnel_offloads; then
		check "postrouting: bulk TCP" "$bulk" = false
	else
		check "postrouting: bulk TCP" "$bulk" = true
	fi
	if [ "$LAB_LINK" = ip6tnl ]; then
		check "postrouting with offload: violations" "$(judge_violations)" -eq 0
	else
		echo "note  postrouting with offload: $(judge_violations) violations without a tunnel to guard"
	fi
}

# The loader sees the flowtable and keeps our flows from it.
kept_from_it() {
	state_write postrouting
	loader
	check "postrouting: rules for flow offload" "$(on cpe nft list ruleset | grep -c 'flow add @no_offload')" -eq 0
	offload_on
	loader
	check "postrouting: rules for flow offload" "$(on cpe nft list ruleset | grep -c 'flow add @no_offload')" -eq 2
	talk
	check "postrouting, loader: bulk TCP" "$bulk" = true
	expect "postrouting, loader: UDP sockets" udp_alive -eq 5
	expect "postrouting, loader: TCP connections" tcp_alive -eq 5
	# Again, with the same flowtable in place; then without any.
	loader
	says "again" "is loaded already"
	on cpe nft delete table inet fw
	loader
	check "postrouting: rules for flow offload" "$(on cpe nft list ruleset | grep -c 'flow add @no_offload')" -eq 0
	no_violation "postrouting, loader, offload"
}

uname -r
trap 'topology_down; rm -rf "$STATE"' EXIT
topology_up
serve_start
for part in on_the_device past_the_edge kept_from_it; do
	# As on a router: the guard is there before the tunnel is. Connections of the last part
	# still send.
	line_v6plus
	plane_static | on cpe nft -f -
	plane_line v6plus
	timed "$part"
	plane_unload
	line_down
done
check_finish
