# shellcheck shell=sh
# A router (the stand-in for netifd, in this machine's own namespace) and the provider's side of its
# line: border relay, DNS and web server. Source it after topology.sh and judge.sh.
#
# The caller sets the line's numbers (LINE_*), DNS and WEB (the servers' addresses), WORK (a
# directory) and PREFIX_NOW, and starts a web server that is in web_process.
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2154

. ./dns.sh

# relay SUFFIX: the operator's side of the line, a border relay with a tunnel ceSUFFIX to the
# numbers above.
relay() {
	net br <<-EOF
		addr replace $LINE_BR/128 dev lo nodad
		link add ce$1 mtu 1460 type ip6tnl mode ipip6 local $LINE_BR remote $LINE_CE encaplimit none
		link set ce$1 up
		route replace $LINE_IPV4/32 dev ce$1
	EOF
	judge_load
}

web_stop() {
	kill "$web_process"
	wait "$web_process" 2>/dev/null || :
}

# network OPTION...: the router's configuration, `"NAME": "VALUE"` each. The uplink has PREFIX_NOW,
# or no prefix at all where that is empty.
network() {
	options='"proto": "mape"'
	for option; do
		options="$options, $option"
	done
	uplink='"proto": "static", "device": "wan", "ip6gw": "fe80::1", "dns": ["'$DNS'"]'
	[ -z "$PREFIX_NOW" ] ||
		uplink="$uplink"', "ip6addr": ["'"${PREFIX_NOW%/*}1/64"'"], "ip6prefix": ["'"$PREFIX_NOW"'"]'
	echo "{\"wan6\": {$uplink}, \"wan\": {$options}}" >/etc/network.json
}

router_start() {
	netifd-stand-in serve --socket /var/run/ubus/ubus.sock --config /etc/network.json \
		--handlers /lib/netifd/proto --hotplug /etc/hotplug.d/iface >>"$WORK/netifd.log" 2>&1 &
	router_process=$!
	wait_for 60 ubus -S call network.interface dump >/dev/null 2>&1
}

# within SECONDS TEXT COMMAND...
within() {
	limit=$1 text=$2
	shift 2
	if wait_for "$limit" "$@"; then
		check "$text" yes = yes
	else
		check "$text: not in $limit s" no = yes
		ubus -S call network.interface.wan status || :
		tail -n 30 "$WORK/netifd.log"
		tail -n 10 "$WORK/dns.log" "$WORK/web.log" "$WORK/web-error.log" || :
	fi
}

status() {
	ubus -S call network.interface.wan status
}

line_is() {
	status | grep -q '"up":true' && status | grep -q "\"ipv4\":\"$1\""
}

line_is_not_up() {
	status | grep -q '"up":false'
}

ping_lan() {
	ip netns exec "$LAB_NS-lan1" ping -q -c 2 -W 3 "$SERVER" >/dev/null
}

said() {
	grep -q "$1" "$WORK/netifd.log"
}

works() {
	within 20 "$1: up with $LINE_IPV4" line_is "$LINE_IPV4"
	within 20 "$1: IPv4 from the LAN" ping_lan
}

# From the router, without neighbour discovery.
sent() {
	on br nft -j list counter inet sent seen | sed 's/.*"packets": \([0-9]*\).*/\1/'
}

end() {
	status=$?
	set +e
	[ "$status" -eq 0 ] || tail -n 40 "$WORK/netifd.log"
	dns_stop
	web_stop
	kill -9 "$router_process"
	topology_down
	# What was in this machine's own namespace.
	ip link del lan
	ip link del mape-wan 2>/dev/null
	nft flush ruleset
	rm -rf /var/run/mape-rs /etc/mape-rs
	exit "$status"
}

# Both ends of the line, without servers; the router is not configured.
sides_up() {
	mkdir -p "$WORK/www" /var/run/ubus /var/tmp
	cp ./* "$WORK" 2>/dev/null || :
	cd "$WORK" || exit
	ip netns attach "$LAB_NS-cpe" $$
	topology_links
	serve_start
	net cpe <<-EOF
		link add lan type bridge
		addr add 192.168.1.1/24 dev lan
		link set lan up
		link set lan1 master lan up
	EOF
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	net cpe <<-EOF
		addr add fe80::2/64 dev wan nodad
		link set wan up
	EOF
	net br <<-EOF
		addr add $DNS/128 dev lo nodad
		addr add $WEB/128 dev lo nodad
		route add $LINE_PREFIX via fe80::2 dev cpe
	EOF
}
