# shellcheck shell=sh
# shellcheck disable=SC2154
# What README documents: two lines of UCI, in a zone by data.zone alone. Then a second section: one
# line has one of them, who has it keeps it, and what is lost comes back.

# sections LINE...: /etc/config/network with these sections in the place of `wan`.
sections() {
	network_config | sed "/interface 'wan'\$/,\$d"
	printf '%s\n' "$@"
}

# section NAME [OPTION]
section() {
	printf "config interface '%s'\n\toption proto 'mape'\n" "$1"
	[ -z "${2:-}" ] || printf '\toption %s\n' "$2"
}

# is NAME VALUE: up or not; over NAME UPLINK; has_error NAME CODE; addresses: on the uplink.
is() { [ "$(if_value "$1" @.up)" = "$2" ]; }
over() { is "$1" true && [ "$(if_value "$1" @.data.uplink)" = "$2" ]; }
has_error() { if_value "$1" '@.errors[*].code' | grep -qx "$2"; }
addresses() { ip -6 -o addr show dev wan | grep -c "$LINE_CE" || :; }
there() { [ "$(addresses)" -eq 1 ]; }
idle() { ! router_processes | grep -q mape-proto; }
index() { cat /sys/class/net/mape-wan4/ifindex 2>/dev/null; }
says() { router mape-proto "$1" wan4 --json | grep -q "$2"; }

line_v6plus
# shellcheck disable=SC2119
relay_up
sections "$(section wan4)" | router_start
uplink_pd 56
within 15 "default: up" is wan4 true
check "default: zone" "$(if_value wan4 @.data.zone)" = wan
within 15 "default: ping from LAN and router" opened

# A second one with the same line touches nothing, also when it goes.
two_index=$(index)
sections "$(section wan4)" "$(section wan4b)" | router_write /etc/config/network
router_reload
within 10 "second: why it is not up" has_error wan4b MAPE_LINE_TAKEN
check "second: its alias" "$(router ubus list | grep -c 'interface\.wan4b_$' || :)" -eq 0
check "second: rules and state" "$(find "$ROOT"/tmp/run/mape-rs "$ROOT"/var/run/mape-rs/ -name wan4b.json 2>/dev/null | wc -l)" -eq 0
check "second: the first is up" "$(if_value wan4 @.up)" = true
sections "$(section wan4)" | router_write /etc/config/network
router_reload
sleep 3
check "second gone: CE addresses" "$(addresses)" -eq 1
check "second gone: the tunnel is the same" "$(index)" = "$two_index"
within 5 "second gone: ping from LAN and router" opened

# The uplink loses the address: it is put back, and the tunnel, which has it too, sends meanwhile.
ip -6 addr del "$LINE_CE/128" dev wan
check "lost on the uplink: CE addresses" "$(addresses)" -eq 0
within 1 "lost on the uplink: ping from LAN and router" opened
router ubus call network.interface.wan4 renew || :
within 10 "lost on the uplink: it is back" there
within 10 "lost on the uplink: the call has ended" idle

# Both lose it: that is seen, and mended without another tunnel.
for two_device in wan mape-wan4; do ip -6 addr del "$LINE_CE/128" dev "$two_device"; done
check "lost: CE addresses" "$(addresses)" -eq 0
within 3 "lost: status says so" says status MAPE_CE_MISSING
within 3 "lost: doctor says so" says doctor ce_missing
router ubus call network.interface.wan4 renew || :
within 10 "lost: it is back" there
within 5 "lost: ping from LAN and router" opened
check "lost: the tunnel is the same" "$(index)" = "$two_index"

# When the first is switched off the second one comes up, and stays.
sections "$(section wan4)" "$(section wan4b)" | router_write /etc/config/network
router_reload
within 10 "handed over: the second waits" has_error wan4b MAPE_LINE_TAKEN
if_down wan4
within 15 "handed over: the second is up" is wan4b true
within 15 "handed over: ping from LAN and router" opened
if_up wan4
within 10 "handed over: the first waits" has_error wan4 MAPE_LINE_TAKEN
check "handed over: the second stays" "$(if_value wan4b @.up)" = true
check "handed over: CE addresses" "$(addresses)" -eq 1
no_violation "two sections"

# An uplink that the other section names is passed over, however good its prefix is.
ip link del wanb 2>/dev/null || :
ip link add wanb type veth peer name wanb0
ip link set wanb0 up
sections "$(section wan4)" "$(section wan4b "tunlink 'wanb'")" \
	"config interface 'wanb'" "	option device 'wanb'" "	option proto 'labwan'" |
	router_write /etc/config/network
router_reload
echo "prefix 240b:10:3251:6400:: 56 9000 9000" | router_write /tmp/lab/wanb
heard() { router ubus call network.interface.wanb renew >/dev/null 2>&1 && is wanb true; }
within 10 "uplinks: the second one" heard
within 20 "uplinks: the one that names it has it" over wan4b wanb
within 20 "uplinks: the other one has the free one" over wan4 wan6
uplink_down
within 15 "uplinks: without its own it is down" is wan4 false
sleep 3
check "uplinks: the named one is not taken" "$(if_value wan4 @.up)" = false
check "uplinks: the other one stays there" "$(if_value wan4b @.data.uplink)" = wanb
uplink_up
within 20 "uplinks: back again" over wan4 wan6
ip link del wanb
