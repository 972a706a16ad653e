#!/bin/sh
# How the NAT behaves to a STUN server (RFC 5780), by default, for a published port and for a host
# with full cone; and a port that is published for a host, from outside and from inside.
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
. ./plane-state.sh

# state_with JSON [OPTION...]: loads the line with further options, and the forwards in $STATE/root.
state_with() {
	state_write "$edge"
	sed "s/}\$/$1}/" "$STATE/wan.json" >"$STATE/wan.new"
	mv "$STATE/wan.new" "$STATE/wan.json"
	loader --root "$STATE/root"
	plane_forget
}

# behaves TEXT MAPPING FILTERING HAIRPIN
behaves() {
	traffic lan1 behaviour --from 192.168.1.11:3074 --to 198.18.0.1:3478 --wait-ms 700
	expect "$text, $1" mapping = "\"$2\""
	expect "$text, $1" filtering = "\"$3\""
	expect "$text, $1" hairpin = "$4"
}

# answered NAMESPACE: by both protocols.
answered() {
	for protocol in tcp udp; do
		traffic "$1" probe --protocol "$protocol" --to "$LINE_IPV4:$port" --wait 10
		expect "$text: $protocol from $1" answered = true
	done
}

servers_test() {
	rm -rf "$STATE/root"
	mkdir -p "$STATE/root/etc/config"
	state_with ''
	behaves "default" endpoint address-port false
	state_with ',"cone_hosts":["192.168.1.11"]'
	behaves "full cone for this host" endpoint endpoint true
	loader --root "$STATE/root"
	says "full cone, again" "is loaded already"
	state_with ',"cone_hosts":["192.168.1.12"]'
	behaves "full cone for another host" endpoint address-port false
	cat >"$STATE/root/etc/config/firewall" <<-EOF
		config mape_forward game
			option dest_ip 192.168.1.11
			option dest_port 3074
			option proto udp
		config mape_forward web
			option dest_ip 192.168.1.12
			option dest_port 7000
	EOF
	state_with ''
	says "published" "forward game: published at $LINE_IPV4:"
	behaves "published" endpoint endpoint true
	port=$(echo "$said" | sed -n 's/^forward web: published at .*://p')
	check "$text: $port is one of the set" "$(line_ports | grep -cx "$port")" -eq 1
	local_serve lan2 7000
	for place in srv lan1 lan2 cpe; do
		answered "$place"
	done
	local_stop
}

servers() {
	edge=$2
	text="$1 $2"
	plane_line "$1"
	local_ready srv stun --from 198.18.0.1,198.18.0.2 --udp 3478,3479
	servers_test
	no_violation "$text"
	plane_unload
	line_down
}

uname -r
trap 'local_stop; topology_down' EXIT
topology_up
# Where the machine has br_netfilter, the bridge's packets would pass the rules twice; a router has
# not.
on cpe sysctl -qw net.bridge.bridge-nf-call-iptables=0 2>/dev/null || :
serve_start
each_case servers "$@"
check_finish
