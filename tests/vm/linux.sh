# shellcheck shell=sh
# The variables are read by the scripts that source this; `fresh` comes from plane.sh:
# shellcheck disable=SC2034,SC2154
# A plain Linux machine as the CPE: its uplink gets router advertisements, `mape-proto` does the
# rest. Source it after topology.sh, judge.sh, lines.sh, check.sh and plane.sh.
#
# The border relay is configured from the literals of lines.sh only. It finds the CE address by
# neighbour discovery, as a provider's equipment on an on-link /64 does.

STATE_DIR=/var/run/mape-rs
# What `watch` said since its last start.
WATCH_LOG=/tmp/watch.log
# radvd looks its user up.
[ -e /etc/passwd ] || printf '%s\n' root:x:0:0::/:/bin/sh >/etc/passwd
UPLINK=eth0

# The uplink of the CPE, called eth0, and perhaps in a bridge: linux_uplink eth0|br0
linux_uplink() {
	UPLINK=$1
	# An earlier script of this boot may have ended with its line up.
	rm -rf "$STATE_DIR" "$WATCH_LOG"
	net cpe <<-EOF2
		link set wan down
		link set wan name eth0
	EOF2
	if [ "$1" = br0 ]; then
		net cpe <<-EOF2
			link add br0 type bridge mcast_snooping 0
			link set eth0 master br0
		EOF2
		on cpe sysctl -qw net.ipv6.conf.br0.accept_ra=2
		on cpe ip link set eth0 up
	fi
	on cpe sysctl -qw "net.ipv6.conf.$1.accept_ra=2" net.ipv4.ip_forward=1
	on cpe ip link set "$1" up
	real_checksums cpe "$1"
	on br sysctl -qw net.ipv6.conf.all.forwarding=1
	linux_wait 30 linux_settled || check "links" waiting = settled
}

# Every link of the CPE has its carrier, its link-local address and its state. The kernel takes up
# to a second for each, and a state noted before that is not the one to come back to.
linux_settled() {
	[ "$(on cpe ip -o link show up | grep -c BROADCAST)" -eq \
		"$(on cpe ip -o -6 address show scope link | grep -vc tentative)" ] &&
		! on cpe ip -o link show up | grep BROADCAST | grep -q 'state UNKNOWN'
}

# The provider's side of the line in LINE_*.
linux_relay() {
	net br <<-EOF2
		addr add $LINE_BR/128 dev lo nodad
		route add ${LINE_PREFIX%/*}/64 dev cpe
		link add ce mtu 1460 type ip6tnl mode ipip6 local $LINE_BR remote $LINE_CE encaplimit none
		link set ce up
		route replace $LINE_IPV4/32 dev ce
	EOF2
	judge_load
}

linux_is_quiet() {
	quiet_before=$(judge_count passed)
	sleep 0.5
	[ "$(judge_count passed)" = "$quiet_before" ]
}

# What connections that were closed a moment ago still send is judged by the line that they had.
linux_relay_down() {
	linux_wait 2 linux_is_quiet || :
	net br <<-EOF2
		link del ce
		addr del $LINE_BR/128 dev lo
		route del ${LINE_PREFIX%/*}/64 dev cpe
	EOF2
}

# Seconds between two router advertisements, and the valid lifetime of their prefixes in seconds.
RA_MIN=3 RA_MAX=4 RA_VALID=86400

# linux_advertise [PREFIX/64 LIFETIME]...: router advertisements with these prefixes; the preferred
# lifetime is in seconds, 0 for a prefix that is withdrawn.
linux_advertise() {
	linux_silence
	{
		echo "interface cpe { AdvSendAdvert on; MinRtrAdvInterval $RA_MIN; MaxRtrAdvInterval $RA_MAX;"
		echo "MinDelayBetweenRAs 3; AdvDefaultLifetime 1800;"
		while [ $# -gt 0 ]; do
			echo "prefix $1 { AdvValidLifetime $RA_VALID; AdvPreferredLifetime $2; };"
			shift 2
		done
		echo "};"
	} >/tmp/radvd.conf
	# Not through `on`: the process to stop later would be a shell around this one.
	ip netns exec "$LAB_NS-br" radvd -n -m stderr -C /tmp/radvd.conf -p /tmp/radvd.pid 2>/tmp/radvd.log &
	advertiser=$!
}

linux_silence() {
	if [ -n "${advertiser:-}" ]; then
		kill "$advertiser" 2>/dev/null || :
		wait "$advertiser" 2>/dev/null || :
		advertiser=
	fi
}

# linux_wait SECONDS COMMAND...: until the command succeeds.
linux_wait() {
	linux_left=$(($1 * 5))
	shift
	until "$@" >/dev/null 2>&1; do
		linux_left=$((linux_left - 1))
		[ "$linux_left" -gt 0 ] || return 1
		sleep 0.2
	done
}

# The router advertisement has arrived: there is an address of this prefix and a default route.
linux_has_prefix() {
	on cpe ip -6 address show dev "$UPLINK" scope global -deprecated | grep -q "inet6 $1" &&
		on cpe ip -6 route show default | grep -q default
}

# linux_v6plus UPLINK: a machine that has the prefix of a v6 Plus line, and nothing of ours yet.
linux_v6plus() {
	line_v6plus
	topology_up
	serve_start
	linux_uplink "$1"
	linux_relay
	linux_advertise 240b:10:3261:6400::/64 14400
	linux_wait 20 linux_has_prefix 240b:10:3261:6400
}

# mape WORD...: the program in the CPE. Sets `said` and `status`.
mape() {
	status=0
	said=$(on cpe mape-proto "$@" 2>&1) || status=$?
	echo "$said"
}

# One process reads them; `sysctl -a` takes seconds in an emulated machine.
linux_sysctls() {
	on cpe grep -r '' /proc/sys/net 2>/dev/null | grep -v nf_conntrack_count
}

# Everything of the CPE that must be as before: rules, addresses, routes, devices, sysctls, files.
# Lifetimes go down by themselves, and so does the number of connections.
linux_state() {
	on cpe nft --stateless list ruleset
	for family in -4 -6; do
		on cpe ip "$family" rule
		on cpe ip "$family" route show table all | sed 's/ expires [0-9]*sec//' | sort
	done
	on cpe ip address | sed 's/_lft [0-9]*sec/_lft N/g'
	linux_sysctls
	find /etc /run /var/run -type f 2>/dev/null | grep -v "^/run/netns" | sort | xargs sha256sum
	ls -d "$STATE_DIR" 2>/dev/null || :
}

# linux_same TEXT BEFORE AFTER: two files with states.
linux_same() {
	if cmp -s "$2" "$3"; then same=same; else
		same=different
		diff "$2" "$3" | head -n 20
	fi
	check "$1: checksum $(sha256sum "$3" | cut -c1-8), state" "$same" = same
}

# The line is complete: linux_right TEXT
linux_right() {
	right=$(on cpe mape-proto status 2>&1) || :
	check "$1: status" "$(echo "$right" | sed -n 's/^wan: \([a-z]*\).*/\1/p')" = up
	[ "$(echo "$right" | grep -c "^wan: up")" -eq 1 ] || echo "$right"
	check "$1: tunnels" "$(on cpe ip -d link show type ip6tnl | grep -c "ip6tnl ipip6 remote $LINE_BR local $LINE_CE dev $UPLINK")" -eq 1
	check "$1: CE addresses" "$(on cpe ip -6 address show dev "$UPLINK" | grep -c '/128')" -eq 1
	check "$1: IPv4 address" "$(on cpe ip -4 -o address show dev mape-wan | awk '{ print $4 }')" = "$LINE_IPV4/32"
	check "$1: default routes through the tunnel" "$(on cpe ip -4 route show default dev mape-wan | wc -l)" -eq 1
}

# `watch`, as a supervisor runs it.
linux_watch() {
	# The process of `&` may open the file later than it is read.
	: >"$WATCH_LOG"
	ip netns exec "$LAB_NS-cpe" mape-proto watch 2>"$WATCH_LOG" &
	watcher=$!
}

linux_watch_stop() {
	if [ -n "${watcher:-}" ]; then
		kill "$watcher"
		wait "$watcher" 2>/dev/null || :
		watcher=
	fi
}

# The tunnel has the CE address of LINE_*.
linux_has_line() {
	on cpe ip -d link show mape-wan | grep -q "local $LINE_CE"
}

linux_is_up() {
	on cpe mape-proto status 2>&1 | grep -q '^wan: up'
}

# A ping all the way, so the neighbours know each other again too.
linux_answers() {
	on lan1 ping -c 1 -W 1 "$SERVER"
}

# linux_follows TEXT: the line comes up, by itself.
linux_follows() {
	linux_wait 30 linux_is_up || :
	linux_right "$1"
	linux_wait 20 linux_answers || check "$1: ping" silence = answer
	linux_traffic "$1"
}

# Another program removes all rules, those of others and ours. Until `watch` has loaded them again,
# the last packets of closed connections leave as they are, so the judge begins after that.
linux_flush() {
	on cpe nft flush ruleset
	linux_wait 30 linux_is_up || :
	judge_load
}

# Packets go through: a handful of each kind, judged by the border relay.
linux_traffic() {
	# A newly loaded ruleset passes packets at once, but neighbour discovery may still be
	# running.
	linux_wait 10 on lan1 ping -c 1 -W 1 "$SERVER" || :
	next_server
	traffic lan1 hold --to "$fresh:7000" --count 30 --wait 4 --again 5
	expect "$1" alive -eq 30
	traffic lan2 icmp --to "$SERVER" --count 10
	expect "$1" answered -eq 10
	no_violation "$1"
}

# A boot: nothing of the machine's state is left but its configuration.
linux_reboot() {
	on cpe nft flush ruleset
	on cpe ip link delete mape-wan 2>/dev/null || :
	on cpe ip link set "$UPLINK" down
	on cpe ip -6 address flush dev "$UPLINK"
	on cpe conntrack -F >/dev/null 2>&1 || :
	rm -rf "$STATE_DIR"
	on cpe ip link set "$UPLINK" up
}
