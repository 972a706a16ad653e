# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # shared with the scenarios and with tests/vm
# The line around the router: what the provider gives and takes away. Source it after router.sh.

# within SECONDS TEXT COMMAND...: a check that something becomes true in time. The seconds are the
# machine's own, so a busy host makes none of them longer. A late success says how late; the wait
# ends after LAB_PATIENCE (3) times as long.
within() {
	within_limit=$1 within_text=$2
	shift 2
	within_start=$(tenths)
	within_patience=$((within_limit * ${LAB_PATIENCE:-3}))
	if wait_for "$within_patience" "$@"; then
		within_took=$(($(tenths) - within_start))
		check "$within_text: tenths of a second" "$within_took" -le $((within_limit * 10))
	else
		check "$within_text: in $within_patience s" no = yes
		if_status wan
		router_log | tail -n 20
	fi
}

# Since the machine's start.
tenths() {
	sed 's/\([0-9]*\)\.\([0-9]\).*/\1\2/' /proc/uptime
}

# network_config [LINE...]: /etc/config/network with `wan` as given (options, one in each word).
network_config() {
	cat <<-EOF
		config interface 'loopback'
			option device 'lo'
			option proto 'static'
			list ipaddr '127.0.0.1/8'

		config device
			option name 'br-lan'
			option type 'bridge'
			list ports 'lan1'
			list ports 'lan2'
			list ports 'lan3'
			list ports 'lan4'

		config interface 'lan'
			option device 'br-lan'
			option proto 'static'
			list ipaddr '192.168.1.1/24'
			option ip6assign '60'

		config interface 'wan6'
			option device 'wan'
			option proto 'labwan'

		config interface 'wan'
	EOF
	[ $# -gt 0 ] || set -- "option proto 'mape'"
	printf '\t%s\n' "$@"
}

# router_boot [OPTION...]: the options of interface `wan`; nothing else where none is given.
router_boot() {
	network_config "$@" | router_start
}

# What the uplink hears. Its lines replace what was there:
# uplink_says <<... address|prefix VALUE LENGTH PREFERRED VALID
uplink_says() {
	router_write /tmp/lab/wan6
	uplink_value=$(awk 'NR == 1 { print $2 }' "$ROOT/tmp/lab/wan6")
	wait_for 10 uplink_heard || echo "note  wan6 has not taken it up"
}

# netifd refuses a renewal while it sets the interface up.
uplink_heard() {
	router ubus call network.interface.wan6 renew >/dev/null 2>&1 || :
	[ -z "$uplink_value" ] || wait_for 1 uplink_has "$uplink_value"
}

uplink_has() {
	if_status wan6 2>/dev/null | grep -q "\"$1\""
}

# Shapes of lines, for the prefix of LINE_*: PREFIX is what stands before ::
line_head() {
	echo "${LINE_PREFIX%%::/*}"
}

# The router's address on the link, once duplicate address detection is over.
uplink_own() {
	ip -6 -o addr show dev wan scope link -tentative |
		awk '{ print substr($4, 1, index($4, "/") - 1); exit }'
}

uplink_is_ready() {
	[ -n "$(uplink_own)" ]
}

# uplink_route [VIA]: the provider sends LINE_PREFIX to that router. Without one, it asks on the
# link for each address.
uplink_route() {
	line_via=${1:-}
	echo "route replace $LINE_PREFIX ${line_via:+via $line_via} dev cpe" | net br
}

# A /64 by router advertisement.
uplink_ra() {
	uplink_route
	echo "address $(line_head):21c:42ff:fe00:8 64 1800 3600" | uplink_says
}

# uplink_pd LENGTH: a delegated prefix of that length, and nothing on the link. A client has its
# address on the link before it asks.
uplink_pd() {
	wait_for 10 uplink_is_ready || echo "note  wan has no address on the link"
	uplink_route "$(uplink_own)"
	echo "prefix $(line_head):: $1 1800 3600" | uplink_says
}

uplink_silent() {
	uplink_says </dev/null
}

# Carrier.
uplink_down() {
	echo "link set cpe down" | net br
}

uplink_up() {
	echo "link set cpe up" | net br
	# The kernel forgets both when the device goes down.
	net br <<-EOF
		addr replace fe80::1/64 dev cpe nodad
		route replace $LINE_PREFIX ${line_via:+via $line_via} dev cpe
	EOF
}

# relay_up [DEVICE]: the provider's side of LINE_*, and its judgement unless it is a further line.
# shellcheck disable=SC2120 # the device is an option
relay_up() {
	net br <<-EOF
		addr replace $LINE_BR/128 dev lo nodad
		route replace $LINE_PREFIX dev cpe
		link add ${1:-ce} mtu 1460 type ip6tnl mode ipip6 local $LINE_BR remote $LINE_CE encaplimit none
		link set ${1:-ce} up
		route replace $LINE_IPV4/32 dev ${1:-ce}
	EOF
	[ -n "${1:-}" ] || judge_load
}

# wan_is VALUE: whether interface wan is up ("true") or not.
wan_is() {
	[ "$(if_value wan @.up)" = "$1" ]
}

# wan_error CODE: whether ifstatus shows this error for wan.
wan_error() {
	if_value wan '@.errors[*].code' | grep -qx "$1"
}

# opened: whether the rules of the interface are loaded and let packets through.
opened() {
	ping_lan 1 && ping_router 1
}

ping_lan() {
	on lan1 ping -q -c 1 -W "${1:-3}" "$SERVER" >/dev/null
}

ping_router() {
	ping -q -c 1 -W "${1:-3}" "$SERVER" >/dev/null
}

# setups: how many set-ups and renewals of wan there were.
setups() {
	router_calls | awk '($3 == "setup" || $3 == "renew") && $4 == "wan" { n++ } END { print n + 0 }'
}

# no_busy_loop TEXT SECONDS: in a failing state, at most one attempt in 5 s (one more may fall
# into the time that is looked at).
no_busy_loop() {
	loop_before=$(setups)
	sleep "$2"
	check "$1: set-ups in $2 s" $(($(setups) - loop_before)) -le $(($2 / 5 + 1))
}

# no_complaint: the kernel has not missed the tunnel's local address.
no_complaint() {
	check "kernel: local address not yet configured" \
		"$(dmesg | grep -c 'not yet configured')" -eq 0
	dmesg | grep 'not yet configured' || :
}

# Everything that could leak, one thing in each line, without what changes all the time. Each device
# that is created draws another link-local address.
inventory() {
	everything | sed 's/fe80::[0-9a-f:]*/fe80::/'
}

everything() {
	ip -o link show | sed 's/^[0-9]*: //; s/[:@].*//'
	ip -o addr show | awk '$2 != "br-lan" { print "address", $2, $4 }'
	ip -4 route show table all | sed 's/ expires.*//; s/^/route /'
	# netifd keeps a LAN's old prefix for as long as hosts may use it.
	ip -6 route show table all | grep -v 'dev br-lan' | sed 's/ expires.*//; s/ pref.*//; s/^/route6 /'
	ip rule show
	ip -6 rule show
	nft list ruleset | grep -E '^table|^	chain' | grep -v fw4
	(cd "$ROOT/tmp" && find . -type f ! -path './lab/*' | sed 's/\.[0-9]*$//')
	router_processes | awk '{ print "process", $2 }'
	router ubus list
}

# changes BEFORE AFTER: the lines that only one of two files has, with - or +.
changes() {
	diff -U 0 "$1" "$2" | grep '^[-+][^-+]' || :
}

# The state of things when nothing happens any more.
settle() {
	wait_for 60 quiet || echo "note  not quiet"
}

# as_before WHAT: after WHAT the line works, and the router has what /tmp/before says, no more and
# no less.
as_before() {
	within 15 "ping from LAN and router" opened
	settle
	inventory | sort >/tmp/after
	check "what changed" "$(changes /tmp/before /tmp/after | grep -c .)" -eq 0
	changes /tmp/before /tmp/after
	no_violation "$1"
	no_complaint
}

quiet() {
	quiet_before=$(router_processes | wc -l)
	sleep 2
	[ "$(router_processes | wc -l)" -eq "$quiet_before" ] && ! router_busy
}

router_busy() {
	router_processes | grep -qE ' (fw4|utpl|ucode|hotplug-call|sh|nft|mape-proto.*)$'
}

# reconfigure [OPTION...]: new options of `wan`, on a running router.
reconfigure() {
	network_config "$@" | router_write /etc/config/network
	router_reload
}

# wan_says WORD: anywhere in ifstatus, as an error or as a warning of an interface that stays up.
wan_says() {
	if_status wan | grep -q "$1"
}

# wan_has ADDRESS: the interface is up with this IPv4 address.
wan_has() {
	wan_is true && [ "$(if_value wan @.data.ipv4)" = "$1" ]
}

# A second numbering of the same provider, as after a renumbering.
line_v6plus_other() {
	LINE_PREFIX=240b:10:3251:6400::/56
	LINE_CE=240b:10:3251:6400:6a:4832:5100:6400
	LINE_BR=2404:9200:225:100::64
	LINE_IPV4=106.72.50.81
	LINE_PSID=100 LINE_A=4 LINE_K=8 LINE_COUNT=240 LINE_LUCK=1
}

# Delegated prefix beside another prefix on the link.
line_nuro() {
	LINE_PREFIX=240d:f:6de:e400::/56
	LINE_CE=240d:f:6de:e400:db:6886:de00:e400
	LINE_BR=2001:3b8:200:ff9::1
	LINE_IPV4=219.104.134.222
	LINE_PSID=228 LINE_A=4 LINE_K=8 LINE_COUNT=240 LINE_LUCK=1
}

# line_working LINE [OPTION...]: boots the router on a delegated /56 and waits until IPv4 works.
line_working() {
	"line_$1"
	shift
	# shellcheck disable=SC2119
	relay_up
	router_boot "$@"
	uplink_pd 56
	within 15 "up" wan_is true
	within 15 "ping from LAN and router" opened
}

# no_alias: the interface that holds the CE address is gone.
no_alias() {
	! router ubus list | grep -qx network.interface.wan_
}

# wan_mtu MTU: whether interface wan is up with a tunnel of this MTU.
wan_mtu() {
	wan_is true && [ "$(cat /sys/class/net/mape-wan/mtu)" = "$1" ]
}

# judge_both: the lines of line_v6plus, whose relay is up, and line_v6plus_other are judged at the
# same time, each with its own tunnel at the relay.
judge_both() {
	line_v6plus
	judge_first=$LINE_CE
	line_v6plus_other
	relay_up other
	# The provider sends a delegated prefix to the router and asks no neighbour for the address.
	uplink_route "$(uplink_own)"
	judge_rules | sed -e 's/table inet judge/table inet judge_other/' -e 's/"ce"/"other"/' \
		-e "s/^ip6 saddr != $LINE_CE /ip6 saddr != { $LINE_CE, $judge_first } /" | on br nft -f -
	judge_second=$LINE_CE
	line_v6plus
	judge_rules | sed -e "s/^ip6 saddr != $LINE_CE /ip6 saddr != { $LINE_CE, $judge_second } /" | on br nft -f -
}

# wrong_packets: of both.
wrong_packets() {
	for table in judge judge_other; do
		on br nft list counters table inet "$table"
	done | awk '$1 == "counter" { name = $2 } $1 == "packets" { if (name ~ /^bad_/) sum += $2 } END { print sum + 0 }'
}
