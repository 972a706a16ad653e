# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317
# Fixed-IPv4 contracts with one address, eight and sixteen: NAT, addresses of the block behind the
# router, addresses that no host has, another NAT address, port forwards. tests/vm/contract.sh has
# the checks.
#
# The routes are set by `ip`, as netifd sets those of `config route`.

# shellcheck source=/dev/null
. ../contract.sh
LAN_DEVICE=br-lan

contract_program() {
	router mape-proto "$@" 2>&1
}

contract_admit() {
	[ ! -f "$ROOT/tmp/lab/admitted.$1" ] || return 0
	: >"$ROOT/tmp/lab/admitted.$1"
	contract_answer "$1, firewall closed" false srv "$1:7100"
	cat >>"$ROOT/etc/config/firewall" <<-EOF2

		config rule
			option src 'wan'
			option dest 'lan'
			option dest_ip '$1'
			option proto 'all'
			option target 'ACCEPT'
	EOF2
	router fw4 -q reload
}

contract_open_loop() {
	nft insert rule inet fw4 forward iifname mape-wan oifname mape-wan accept
}

contract_close_loop() {
	router fw4 -q reload
}

contract_configured() {
	reconfigure "option proto 'mape'" "option provider 'ocn-static'" "option ipaddr '$LINE_BLOCK'" \
		"option peeraddr '$LINE_BR'" "$@"
	within 15 "$LINE_BLOCK: up" wan_has "$LINE_IPV4"
	within 15 "$LINE_BLOCK: ping from LAN and router" opened
	settle
}

contract_addresses() {
	ip -4 -o address show dev mape-wan | awk '{ print $4 }'
}

contract_numbers 192.0.2.10
relay_up
router_boot "option proto 'mape'" "option provider 'ocn-static'" "option ipaddr '192.0.2.10'" \
	"option peeraddr '$LINE_BR'"
uplink_pd 56
within 15 "one address: ping from LAN and router" opened
settle
local_serve lan2 7100
local_serve lan3 7100,9000-9006,9008-9015
contract_nat=$LINE_IPV4
contract_works "one address"
contract_forwards "one address"

for block in 192.0.2.80/29 192.0.2.96/28; do
	echo "link del ce" | net br
	contract_numbers $block
	relay_up
	contract_nat=$LINE_IPV4
	contract_relay
	contract_configured
	check "$block: address of the tunnel" "$(contract_addresses)" = "$contract_nat/32"
	contract_works "$block"
	contract_block "$block"
	contract_forwards "$block"

	contract_nat=$CONTRACT_OTHER_NAT
	contract_relay
	contract_configured "option nat_address '$contract_nat'"
	check "$block, NAT $contract_nat: address of the tunnel" "$(contract_addresses)" = "$contract_nat/32"
	contract_works "$block, NAT $contract_nat"
	contract_says "$block, NAT $contract_nat" "NAT address  *$contract_nat"
	contract_answer "$block, NAT $contract_nat: from outside to the host" true srv "$CONTRACT_HOST:7100"
	contract_forwards "$block, NAT $contract_nat"
	contract_hosts_gone
done
no_complaint
