# shellcheck shell=sh
# shellcheck disable=SC2154
# After a silence that is longer than conntrack's timeout for the tunnel, a server is still reached.
line_v6plus
relay_up
router_boot "option proto 'mape'" "list reserved_ports '5711'"
cat >>"$ROOT/etc/config/firewall" <<-EOF

	config redirect
		option name 'server'
		option src 'wan'
		option proto 'tcp'
		option src_dport '5711'
		option dest 'lan'
		option dest_ip '192.168.1.14'
		option dest_port '8080'
		option target 'DNAT'
EOF
router fw4 -q reload
uplink_pd 56
within 15 "up" wan_is true
within 15 "ping from LAN and router" opened
local_serve lan4 8080
settle
traffic srv hold --to "$LINE_IPV4:5711" --count 1 --wait 10
expect "busy: connection from outside" alive -eq 1
sysctl -qw net.netfilter.nf_conntrack_generic_timeout=2
# The entry of the tunnel that was made with the old timeout.
conntrack -D -f ipv6 >/dev/null 2>&1 || :
sleep 6
check "conntrack has forgotten the tunnel" "$(conntrack -L -f ipv6 2>/dev/null | grep -c "$LINE_BR")" -eq 0
traffic srv hold --to "$LINE_IPV4:5711" --count 1 --wait 10
sysctl -qw net.netfilter.nf_conntrack_generic_timeout=600
expect "idle: connection from outside" alive -eq 1
no_violation "idle"
