#!/bin/sh
# How fast are rulesets, side by side? One CPE for each, all with the same line, between one LAN
# host and one server; the destination chooses the CPE, so that one process measures all in turn.
#
#   lan --- cpe0 === srv     198.18.0.0/19
#    |----- cpe1 ===  |      198.18.32.0/19 ...
#
# Runs in the VM and, as root, on a host. LAB_NS and LAB_LINK as in topology.sh; further
#   RATE_ROUNDS   rounds (11)
#   RATE_SCALE    divides the number of slices (1; the emulated VM needs more)
# Prints the candidates' names, then a line of lab-traffic for each kind of traffic.
#
# shellcheck source-path=SCRIPTDIR
set -eu
cd "$(dirname "$0")"
. ./lines.sh
. ./folk.sh
LAB_NS=${LAB_NS:-rate}
LAB_LINK=${LAB_LINK:-ip6tnl}
line_v6plus

CANDIDATES='masquerade again control inet snat contiguous netdev postrouting ports numgen ranges marks'

on() {
	on_namespace=$LAB_NS-$1
	shift
	ip netns exec "$on_namespace" "$@"
}

net() {
	ip -n "$LAB_NS-$1" -batch -
}

# plain [FAMILY]: a chain of the plain kind, with its rules on standard input.
plain() {
	cat <<-EOF
		table ${1:-ip} plain {
			chain srcnat {
				type nat hook postrouting priority srcnat; policy accept;
				oifname "mape-wan" goto out
			}
			chain out {
				$(cat)
			}
		}
	EOF
}

# A known extra cost: rules that every packet passes and none matches.
extra_rules() {
	echo "table ip extra { chain forward { type filter hook forward priority 0; policy accept;"
	seq 1 500 | sed 's/.*/ip saddr 192.0.2.1/'
	printf '}\n}\n'
}

ruleset() {
	case $1 in
	masquerade | again) echo masquerade | plain ;;
	control)
		echo masquerade | plain
		extra_rules
		;;
	# As firewall4 has it. Of family inet, NAT also brings conntrack for IPv6, which is what the
	# tunnel's own packets are.
	inet) echo masquerade | plain inet ;;
	snat) echo "snat to $LINE_IPV4" | plain ;;
	# As many ports as the set has, but in one piece, which no MAP-E line has.
	contiguous) echo "meta l4proto { tcp, udp, icmp } snat to $LINE_IPV4:16384-16623" | plain ;;
	netdev | postrouting) mape-proto plan --nft --edge "$1" "$LINE_PREFIX" ;;
	*) "folk_$1" mape-wan ;;
	esac
}

# The CPE's and the server's ends of candidate $1, whose number is $2.
connect() {
	servers=198.$((18 + $2 / 8)).$(($2 % 8 * 32)).0/19
	if [ "$LAB_LINK" = veth ]; then
		# As topology.sh: no ARP on a tunnel.
		net "cpe$2" <<-EOF
			link add mape-wan address 02:00:00:00:00:01 mtu 1460 type veth peer name ce$2 address 02:00:00:00:00:01 mtu 1460 netns $LAB_NS-srv
			link set mape-wan arp off
		EOF
		echo "link set ce$2 arp off" | net srv
	else
		# The same CE everywhere; the relay's addresses tell the tunnels apart.
		net "cpe$2" <<-EOF
			link add wan type veth peer name wan$2 netns $LAB_NS-srv
			addr add fe80::2/64 dev wan nodad
			addr add $LINE_CE/128 dev wan nodad
			link set wan up
			route add default via fe80::1 dev wan
			link add mape-wan mtu 1460 type ip6tnl mode ipip6 local $LINE_CE remote fd00::$2 encaplimit none dev wan
		EOF
		net srv <<-EOF
			addr add fe80::1/64 dev wan$2 nodad
			addr add fd00::$2/128 dev lo nodad
			link set wan$2 up
			link add ce$2 mtu 1460 type ip6tnl mode ipip6 local fd00::$2 remote $LINE_CE encaplimit none
		EOF
		on srv ip -6 rule add from "fd00::$2" lookup $((100 + $2))
		on srv ip -6 route add default via fe80::2 dev "wan$2" table $((100 + $2))
	fi
	net "cpe$2" <<-EOF
		link add lan type veth peer name lan$2 netns $LAB_NS-lan
		addr add 10.0.$2.1/24 dev lan
		link set lan up
		addr add $LINE_IPV4/32 dev mape-wan
		link set mape-wan up
		route add default dev mape-wan
	EOF
	net lan <<-EOF
		addr add 10.0.$2.2/24 dev lan$2
		link set lan$2 up
		route add $servers via 10.0.$2.1
	EOF
	# The answer takes the way of the question, though every CPE has the same address.
	net srv <<-EOF
		link set ce$2 up
		rule add from $servers lookup $((100 + $2))
		route add default dev ce$2 table $((100 + $2))
	EOF
	ruleset "$1" | on "cpe$2" nft -f -
}

remove() {
	for name in $(ip netns list | sed -n "s/^\($LAB_NS-[a-z0-9]*\).*/\1/p"); do
		ip netns del "$name"
	done
}

# rate KIND SLICES OPERATIONS
rate() {
	on lan lab-traffic rate --kind "$1" --slices "$(($2 / ${RATE_SCALE:-1}))" --operations "$3" \
		--rounds "${RATE_ROUNDS:-11}" --candidates "$count" --to 198.18.0.0:7000 \
		--server "/run/netns/$LAB_NS-srv"
}

trap remove EXIT
eval "$(mape-proto plan --sh "$LINE_PREFIX")"
for name in lan srv; do
	ip netns add "$LAB_NS-$name"
	on "$name" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
	echo "link set lo up" | net "$name"
done
on srv sysctl -qw net.ipv6.conf.all.forwarding=1
echo "route add local 198.18.0.0/15 dev lo" | net srv
count=0
for candidate in $CANDIDATES; do
	ip netns add "$LAB_NS-cpe$count"
	on "cpe$count" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.all.accept_dad=0 \
		net.ipv6.conf.default.accept_dad=0
	connect "$candidate" "$count"
	count=$((count + 1))
done
echo "candidates $CANDIDATES"
# Its bound is the closest, and its rates vary most.
rate connect 96 25
rate udp 24 80
# No more than a socket's queue holds, because it is read only after the slice.
rate out 60 120
rate in 60 120
# Of what a slice takes, the memory is most: many of them, or nothing can be seen.
rate bulk 120 2000000
rate blocks 20 2000000
