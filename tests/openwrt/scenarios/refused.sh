# shellcheck shell=sh
# shellcheck disable=SC2154
# nft refuses our text: the interface reports the error, the firewall has its own rules and lets no
# packet through the tunnel, no process is busy, and the error ends when nft accepts the text again.

closed() {
	check "$1: fw4's table" "$(nft list tables | grep -c 'table inet fw4$')" -eq 1
	check "$1: violations" "$(judge_violations)" -eq 0
}

line_working v6plus
settle
nft_refuse
if_up wan
within 20 "refused: error" wan_says MAPE_FIREWALL_REJECTED
judge_load
for host in 1 2; do
	on "lan$host" lab-traffic udp --to "$SERVER:7000" --count 5 --wait 2 >/dev/null || :
done
closed "refused"
no_busy_loop "refused" 15
router fw4 -q reload
closed "refused, reload"
router /etc/init.d/firewall stop >/dev/null 2>&1 || :
router /etc/init.d/firewall start >/dev/null 2>&1 || :
judge_load
on lan1 lab-traffic udp --to "$SERVER:7000" --count 5 --wait 2 >/dev/null || :
closed "refused, stop and start"
router fw4 -q restart
closed "refused, restart"

# A whole boot with it.
router_kill
router_boot
uplink_pd 56
within 30 "refused, boot: error" wan_says MAPE_FIREWALL_REJECTED
judge_load
on lan1 lab-traffic udp --to "$SERVER:7000" --count 5 --wait 2 >/dev/null || :
closed "refused, boot"
nft_accept
within 75 "accepted again" opened
check "no error is left" "$(if_status wan | grep -c MAPE_FIREWALL_REJECTED)" -eq 0
no_violation "accepted again"
