#!/bin/sh
# What `mape-proto status` and `ports` tell of a line in use, held against what the servers and
# conntrack itself say; and that the connections of a former address are forgotten, and no others.
# Arguments: LINE:EDGE... (all by default).
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

# look: sets `seen`, the JSON, and `seen_status`.
look() {
	seen_status=0
	seen=$(on cpe mape-proto status --json --state-dir "$STATE" wan) || seen_status=$?
}

# sees TEXT JSON: this piece is in it.
sees() {
	case $seen in
	*"$2"*) check "$plane_name $edge, $1" "$2" = "$2" ;;
	*) check "$plane_name $edge, $1" "$seen" = "$2" ;;
	esac
}

used_ports() {
	on cpe mape-proto ports --used --state-dir "$STATE" wan |
		awk -v column="$1" '!/^#/ && $column > 0 { print $1 }'
}

# entries ADDRESS: of conntrack's own tool.
entries() {
	on cpe conntrack -L 2>/dev/null | grep -c "dst=$1 " || :
}

# Another interface: NAT of its own, to another address, over the same border relay.
other_up() {
	net cpe <<-EOF
		link add other type veth peer name other netns $LAB_NS-br
		addr add 203.0.113.9/30 dev other
		link set other up
		route add 198.19.0.0/16 via 203.0.113.10 dev other
	EOF
	net br <<-EOF
		addr add 203.0.113.10/30 dev other
		link set other up
	EOF
	real_checksums cpe other
	real_checksums br other
	on cpe nft 'table ip other { chain srcnat { type nat hook postrouting priority srcnat; oifname other masquerade; }; }'
}

other_down() {
	on cpe ip link del other
}

# talk NAMESPACE SERVER SECONDS: connections that go on talking. Sets `talker`, `talker_log`.
talk() {
	talker_log=$(mktemp)
	ip netns exec "$LAB_NS-$1" lab-traffic steady --to "$2:7000" --udp 5 --tcp 5 --seconds "$3" >"$talker_log" &
	talker=$!
	until grep -q ready "$talker_log"; do
		kill -0 "$talker" || return 1
		sleep 0.2
	done
}

counting() {
	look
	check "$plane_name $edge, idle: exit status" "$seen_status" -eq 0
	sees "idle" '"state":"up"'
	sees "idle" "\"edge\":\"$edge\""
	sees "idle" "\"usable\":$LINE_COUNT,\"used\":{\"tcp\":0,\"udp\":0,\"icmp\":0}"

	# The server says from which ports it was called.
	next_server
	hold_log=$(mktemp)
	ip netns exec "$LAB_NS-lan1" lab-traffic hold --to "$fresh:7000" --count 50 --from "$LAN_SOURCES" \
		--list 1 --keep 30 >"$hold_log" &
	holder=$!
	until grep -q alive "$hold_log"; do
		kill -0 "$holder" || return 1
		sleep 0.2
	done
	traffic lan2 udp --to "$fresh:7001" --count 20
	traffic lan3 icmp --to "$fresh" --count 10
	look
	sees "in use" '"used":{"tcp":50,"udp":20,"icmp":10}'
	sees "in use" '"connections":{"tcp":50,"udp":20,"icmp":10}'
	sees "in use" '"peak":{"tcp":50,"udp":20,"icmp":10,'
	sees "in use" '"dropped":{"incoming":0,"outgoing":0,"outer":0}'
	# Ports without a receiver: one outside every set, and one of this line that is not
	# published.
	traffic srv udp --to "$LINE_IPV4:80" --count 5 --rounds 1 --wait 1
	traffic srv udp --to "$LINE_IPV4:$(line_ports | tail -n 1)" --count 5 --rounds 1 --wait 1
	look
	sees "knocked at" '"dropped":{"incoming":5,"outgoing":0,"outer":0}'
	sees "knocked at" '"used":{"tcp":50,"udp":20,"icmp":10}'
	check "$plane_name $edge: bytes received" "$(field "$seen" rx_bytes)" -gt 0
	check "$plane_name $edge: packets sent" "$(field "$seen" tx_packets)" -gt 80
	tr -c '0-9\n' '\n' <"$hold_log" | awk '$1 > 1023' | sort -n | uniq >"$hold_log.called"
	used_ports 2 | sort -n >"$hold_log.listed"
	check "$plane_name $edge: ports that the server knows too" \
		"$(sort "$hold_log.called" "$hold_log.listed" | uniq -d | wc -l)" -eq 50
	check "$plane_name $edge: ports listed" "$(wc -l <"$hold_log.listed")" -eq 50
	line_ports | sort >"$hold_log.set"
	check "$plane_name $edge: ports listed, and of the set" \
		"$(sort "$hold_log.listed" "$hold_log.set" | uniq -d | wc -l)" -eq 50
	kill "$holder"
	wait "$holder" 2>/dev/null || :
	plane_forget
	look
	sees "afterwards" '"used":{"tcp":0,"udp":0,"icmp":0}'
	sees "afterwards" '"peak":{"tcp":50,"udp":20,"icmp":10,'
	rm -f "$hold_log" "$hold_log.called" "$hold_log.listed" "$hold_log.set"
}

# Rules that are not in force are not reported as such.
shutting() {
	plane_shut
	look
	check "$plane_name $edge, shut: exit status" "$seen_status" -eq 1
	sees "shut" '"state":"shut"'
	sees "shut" '"edge":null'
	on cpe nft delete table inet mape_rs
	loader
	look
	sees "open again" '"state":"up"'
	on cpe nft flush ruleset
	look
	sees "no rules at all" '"state":"shut"'
	loader
}

forgetting() {
	other_up
	talk lan1 "$SERVER" 12
	first=$talker first_log=$talker_log
	talk lan2 198.19.0.1 12
	check "$plane_name $edge: entries of the line" "$(entries "$LINE_IPV4")" -ge 10
	others=$(entries 203.0.113.9)
	check "$plane_name $edge: entries of the other interface" "$others" -ge 10
	loader --forget "$LINE_IPV4"
	says "forget" "connections forgotten"
	# What goes on talking makes new ones; the others are the same ones.
	wait "$first" || :
	wait "$talker" || :
	result=$(tail -n 1 "$talker_log")
	echo "$result"
	expect "$edge, the other interface" udp_alive -eq 5
	expect "$edge, the other interface" tcp_alive -eq 5
	expect "$edge, the other interface" udp_moved -eq 0
	rm -f "$first_log" "$talker_log"
	# Ended connections send their last packets again, and each makes an entry.
	for _ in 1 2 3 4 5; do
		loader --forget "$LINE_IPV4"
		left=$(entries "$LINE_IPV4")
		[ "$left" -gt 0 ] || break
		sleep 2
	done
	check "$plane_name $edge: entries of the line" "$left" -eq 0
	check "$plane_name $edge: entries of the other interface" "$(entries 203.0.113.9)" -ge 10
	on cpe nft delete table ip other
	other_down
	plane_forget
}

# Offloaded connections, while they talk.
offloading() {
	if [ "$LAB_LINK" != ip6tnl ]; then
		echo "note  no flow offload in the host's namespaces"
		return
	fi
	on cpe nft 'table inet fw { flowtable ft { hook ingress priority filter; devices = { lan1, lan2, mape-wan }; }
		chain forward { type filter hook forward priority filter; meta l4proto { tcp, udp } flow offload @ft; }; }'
	loader
	look
	case $edge:$(uname -r) in
	postrouting:[1-6].*) sees "flow offload" '"flow_offload":{"on":true,"used":false,"reason":"the edge postrouting' ;;
	*:[1-6].*) sees "flow offload" '"flow_offload":{"on":true,"used":true,"reason":null}' ;;
	*) sees "flow offload" '"flow_offload":{"on":true,"used":false,"reason":"this kernel does not' ;;
	esac
	talk lan1 "$SERVER" 8
	sleep 2
	echo "note  $(on cpe conntrack -L 2>/dev/null | grep -c OFFLOAD) flows offloaded"
	loader --forget "$LINE_IPV4"
	check "$plane_name $edge, offloaded: status of forget" "$loader_status" -eq 0
	says "forget" "10 connections forgotten"
	# As a renumbering does it: the device goes first.
	kill "$talker"
	wait "$talker" 2>/dev/null || :
	tunnel_down
	tunnel_up
	loader --forget "$LINE_IPV4"
	check "$plane_name $edge, offloaded and gone: status of forget" "$loader_status" -eq 0
	check "$plane_name $edge, offloaded and gone: entries" "$(entries "$LINE_IPV4")" -eq 0
	rm -f "$talker_log"
	on cpe nft delete table inet fw
	loader
	look
	sees "flow offload" '"flow_offload":{"on":false,"used":false,"reason":null}'
}

telling() {
	edge=$2
	plane_line "$1"
	state_write "$edge"
	loader
	counting
	shutting
	forgetting
	offloading
	plane_unload
	rm -f "$STATE/wan.json"
	look
	check "$plane_name $edge, no such interface: exit status" "$seen_status" -eq 1
	sees "no such interface" MAPE_NO_INTERFACE
	line_down
	rm -f "$STATE"/wan.*
}

uname -r
trap 'topology_down; rm -rf "$STATE"' EXIT
topology_up
serve_start
each_case telling "$@"
check_finish
