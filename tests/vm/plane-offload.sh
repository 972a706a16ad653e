#!/bin/sh
# With software flow offload, as firewall4 sets it up: established flows skip prerouting, forward
# and postrouting, but not the hooks of the devices.
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2317,SC2119 # functions are called through `timed`, the loader without arguments
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./plane-state.sh

# The same table that firewall4 makes for `flow_offloading`: the bridge's ports and the tunnel.
offload_on() {
	on cpe nft 'table inet fw { flowtable ft { hook ingress priority filter; devices = { lan1, lan2, mape-wan }; }
		chain forward { type filter hook forward priority filter; meta l4proto { tcp, udp } flow offload @ft; }; }'
}

# talk: TCP both ways and a UDP socket, long enough to be offloaded. Sets `bulk`, `steady`.
talk() {
	next_server
	traffic lan1 bulk --to "$fresh:7000" --bytes 300000 --wait 5
	bulk=$(field "$result" equal)
	offloaded_log=$(mktemp)
	ip netns exec "$LAB_NS-lan2" lab-traffic steady --to "$fresh:7000" --udp 5 --tcp 5 --seconds 4 >"$offloaded_log" &
	talker=$!
	until grep -q ready "$offloaded_log"; do
		kill -0 "$talker" || return 1
		sleep 0.2
	done
	sleep 2
	offloaded=$(on cpe conntrack -L 2>/dev/null | grep -c OFFLOAD) || :
	wait "$talker"
	result=$(tail -n 1 "$offloaded_log")
	echo "$result"
	rm "$offloaded_log"
}

on_the_device() {
	plane_load netdev
	offload_on
	talk
	check "netdev: bulk TCP" "$bulk" = true
	check "netdev: flows offloaded" "$offloaded" -gt 0
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
	check "netdev, device recreated: flows offloaded" "$offloaded" -gt 0
	no_violation "netdev with offload, device recreated"
}

# Without the edge's help: it does not work, but nothing wrong leaves either.
past_the_edge() {
	plane_load postrouting
	offload_on
	talk
	check "postrouting: bulk TCP" "$bulk" = false
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
	check "postrouting: rules for flow offload" "$(on cpe nft list ruleset | grep -c 'flow add @slow')" -eq 0
	offload_on
	loader
	check "postrouting: rules for flow offload" "$(on cpe nft list ruleset | grep -c 'flow add @slow')" -eq 2
	talk
	check "postrouting, loader: bulk TCP" "$bulk" = true
	expect "postrouting, loader: UDP sockets" udp_alive -eq 5
	expect "postrouting, loader: TCP connections" tcp_alive -eq 5
	# Again, with the same flowtable in place; then without any.
	loader
	says "again" "is loaded already"
	on cpe nft delete table inet fw
	loader
	check "postrouting: rules for flow offload" "$(on cpe nft list ruleset | grep -c 'flow add @slow')" -eq 0
	no_violation "postrouting, loader, offload"
}

uname -r
trap 'topology_down; rm -rf "$STATE"' EXIT
topology_up
serve_start
for part in on_the_device past_the_edge kept_from_it; do
	# As on a router: the guard is there before the tunnel is. Connections of the last part still
	# send.
	line_v6plus
	plane_static | on cpe nft -f -
	plane_line v6plus
	timed "$part"
	plane_unload
	line_down
done
check_finish
