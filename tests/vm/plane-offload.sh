#!/bin/sh
# With software flow offload, as firewall4 sets it up: established flows skip prerouting, forward
# and postrouting, but not the hooks of the devices. What each kernel does is measured by
# plane-kernels.sh; here the rules change while flows are offloaded.
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
. ./fw4.sh

# The tunnels of kernels from 7.3 on carry no offloaded IPv4, so a flow with one keeps to the usual
# path. Before that, only the way from LAN to tunnel is offloaded.
case $(uname -r) in
[1-6].*) tunnel_offloads=true ;;
*) tunnel_offloads=false ;;
esac

# OpenWrt's 6.18 offloads no flow with a device that the flowtable lacks. So our flowtable of `lo`
# keeps no flow out of one that has the tunnel. firewall4's never has it.
case $(uname -r) in
6.18.*) kept_out=false ;;
*) kept_out=true ;;
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
	check "postrouting, loader: bulk TCP" "$bulk" = "$kept_out"
	if $kept_out; then
		expect "postrouting, loader: UDP sockets" udp_alive -eq 5
		expect "postrouting, loader: TCP connections" tcp_alive -eq 5
	fi
	# Again, with the same flowtable in place; then without any.
	loader
	says "again" "is loaded already"
	on cpe nft delete table inet fw
	loader
	check "postrouting: rules for flow offload" "$(on cpe nft list ruleset | grep -c 'flow add @no_offload')" -eq 0
	no_violation "postrouting, loader, offload"
}

# our_flowtable: its devices, in one line.
our_flowtable() {
	on cpe nft list flowtables | sed -n '/lan_and_tunnels/,/}/s/.*devices = { \(.*\) }/\1/p'
}

# both_ways TEXT [PATH]: everything works, and takes this path (or any) in both directions.
both_ways() {
	talk_and_count
	check "$1: bulk TCP" "$bulk" = true
	expect "$1: UDP sockets" udp_alive -eq 5
	expect "$1: TCP connections" tcp_alive -eq 5
	if [ "${2:-}" != any ]; then
		check "$1: LAN to line" "$path_out" = "${2:-offloaded}"
		check "$1: line to LAN" "$path_in" = "${2:-offloaded}"
	fi
	no_violation "$1"
}

# A port of the LAN is deleted and made again, as Wi-Fi does.
lan_port_again() {
	echo "link del lan2" | net cpe
	net cpe <<-EOF
		link add lan2 type veth peer name eth0 netns $LAB_NS-lan2
		link set lan2 master lan up
	EOF
	net lan2 <<-EOF
		addr add 192.168.1.12/24 dev eth0
		link set eth0 up
		route add default via 192.168.1.1
	EOF
	real_checksums lan2 eth0
}

# The loader's own flowtable, of the LAN's ports and the tunnel. Kernels whose tunnels carry no
# offloaded IPv4 get none.
in_our_flowtable() {
	fw4_load "$FW4_DEVICES"
	state_write netdev
	loader
	if ! $tunnel_offloads; then
		check "netdev: our flowtable" "$(our_flowtable)" = ""
		both_ways "netdev under firewall4's table" usual
		return
	fi
	all="lan1, lan2, lan3, lan4, mape-wan"
	check "netdev: our flowtable" "$(our_flowtable)" = "$all"
	both_ways "our flowtable"
	loader
	says "our flowtable, again" "is loaded already"
	# firewall4 loads again: our flows stay where they are.
	fw4_load "$FW4_DEVICES"
	loader
	says "firewall4 loaded again" "is loaded already"
	both_ways "firewall4 loaded again"
	# Other ports, another device and no device while flows are offloaded.
	next_server
	ip netns exec "$LAB_NS-lan3" lab-traffic steady --to "$fresh:7000" --udp 20 --tcp 20 --seconds 20 >/dev/null &
	steady=$!
	sleep 3
	state_write netdev 5696,9793
	loader
	sleep 2
	tunnel_down
	tunnel_up
	sleep 2
	loader
	check "device recreated: our flowtable" "$(our_flowtable)" = "$all"
	state_write netdev
	loader
	wait "$steady" || :
	both_ways "other ports, device recreated"
	# A port of the LAN comes back; firewall4 lists it again, and nothing else has changed.
	lan_port_again
	fw4_load "$FW4_DEVICES"
	loader
	check "LAN port made again: our flowtable" "$(our_flowtable | tr ', ' '\n' | grep -c .)" -eq 5
	both_ways "LAN port made again"
	# A port of the LAN that firewall4 does not list, as one that was made after its last load.
	fw4_load '"lan1", "lan3", "lan4", "wan"'
	loader
	both_ways "a port that is not listed" any
	fw4_load "$FW4_DEVICES"
	loader
	both_ways "the port is listed again"
	# Without firewall4's flowtable there is none of ours, and no flow is lost.
	fw4_load
	loader
	check "offload off: our flowtable" "$(our_flowtable)" = ""
	check "offload off: chains" "$(on cpe nft list chains | grep -c 'chain offload_')" -eq 0
	both_ways "offload off" usual
	# Another edge under the same table, and back.
	fw4_load "$FW4_DEVICES"
	loader
	check "on again: our flowtable" "$(our_flowtable | tr ', ' '\n' | grep -c .)" -eq 5
	state_write postrouting
	loader
	check "postrouting: our flowtable" "$(our_flowtable)" = ""
	both_ways "from our flowtable to postrouting" usual
	state_write plain
	loader
	both_ways "plain"
}

uname -r
trap 'topology_down; rm -rf "$STATE"' EXIT
topology_up
serve_start
for part in ${1:-on_the_device past_the_edge kept_from_it in_our_flowtable}; do
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
