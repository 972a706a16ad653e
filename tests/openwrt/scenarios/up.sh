# shellcheck shell=sh
# shellcheck disable=SC2154
# Nothing typed but `option proto mape`: up with whatever the line gives, all ports, no complaint.

up_with() {
	within 15 "$1: up" wan_is true
	check "$1: IPv4" "$(if_value wan @.data.ipv4)" = "$LINE_IPV4"
	check "$1: PSID" "$(if_value wan @.data.psid)" = "$LINE_PSID"
	check "$1: CE" "$(if_value wan @.data.ce)" = "$LINE_CE"
	check "$1: BR" "$(if_value wan @.data.br)" = "$LINE_BR"
	within 15 "$1: ping from LAN and router" opened
	no_violation "$1"
}

next_line() {
	router_kill
	for link in lan1 lan2 lan3 lan4 wan; do ip link set "$link" down; done
	echo "link del ce" | net br 2>/dev/null || :
}

line_v6plus
relay_up
router_boot
uplink_ra
up_with "RA /64"
measure_ports 8
expect "RA /64" alive -eq "$LINE_COUNT"
expect "RA /64" outside_ports -eq "$LINE_COUNT"
traffic lan1 udp --to "$SERVER:7000" --count 20
expect "RA /64, UDP" answered -eq 20
traffic lan1 icmp --to "$SERVER" --count 20
expect "RA /64, ICMP" answered -eq 20
no_violation "RA /64, all ports"
no_complaint
next_line

relay_up
router_boot
uplink_pd 56
up_with "PD /56"
next_line

relay_up
router_boot
uplink_pd 60
up_with "PD /60 of zeros"
no_complaint
next_line

# A /60 from inside the line: the home gateway has MAP-E itself.
router_boot
echo "prefix $(line_head | sed 's/00$/10/'):: 60 1800 3600" | uplink_says
within 15 "PD /60 that is not the first: error" wan_error MAPE_NOT_FIRST_SUBNET
no_busy_loop "PD /60 that is not the first" 12
check "PD /60 that is not the first: up" "$(if_value wan @.up)" = false
