# shellcheck shell=sh
# A MAP-E line made of network namespaces, and a border relay that judges. Source it.
#
#   lan1..lan4 --- cpe === IPv4 in IPv6 === br --- srv
#   192.168.1.x    `lan`    `mape-wan`    `ce`     every address of 198.18.0.0/15
#
# The caller sets the line's numbers; nothing here is computed by, or shared with, the programs
# under test:
#   LINE_PREFIX   end-user prefix, such as 240b:10:3261:6400::/56
#   LINE_CE       the CE's address     LINE_BR  the border relay's
#   LINE_IPV4     the shared address   LINE_PSID LINE_A LINE_K  port set: PSID, offset, PSID length
# and may set:
#   LAB_NS        prefix of the namespaces' names (lab)
#   LAB_LINK      ip6tnl, or veth where the kernel has no ip6_tunnel: same names, no outer header
#   LAB_OFFLOAD   1 leaves checksum offload on (faster, but then no checksum is verified)
#
# Works in the VM and, as root, on a host: everything it makes is in its own namespaces.

LAB_NS=${LAB_NS:-lab}
LAB_LINK=${LAB_LINK:-ip6tnl}
LAN_HOSTS='1 2 3 4'
# lan1's further addresses, for many LAN hosts' worth of sockets in one process.
LAN_SOURCES=192.168.1.21,192.168.1.22,192.168.1.23,192.168.1.24
# Where servers live: any address in 198.18.0.0/15 answers.
# shellcheck disable=SC2034 # for the scripts that source this
SERVER=198.18.0.1

# on NAMESPACE COMMAND...
on() {
	on_namespace=$LAB_NS-$1
	shift
	ip netns exec "$on_namespace" "$@"
}

# net NAMESPACE, with `ip` commands on standard input: one process for many.
net() {
	ip -n "$LAB_NS-$1" -batch -
}

# Namespaces and the links between them, without a line. The bridge keeps its address when a port
# comes or goes, as a router's does.
topology_up() {
	topology_namespace cpe
	on cpe sysctl -qw net.ipv4.ip_forward=1
	topology_links
	net cpe <<-EOF
		link set lo up
		link add lan address 02:00:00:00:01:00 type bridge
		addr add 192.168.1.1/24 dev lan
		link set lan up
		link set lan1 master lan up
		link set lan2 master lan up
		link set lan3 master lan up
		link set lan4 master lan up
		addr add fe80::2/64 dev wan nodad
		link set wan up
		route add ::/0 via fe80::1 dev wan
	EOF
}

topology_namespace() {
	ip netns add "$LAB_NS-$1"
	# Addresses usable at once; echo requests without privileges (one identifier per socket).
	on "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.accept_ra=0 net.ipv4.ping_group_range='0 2147483647'
}

# Everything but the CPE's own configuration: it has lan1 to lan4 and wan, down and without
# addresses.
topology_links() {
	for name in lan1 lan2 lan3 lan4 br srv; do
		topology_namespace "$name"
	done
	on br sysctl -qw net.ipv4.ip_forward=1

	net cpe <<-EOF
		link add wan type veth peer name cpe netns $LAB_NS-br
	EOF
	for host in $LAN_HOSTS; do
		net cpe <<-EOF
			link add lan$host type veth peer name eth0 netns $LAB_NS-lan$host
		EOF
		net "lan$host" <<-EOF
			link set lo up
			addr add 192.168.1.1$host/24 dev eth0
			link set eth0 up
			route add default via 192.168.1.1
		EOF
		real_checksums "lan$host" eth0
	done
	for source in $(echo "$LAN_SOURCES" | tr , ' '); do
		echo "addr add $source/24 dev eth0"
	done | net lan1

	net br <<-EOF
		link set lo up
		addr add fe80::1/64 dev cpe nodad
		link set cpe up
		link add srv type veth peer name eth0 netns $LAB_NS-srv
		addr add 203.0.113.1/30 dev srv
		link set srv up
		route add 198.18.0.0/15 via 203.0.113.2
	EOF
	net srv <<-EOF
		link set lo up
		addr add 203.0.113.2/30 dev eth0
		link set eth0 up
		route add local 198.18.0.0/15 dev lo
		route add default via 203.0.113.1
	EOF
	real_checksums cpe wan
	real_checksums br cpe
	real_checksums br srv
	real_checksums srv eth0
}

# Also after half a topology_up: `trap topology_down EXIT` before it.
topology_down() {
	serve_stop
	for name in lan1 lan2 lan3 lan4 cpe br srv; do
		ip netns del "$LAB_NS-$name" 2>/dev/null || :
	done
}

# Between namespaces, checksums are normally neither computed nor verified: a ruleset that breaks
# them would pass every test here and no real network.
real_checksums() {
	if [ "${LAB_OFFLOAD:-0}" != 1 ]; then
		on "$1" ethtool -K "$2" tx off >/dev/null
	fi
}

# The line: addresses, tunnel and routes of CPE and border relay, and the judge.
line_up() {
	net cpe <<-EOF
		addr add ${LINE_PREFIX%/*}1/64 dev wan nodad
		addr add $LINE_CE/128 dev wan nodad
	EOF
	net br <<-EOF
		addr add $LINE_BR/128 dev lo nodad
		route add $LINE_PREFIX via fe80::2 dev cpe
	EOF
	tunnel_up
	judge_load
}

# Both ends of the tunnel. Apart from line_up: tests delete and recreate the CPE's end.
tunnel_up() {
	if [ "$LAB_LINK" = veth ]; then
		# No ARP on a tunnel; equal addresses make the ends accept each other without it.
		net cpe <<-EOF
			link add mape-wan address 02:00:00:00:00:01 mtu 1460 type veth peer name ce address 02:00:00:00:00:01 mtu 1460 netns $LAB_NS-br
			link set mape-wan arp off
		EOF
		echo "link set ce arp off" | net br
		real_checksums cpe mape-wan
		real_checksums br ce
	else
		echo "link add mape-wan mtu 1460 type ip6tnl mode ipip6 local $LINE_CE remote $LINE_BR encaplimit none dev wan" | net cpe
		if ! on br ip link show ce >/dev/null 2>&1; then
			echo "link add ce mtu 1460 type ip6tnl mode ipip6 local $LINE_BR remote $LINE_CE encaplimit none" | net br
		fi
	fi
	net cpe <<-EOF
		addr add $LINE_IPV4/32 dev mape-wan
		link set mape-wan up
		route add default dev mape-wan
	EOF
	net br <<-EOF
		link set ce up
		route replace $LINE_IPV4/32 dev ce
	EOF
}

# The CPE's end only, as an ifdown would.
tunnel_down() {
	echo "link del mape-wan" | net cpe
}

line_down() {
	tunnel_down
	if [ "$LAB_LINK" != veth ]; then
		echo "link del ce" | net br
	fi
	net br <<-EOF
		addr del $LINE_BR/128 dev lo
		route del $LINE_PREFIX via fe80::2 dev cpe
	EOF
	net cpe <<-EOF
		addr del ${LINE_PREFIX%/*}1/64 dev wan
		addr del $LINE_CE/128 dev wan
	EOF
	on br nft delete table inet judge 2>/dev/null || :
	on br nft delete table netdev judge 2>/dev/null || :
}

# path_mtu BYTES: narrows the way from the border relay to the servers, so that it sends
# "fragmentation needed" to the CE. By route: a device with a smaller MTU than its peer loses
# packets in silence.
path_mtu() {
	on br ip route replace 198.18.0.0/15 via 203.0.113.2 mtu lock "$1"
}

# Every port of the set, one per line: RFC 7597 section 5.1, A | PSID | M.
line_ports() {
	m=$((16 - LINE_A - LINE_K))
	a=$((LINE_A > 0))
	while [ "$a" -lt $((1 << LINE_A)) ]; do
		first=$((a << (16 - LINE_A) | LINE_PSID << m))
		seq "$first" $((first + (1 << m) - 1))
		a=$((a + 1))
	done
}

# The servers: TCP and UDP echo on 7000 to 7003 of every address.
serve_start() {
	serve_log=$(mktemp)
	# Not through `on`: the process to stop later would be a shell around this one.
	ip netns exec "$LAB_NS-srv" lab-traffic serve --tcp 7000-7003 --udp 7000-7003 \
		--seconds "${SERVE_SECONDS:-86400}" >"$serve_log" &
	serve_process=$!
	until grep -q ready "$serve_log"; do
		kill -0 "$serve_process" || return 1
		sleep 0.1
	done
}

serve_stop() {
	if [ -n "${serve_process:-}" ]; then
		kill "$serve_process" || :
		wait "$serve_process" 2>/dev/null || :
		serve_process=
		rm -f "$serve_log"
	fi
}
