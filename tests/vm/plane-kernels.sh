#!/bin/sh
# One row of the table of `cargo xtask plane --kernels`: what this kernel does under firewall4's
# table, without and with software flow offload. Arguments: cells RULES:OFFLOAD. The command
# compares the lines that begin with `cell` with what it expects; this script decides nothing.
#
# RULES is an edge, whose rules the loader loads, or rules written by hand that a kernel is known to
# carry wrongly:
#   range       source NAT into one block of the port set, without a rule of ours
#   bare-EDGE   the generated rules, without anything about offload
#   own-EDGE    the generated rules and a flowtable { LAN ports, tunnel }, whatever the kernel is
#   bridge-EDGE the same with the bridge in place of its ports
#   decoy-EDGE  the generated rules and a flowtable { lo }
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2119,SC2317 # functions are called by name, the loader without arguments
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./plane-state.sh
. ./fw4.sh

# own_flowtable DEVICES: adds flows before firewall4's rule does.
own_flowtable() {
	on cpe nft "table inet own { flowtable o { hook ingress priority filter; devices = { $1 }; }
		chain f { type filter hook forward priority filter - 1; policy accept;
			oifname \"mape-wan\" meta l4proto { tcp, udp } flow add @o
			iifname \"mape-wan\" meta l4proto { tcp, udp } flow add @o; }; }"
}

# watch_uplink: the relay counts IPv4 from the shared address that arrives without a tunnel and with
# a port outside the set.
watch_uplink() {
	m=$((16 - LINE_A - LINE_K)) mask=$(((1 << LINE_K) - 1))
	on br nft "table netdev watch { }; delete table netdev watch; table netdev watch { counter internal { };
		chain c { type filter hook ingress device cpe priority -501; policy accept;
			ip saddr $LINE_IPV4 meta l4proto { tcp, udp } th sport & $((mask << m)) != $((LINE_PSID << m)) \
				counter name internal; }; }"
}

load_rules() {
	case $1 in
	range)
		# firewall4's own rule would use ports that are not of the set.
		on cpe nft -f - <<-EOF
			delete table inet mape_rs
			table inet own { chain s { type nat hook postrouting priority srcnat - 5; policy accept;
				oifname "mape-wan" meta l4proto { tcp, udp } snat ip to $LINE_IPV4:5696-5711; }; }
		EOF
		;;
	bare-*) plane_load "${1#bare-}" ;;
	own-*) plane_load "${1#own-}" && own_flowtable '"lan1", "lan2", "lan3", "lan4", "mape-wan"' ;;
	bridge-*) plane_load "${1#bridge-}" && own_flowtable '"lan", "mape-wan"' ;;
	decoy-*) plane_load "${1#decoy-}" && own_flowtable '"lo"' ;;
	*)
		state_write "$1"
		loader
		;;
	esac
}

cell() {
	rules=${1%:*} offload=${1#*:}
	line_v6plus
	plane_static | on cpe nft -f -
	plane_line v6plus
	case $offload in
	off) fw4_load ;;
	on) fw4_load "$FW4_DEVICES" ;;
	esac
	load_rules "$rules"
	watch_uplink
	talk_and_count
	works=no
	if [ "$bulk" = true ] && [ "$(field "$result" udp_alive)" = 5 ] && [ "$(field "$result" tcp_alive)" = 5 ]; then
		works=yes
	fi
	frames=$(judge_count bad_frame)
	internal=$(on br nft list counter netdev watch internal | awk '$1 == "packets" { print $2 }')
	judge_report
	echo "cell  $rules:$offload works=$works out=$path_out in=$path_in" \
		"wrong=$(($(judge_violations) - frames)) frames=$frames internal=$internal"
	plane_unload
	line_down
}

uname -r
trap 'topology_down; rm -rf "$STATE"' EXIT
topology_up
serve_start
for one in "$@"; do
	cell "$one"
done
