#!/bin/sh
# Fixed-IPv4 contracts with one address, eight and sixteen on plain Linux: NAT, addresses of the
# block behind the machine, addresses that no host has, another NAT address, port forwards.
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2034,SC2317 # read by what is sourced; functions are called through others
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./linux.sh
. ./contract.sh

CONFIG=/etc/mape-rs.conf
LAN_DEVICE=lan

contract_program() {
	on cpe mape-proto "$@" 2>&1
}

# The machine has no firewall.
contract_admit() {
	:
}

# is_at BLOCK [OPTION...]
is_at() {
	contract_numbers "$1"
	contract_nat=$LINE_IPV4
	printf '%s\n' "provider v6plus-static" "ipaddr $1" "peeraddr $LINE_BR" >"$CONFIG"
	linux_relay
	mape up
	check "$1: up" "$status" -eq 0
}

is_gone() {
	mape down
	linux_relay_down
}

uname -r
trap 'local_stop; rm -rf "$CONFIG" /etc/mape-rs.forwards; linux_silence; topology_down' EXIT
rm -f /etc/mape-rs.forwards
LINE_CE=
topology_up
on cpe sysctl -qw net.bridge.bridge-nf-call-iptables=0 2>/dev/null || :
serve_start
linux_uplink eth0
linux_advertise 2600:10:3261:6400::/64 14400
linux_wait 20 linux_has_prefix 2600:10:3261:6400
local_serve lan2 7100
local_serve lan3 7100,9000-9006,9008-9015

is_at 192.0.2.10
contract_works "one address"
contract_forwards "one address"
linux_right "one address"
is_gone

for block in 192.0.2.80/29 192.0.2.96/28; do
	is_at $block
	contract_works "$block"
	contract_block "$block"
	contract_forwards "$block"
	linux_right "$block"

	# Another address of the block for NAT: the first one is an address like the others.
	echo "nat_address $CONTRACT_OTHER_NAT" >>"$CONFIG"
	contract_nat=$CONTRACT_OTHER_NAT
	mape up
	check "$block, NAT $contract_nat: up" "$status" -eq 0
	contract_works "$block, NAT $contract_nat"
	contract_says "$block, NAT $contract_nat" "NAT address  *$contract_nat"
	contract_answer "$block, NAT $contract_nat: from outside to the host" true srv "$CONTRACT_HOST:7100"
	contract_forwards "$block, NAT $contract_nat"
	contract_hosts_gone
	is_gone
done
check_finish
