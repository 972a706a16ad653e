#!/bin/sh
# A CPE with two lines: what belongs to one never leaves through the tunnel of the other. Edge,
# outer guard and guard in `forward` are tested one by one, and each check is repeated without the
# mechanism itself, where packets must pass.
# Arguments: EDGE... (netdev and postrouting by default).
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

# The second line, `ocn` of lines.sh, beside the first one. lan2 leaves by it.
CE2=2400:4050:80ba:2200:99:f202:e800:2200
BR2=2001:380:a120::9
second_up() {
	net cpe <<-EOF
		addr add $CE2/128 dev wan nodad
		link add mape-two mtu 1460 type ip6tnl mode ipip6 local $CE2 remote $BR2 encaplimit none dev wan
		addr add 153.242.2.232/32 dev mape-two
		link set mape-two up
		route add default dev mape-two table 2
		rule add from 192.168.1.12 table 2
		route add 192.0.2.0/24 dev mape-two
	EOF
	net br <<-EOF
		addr add $BR2/128 dev lo nodad
		route add 2400:4050:80ba:2200::/56 via fe80::2 dev cpe
		link add ce2 mtu 1460 type ip6tnl mode ipip6 local $BR2 remote $CE2 encaplimit none
		link set ce2 up
		route add 153.242.2.232/32 dev ce2
		route add 192.0.2.0/24 dev ce
	EOF
}

# At the relay, each tunnel counts what belongs to its line and what does not: the address, and the
# port by the bit formula, as in judge.sh.
both_judge() {
	on br nft -f - <<-EOF
		table inet both { }
		delete table inet both
		table inet both {
			counter ce_own { }
			counter ce_wrong { }
			counter ce2_own { }
			counter ce2_wrong { }
			chain judge {
				type filter hook prerouting priority raw; policy accept;
				iifname vmap { "ce" : goto first, "ce2" : goto second }
			}
			chain first {
				ip saddr 106.72.50.97 th sport & 0x0ff0 == 0x0640 th sport & 0xf000 != 0 counter name ce_own accept
				counter name ce_wrong drop
			}
			chain second {
				ip saddr 153.242.2.232 th sport & 0x03f0 == 0x0220 th sport & 0xfc00 != 0 counter name ce2_own accept
				counter name ce2_wrong drop
			}
		}
	EOF
}

# seen COUNTER...: the sum.
seen() {
	for counter in "$@"; do
		on br nft list counter inet both "$counter"
	done | awk '$1 == "packets" { sum += $2 } END { print sum + 0 }'
}

# two_loaded INTERFACE...: the rules of these lines, and nothing else.
two_loaded() {
	plane_unload
	rm -f "$STATE"/*.json
	for interface in "$@"; do
		case $interface in
		wan) state_write "$edge" ;;
		two)
			cat >"$STATE/two.json" <<-EOF2
				{"schema":1,"interface":"two","device":"mape-two","prefix":"2400:4050:80ba:2200::/56","rule":"$(plane_name=ocn state_rule)","mtu":1460,"reserved":"","edge":"$edge"}
			EOF2
			;;
		esac
	done
	loader
	check "$edge: interfaces loaded" "$(echo "$said" | grep -c ", loaded$")" -eq $#
	both_judge
}

no_edge() {
	for interface in "$@"; do
		case $edge in
		netdev) on cpe nft delete table netdev "mape_rs_$interface" ;;
		*)
			on cpe nft flush map inet mape_rs edge_out_by_oif
			on cpe nft flush map inet mape_rs edge_in_by_iif
			;;
		esac
	done
}

# In place of our NAT, one that gives the packets of each line an address and ports of the other.
wrong_nat() {
	on cpe nft -f - <<-EOF
		flush map inet mape_rs snat_by_oif
		table ip other {
			chain srcnat {
				type nat hook postrouting priority srcnat; policy accept;
				oifname "mape-wan" meta l4proto { tcp, udp } snat to 153.242.2.232:2592-2607
				oifname "mape-two" meta l4proto { tcp, udp } snat to 106.72.50.97:5696-5711
			}
		}
	EOF
}

# By both lines, UDP and TCP.
talk_both() {
	next_server
	for host in lan1 lan2; do
		traffic "$host" udp --to "$fresh:7000" --count 10 --rounds 1
		traffic "$host" hold --to "$fresh:7000" --count 3 --wait 1
	done
}

two_lines() {
	edge=$1
	two_loaded wan two
	talk_both
	check "$edge: of the first line" "$(seen ce_own)" -gt 0
	check "$edge: of the second line" "$(seen ce2_own)" -gt 0
	check "$edge: wrong" "$(seen ce_wrong ce2_wrong)" -eq 0

	wrong_nat
	on cpe nft flush chain inet mape_rs output_guard
	talk_both
	check "$edge: wrong NAT, the edge alone" "$(seen ce_wrong ce2_wrong)" -eq 0
	no_edge wan two
	talk_both
	check "$edge: wrong NAT and nothing else" "$(seen ce_wrong)" -gt 0
	check "$edge: the same on the second line" "$(seen ce2_wrong)" -gt 0

	# Its short cuts are those that the loader inserts again after a reload of firewall4.
	two_loaded wan two
	plane_static | on cpe nft -f -
	loader
	check "$edge: short cuts" "$(on cpe nft list chain inet mape_rs output_guard | grep -c " accept$")" -eq 4
	wrong_nat
	no_edge wan two
	talk_both
	check "$edge: wrong NAT, the outer guard alone" "$(seen ce_wrong ce2_wrong)" -eq 0

	# The second line is closed, to the LAN and to packets that the first line brings.
	two_loaded wan
	no_edge wan
	on cpe nft "table ip other { chain srcnat { type nat hook postrouting priority srcnat; masquerade; }; }"
	for from in lan2 srv; do
		traffic "$from" udp --to 192.0.2.1:7000 --count 10 --rounds 1
	done
	check "$edge: closed line, the guard in forward alone" "$(seen ce2_own ce2_wrong)" -eq 0
	on cpe nft flush chain inet mape_rs forward_guard
	for from in lan2 srv; do
		both_judge
		traffic "$from" udp --to 192.0.2.1:7000 --count 10 --rounds 1
		check "$edge: closed line without it, from $from" "$(seen ce2_own ce2_wrong)" -gt 0
	done
}

uname -r
if [ "$LAB_LINK" != ip6tnl ]; then
	echo "needs tunnels: on a veth pair there is no outer packet" >&2
	exit 1
fi
trap 'topology_down; rm -rf "$STATE"' EXIT
topology_up
serve_start
plane_line v6plus
on br nft delete table inet judge
second_up
[ $# -gt 0 ] || set -- netdev postrouting
for edge in "$@"; do
	timed two_lines "$edge"
done
check_finish
