# shellcheck shell=sh
# shellcheck disable=SC2154
# The prefix comes LATE seconds (a minute) late: quiet until then, up within 5 s of it.
line_v6plus
relay_up
router_boot
within 20 "no prefix: error" wan_error MAPE_NO_IPV6_YET
no_busy_loop "no prefix" "${LATE:-60}"
check "no prefix: still up to nothing" "$(if_value wan @.up)" = false
# An address that is not the provider's is an event, and no reason to be busy.
echo "address fd00:1::1 64 1800 3600" | uplink_says
sleep 5
no_busy_loop "another prefix" 10
uplink_pd 56
within 5 "late prefix: up" wan_has "$LINE_IPV4"
within 10 "late prefix: ping from LAN and router" opened
no_violation "late prefix"
no_complaint
