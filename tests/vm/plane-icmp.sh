#!/bin/sh
# ICMP through the edge, both ways: ping, traceroute, port unreachable, path MTU discovery; and
# the packets that are easily broken on the way, without checksums or in fragments.
# Arguments: LINE:EDGE... (all by default).
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2317 # functions are called through `timed`
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh

# Where the border relay's errors come from.
RELAY=203.0.113.1

# expect_error TEXT TYPE/CODE SENDER
expect_error() {
	check "$1: error" "$(field "$result" error)" = "\"$2\""
	check "$1: from" "$(field "$result" by)" = "\"$3\""
}

# outside_port HOST ADDRESS:PORT: the port that the LAN socket has outside, and a flow from it to
# SERVER:7100, where nothing answers, but a later probe comes from.
outside_port() {
	on "$1" lab-traffic probe --from "$2" --to "$SERVER:7100" --wait 3 >/dev/null
	result=$(on "$1" lab-traffic probe --from "$2" --to "$SERVER:7000")
	outside=$(field "$result" outside)
}

ping_test() {
	for host in lan2 cpe; do
		traffic "$host" icmp --to "$SERVER" --count 10
		expect "$text: ping from $host" answered -eq 10
		traffic "$host" icmp --to "$SERVER" --count 3 --size 4000
		expect "$text: ping of 4000 bytes from $host" answered -eq 3
	done
	# From outside to the router, with an identifier of the set, as a border relay lets through.
	traffic srv probe --protocol icmp --from "$SERVER:$(line_ports | sed -n 20p)" --to "$LINE_IPV4:0" --wait 3
	expect "$text: ping from outside" answered = true
}

traceroute_test() {
	for protocol in udp tcp icmp; do
		traffic lan2 probe --protocol "$protocol" --to "$SERVER:7000" --ttl 1 --wait 3
		expect_error "$text: $protocol, first hop" 11/0 192.168.1.1
		traffic lan2 probe --protocol "$protocol" --to "$SERVER:7000" --ttl 2 --wait 3
		expect_error "$text: $protocol, second hop" 11/0 "$RELAY"
		traffic cpe probe --protocol "$protocol" --to "$SERVER:7000" --ttl 1 --wait 3
		expect_error "$text: $protocol, first hop of the router" 11/0 "$RELAY"
	done
	traffic lan2 probe --to "$SERVER:33440" --ttl 3 --wait 3
	expect_error "$text: udp, last hop" 3/3 "$SERVER"
}

unreachable_test() {
	measure_unreachable
	expect_error "$text: closed UDP port" 3/3 "$SERVER"
	traffic lan2 probe --to "$SERVER:7998" --checksum 0 --wait 3
	expect_error "$text: closed UDP port, no checksum" 3/3 "$SERVER"
	traffic cpe probe --to "$SERVER:7997" --wait 3
	expect_error "$text: closed UDP port, router" 3/3 "$SERVER"
	# A firewall on the way refuses TCP.
	on br nft 'table inet refuse { chain refuse {
		type filter hook forward priority 0
		tcp dport 7996 reject with icmp type admin-prohibited
	}; }'
	traffic lan2 probe --protocol tcp --to "$SERVER:7996" --wait 3
	expect_error "$text: refused TCP" 3/13 "$RELAY"
	on br nft delete table inet refuse
}

path_mtu_test() {
	next_server
	traffic lan2 probe --to "$fresh:7000" --size 1450 --wait 3
	expect_error "$text: larger than the tunnel" 3/4 192.168.1.1
	expect "$text: larger than the tunnel" mtu -eq 1460
	for host in lan2 cpe; do
		for protocol in udp icmp; do
			next_server
			path_mtu 1300
			traffic "$host" probe --protocol "$protocol" --to "$fresh:7000" --size 1400 --wait 3
			expect_error "$text: $protocol too big from $host" 3/4 "$RELAY"
			expect "$text: $protocol too big from $host" mtu -eq 1300
		done
		next_server
		traffic "$host" bulk --to "$fresh:7000" --bytes 100000
		expect "$text: TCP upload from $host over a narrow path" equal = true
		path_mtu 1500
	done
}

# Errors that leave: about packets from outside to a LAN host.
outward_test() {
	outside_port lan2 192.168.1.12:5000
	traffic srv probe --from "$SERVER:7100" --to "$LINE_IPV4:$outside" --wait 3
	expect_error "$text: outward, closed UDP port" 3/3 "$LINE_IPV4"
	traffic srv probe --from "$SERVER:7100" --to "$LINE_IPV4:$outside" --checksum 0 --wait 3
	expect_error "$text: outward, closed UDP port, no checksum" 3/3 "$LINE_IPV4"
	traffic srv probe --from "$SERVER:7100" --to "$LINE_IPV4:$outside" --ttl 2 --wait 3
	expect_error "$text: outward, TTL exceeded" 11/0 "$LINE_IPV4"
	outside_port cpe "$LINE_IPV4:5000"
	traffic srv probe --from "$SERVER:7100" --to "$LINE_IPV4:$outside" --wait 3
	expect_error "$text: outward, closed UDP port of the router" 3/3 "$LINE_IPV4"

	on cpe ip route add 192.168.1.13 dev lan mtu lock 1200
	outside_port lan3 192.168.1.13:5000
	traffic srv probe --from "$SERVER:7100" --to "$LINE_IPV4:$outside" --size 1300 --wait 3
	expect_error "$text: outward, UDP too big" 3/4 "$LINE_IPV4"
	expect "$text: outward, UDP too big" mtu -eq 1200
	next_server
	traffic lan3 bulk --to "$fresh:7000" --bytes 100000
	expect "$text: outward, TCP download over a narrow path" equal = true
	on cpe ip route del 192.168.1.13
	on srv ip route flush cache
}

fragile_test() {
	for host in lan4 cpe; do
		traffic "$host" udp --to "$SERVER:7000" --count 5 --size 4000
		expect "$text: fragmented UDP from $host" whole -eq 5
	done
	traffic lan1 udp --to "$SERVER:7000" --count 5 --from "$LAN_SOURCES" --checksum 0
	expect "$text: UDP without checksums" answered -eq 5
	traffic cpe udp --to "$SERVER:7000" --count 5 --from "$LINE_IPV4" --checksum 0
	expect "$text: UDP without checksums from the router" answered -eq 5
	check "$text: fragments judged" "$(judge_count info_fragments)" -gt 0
}

# tunnel_error_test FIRST UNREACHABLE: ICMPv6 errors about the encapsulated packet (RFC 7597 section
# 8.2), from a router on the way to the border relay: a path that is too narrow, then no path. The
# arguments are the ICMP errors that hosts get.
tunnel_error_test() {
	next_server
	on br sysctl -qw net.ipv6.conf.all.forwarding=1
	net br <<-EOF
		addr del $LINE_BR/128 dev lo
		link add narrow mtu 1400 type veth peer name narrow2
		link set narrow up
		link set narrow2 up
		route add $LINE_BR via fe80::9 dev narrow
	EOF
	# The first packet teaches the kernel the path MTU of the tunnel.
	traffic lan2 probe --to "$fresh:7000" --size 1400 --wait 3
	expect "$text: first packet over a narrow path to the relay" error = "\"$1\""
	traffic lan3 probe --to "$fresh:7000" --size 1400 --wait 3
	expect_error "$text: next packet over a narrow path to the relay" 3/4 192.168.1.1
	expect "$text: next packet over a narrow path to the relay" mtu -eq 1360
	net br <<-EOF
		link del narrow
		route add unreachable $LINE_BR
	EOF
	on cpe ip -6 route flush cache
	for host in lan3 cpe; do
		traffic "$host" probe --to "$fresh:7000" --wait 3
		expect "$text: no path to the relay, from $host" error = "\"$2\""
	done
	net br <<-EOF
		route del unreachable $LINE_BR
		addr add $LINE_BR/128 dev lo nodad
	EOF
	on br sysctl -qw net.ipv6.conf.all.forwarding=0
	traffic lan3 probe --to "$fresh:7000"
	expect "$text: the relay is back" answered = true
}

icmp() {
	plane_line "$1"
	plane_load "$2"
	text="$1 $2"
	for part in ping traceroute unreachable path_mtu outward fragile; do
		"${part}_test"
	done
	tunnel_errors none none
	no_violation "$text"
	plane_unload
	line_down
}

# tunnel_errors FIRST UNREACHABLE
tunnel_errors() {
	# A veth pair in place of the tunnel has no outer packet.
	[ "$LAB_LINK" = veth ] || tunnel_error_test "$@"
}

# conntrack has the ports of the line here, so the kernel finds the sender of the inner packet.
plain_tunnel_errors() {
	plane_line v6plus
	plane_load plain
	text="v6plus plain"
	tunnel_errors 3/4 3/1
	plane_unload
	line_down
}

uname -r
trap topology_down EXIT
topology_up
serve_start
# Without the kernel's rate limit for ICMP errors.
for name in lan2 lan3 cpe br srv; do
	on $name sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 2>/dev/null || :
done
each_case icmp "$@"
[ $# -gt 0 ] || timed plain_tunnel_errors
check_finish
