# shellcheck shell=sh
# shellcheck disable=SC2154
# A section of upstream's `map` with only its `proto` changed: the same address, ports and CE.
line_v6plus
relay_up
router_boot "option proto 'mape'" "option type 'map-e'" "option maptype 'map-e'" \
	"option peeraddr '2404:9200:225:100::64'" "option ipaddr '106.72.0.0'" \
	"option ip4prefixlen '15'" "option ip6prefix '240b:10::'" "option ip6prefixlen '31'" \
	"option ealen '25'" "option psidlen '8'" "option offset '4'" "option legacymap '1'" \
	"option tunlink 'wan6'" "option encaplimit 'ignore'" "option mtu '1460'"
uplink_pd 56
within 15 "up" wan_has "$LINE_IPV4"
check "CE" "$(if_value wan @.data.ce)" = "$LINE_CE"
check "PSID" "$(if_value wan @.data.psid)" = "$LINE_PSID"
within 15 "ping from LAN and router" opened
measure_ports 8
expect "migrated" outside_ports -eq "$LINE_COUNT"
no_violation "migrated"
