# shellcheck shell=sh
# shellcheck disable=SC2154
# The root by itself, without proto mape: does this harness work?
line_v6plus
relay_up
network_config "option proto 'none'" | router_start
uplink_ra
wan6_up() { [ "$(if_value wan6 @.up)" = true ]; }
within 20 "wan6 up" wan6_up
check "fw4's table" "$(nft list tables | grep -c 'inet fw4')" -eq 1
check "lan" "$(ip -4 -o addr show dev br-lan | grep -c 192.168.1.1/24)" -eq 1
ping_gateway() { on lan1 ping -q -c 1 -W 2 192.168.1.1 >/dev/null; }
within 10 "ping the router from the LAN" ping_gateway
ping_relay() { ping -6 -q -c 1 -W 2 "$LINE_BR" >/dev/null; }
within 10 "ping the border relay" ping_relay
