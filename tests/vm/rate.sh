#!/bin/sh
# How fast are rulesets, side by side? Each has its own LAN host, CPE and server with the same line
# and addresses, so that nothing but the rules differs. One process measures all in turn.
#
#   lan0 --- cpe0 === srv0
#   lan1 --- cpe1 === srv1 ...
#
# Runs in the VM and, as root, on a host. LAB_NS and LAB_LINK as in topology.sh; further
#   RATE_ROUNDS   rounds (11)
#   RATE_SCALE    divides the number of slices (1; the emulated VM needs more)
#   RATE_CANDIDATES  rulesets, as words of `load`
#   RATE_OWN_KERNEL  not empty: only this script uses the kernel, so its tables may be changed
# Prints the names of the candidates, how many connections each of them has offloaded, and a line of
# lab-traffic for each kind of traffic.
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2034,SC2119 # variables of the sourced files; the loader without arguments
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./lines.sh
. ./folk.sh
. ./plane-state.sh
. ./fw4.sh
LAB_NS=${LAB_NS:-rate}
LAB_LINK=${LAB_LINK:-ip6tnl}
line_v6plus
plane_name=v6plus

CANDIDATES=${RATE_CANDIDATES:-masquerade again control inet snat contiguous own-netdev own-postrouting ports numgen ranges marks}

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
	*) "folk_$1" mape-wan ;;
	esac
}

# load CANDIDATE NUMBER: loads its rules into the namespace of this number. Further candidates are
#   own-EDGE      our rules, by the loader
#   part-PARTS    of our rules on the edge netdev only these, joined by dots: snat, edge, forward
#                 (the guard on what is forwarded), output (the guards on what the router sends);
#                 edge0, forward0, output0: their chains without rules
#   fw4-RULES     firewall4's table, and our rules on this edge or (masquerade) none
#   flows-RULES   the same with flow offload, without a flowtable of ours
#   both-RULES    the same with the flowtable that the loader adds
load() {
	on="on cpe$2" edge=${1#*-}
	case $1 in
	own-*) load_own "$2" ;;
	part-*)
		edge=netdev
		load_own "$2"
		for part in forward:chain:inet:mape_rs:forward_guard output:chain:inet:mape_rs:output_guard edge:table:netdev:mape_rs_wan; do
			case .${1#part-}. in
			*".${part%%:*}."*) continue ;;
			*".${part%%:*}0."*) verb=flush ;;
			*) verb=delete ;;
			esac
			$on nft "$verb $(echo "${part#*:}" | tr : ' ')"
		done
		;;
	fw4-*)
		fw4_table | $on nft -f -
		load_own "$2"
		;;
	flows-*)
		load_own "$2"
		fw4_table '"lan", "wan"' | $on nft -f -
		;;
	both-*)
		fw4_table '"lan", "wan"' | $on nft -f -
		load_own "$2"
		;;
	*) ruleset "$1" | $on nft -f - ;;
	esac
}

# load_own NUMBER: our rules on $edge.
load_own() {
	if [ "$edge" != masquerade ]; then
		state_write "$edge"
		on "cpe$1" mape-proto firewall --state-dir "$STATE" >&2
	fi
}

# Client, CPE and server of candidate $1, whose number is $2.
connect() {
	for name in lan$2 cpe$2 srv$2; do
		ip netns add "$LAB_NS-$name"
		on "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
			net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.all.accept_dad=0 \
			net.ipv6.conf.default.accept_dad=0
		echo "link set lo up" | net "$name"
	done
	if [ "$LAB_LINK" = veth ]; then
		# As topology.sh: no ARP on a tunnel.
		net "cpe$2" <<-EOF
			link add mape-wan address 02:00:00:00:00:01 mtu 1460 type veth peer name ce address 02:00:00:00:00:01 mtu 1460 netns $LAB_NS-srv$2
			link set mape-wan arp off
		EOF
		echo "link set ce arp off" | net "srv$2"
	else
		net "cpe$2" <<-EOF
			link add wan type veth peer name wan netns $LAB_NS-srv$2
			addr add fe80::2/64 dev wan nodad
			addr add $LINE_CE/128 dev wan nodad
			link set wan up
			route add default via fe80::1 dev wan
			link add mape-wan mtu 1460 type ip6tnl mode ipip6 local $LINE_CE remote $LINE_BR encaplimit none dev wan
		EOF
		net "srv$2" <<-EOF
			addr add fe80::1/64 dev wan nodad
			addr add $LINE_BR/128 dev lo nodad
			link set wan up
			route add $LINE_PREFIX via fe80::2 dev wan
			link add ce mtu 1460 type ip6tnl mode ipip6 local $LINE_BR remote $LINE_CE encaplimit none
		EOF
	fi
	net "cpe$2" <<-EOF
		link add lan type veth peer name eth0 netns $LAB_NS-lan$2
		addr add 10.0.0.1/24 dev lan
		link set lan up
		addr add $LINE_IPV4/32 dev mape-wan
		link set mape-wan up
		route add default dev mape-wan
	EOF
	net "lan$2" <<-EOF
		addr add 10.0.0.2/24 dev eth0
		link set eth0 up
		route add default via 10.0.0.1
	EOF
	net "srv$2" <<-EOF
		link set ce up
		route add local 198.18.0.0/15 dev lo
		route add default dev ce
	EOF
	load "$1" "$2"
}

# Tables of the kernel so large that hardly two entries share a place. Otherwise it depends on the
# addresses of a candidate's devices and flows how many entries its packets meet on their way.
enlarge_tables() {
	sysctl -qw net.netfilter.nf_conntrack_buckets=524288
	net4=10.9 net6=fd09:
	{
		echo "link add filler type dummy"
		echo "addr add $net4.0.1/16 dev filler"
		echo "link set filler up"
		# A table of neighbours never becomes smaller.
		seq 1 3000 | awk -v net4=$net4 -v net6=$net6 '{
			host4 = net4 "." int($1 / 250) + 1 "." $1 % 250 + 1
			host6 = sprintf("%s:%x", net6, $1)
			print "neigh add", host4, "lladdr 02:00:00:00:00:09 dev filler"
			print "neigh add", host6, "lladdr 02:00:00:00:00:09 dev filler"
		}'
		echo "link del filler"
	} | ip -batch -
}

remove() {
	for name in $(ip netns list | sed -n "s/^\($LAB_NS-[a-z0-9]*\).*/\1/p"); do
		ip netns del "$name"
	done
}

# rate KIND SLICES OPERATIONS. What earlier kinds have left is not in its way.
rate() {
	rate_number=0
	while [ "$rate_number" -lt "$count" ]; do
		on "cpe$rate_number" conntrack -F >/dev/null 2>&1 || :
		rate_number=$((rate_number + 1))
	done
	# The kernel deletes them later. Where time is counted in instructions, it costs nothing.
	[ -z "${RATE_OWN_KERNEL:-}" ] || sleep 5
	lab-traffic rate --kind "$1" --slices "$(($2 / ${RATE_SCALE:-1}))" --operations "$3" \
		--rounds "${RATE_ROUNDS:-11}" --candidates "$count" --to 198.18.0.0:7000 \
		--lan "/run/netns/$LAB_NS-lan" --server "/run/netns/$LAB_NS-srv"
}

trap 'remove; rm -rf "$STATE"' EXIT
eval "$(mape-proto plan --sh "$LINE_PREFIX")"
[ -z "${RATE_OWN_KERNEL:-}" ] || enlarge_tables
count=0
for candidate in $CANDIDATES; do
	connect "$candidate" "$count"
	count=$((count + 1))
done
echo "candidates $CANDIDATES"
# No more than a socket's queue holds, because it is read only after the slice.
rate out 120 120
rate in 120 120
# Now, because flows leave the flowtable while other kinds are measured.
number=0
for candidate in $CANDIDATES; do
	echo "offloaded $candidate $(on "cpe$number" conntrack -L 2>/dev/null | grep -c OFFLOAD || :)"
	number=$((number + 1))
done
# Of what a slice takes, the memory is most: many of them, or nothing can be seen.
rate bulk 120 2000000
rate blocks 120 2000000
# Last, because they leave many connections. Their rates vary most.
rate connect 720 25
rate udp 1440 40
