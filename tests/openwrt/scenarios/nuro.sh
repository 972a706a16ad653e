# shellcheck shell=sh
# A delegated /56 that has a rule, beside an address on the link that has none.
line_nuro
relay_up
router_boot
uplink_says <<-EOF
	address 240d:e:1111:2222::1:2 64 1800 3600
	prefix $(line_head):: 56 1800 3600
EOF
within 15 "up" wan_has "$LINE_IPV4"
check "CE" "$(if_value wan @.data.ce)" = "$LINE_CE"
check "BR" "$(if_value wan @.data.br)" = "$LINE_BR"
within 15 "ping from LAN and router" opened
no_violation "NURO"
no_complaint
