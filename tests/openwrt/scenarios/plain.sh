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
on lan1 ping -q -c 1 -W 5 192.168.1.1 >/dev/null && lan=yes || lan=no
check "ping the router from the LAN" "$lan" = yes
ping -6 -q -c 1 -W 5 "$LINE_BR" >/dev/null && br=yes || br=no
check "ping the border relay" "$br" = yes
if_status wan6
if_status wan
