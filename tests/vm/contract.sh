# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Fixed-IPv4 contracts: one address, a /29 and a /28. The relay counts packets of the tunnel by
# address, so both directions are seen on the line and not only at the hosts. Source it after
# plane.sh.
#
# The caller sets LAN_DEVICE (the bridge's name) and defines
#   contract_program WORD...   mape-proto of the CPE
#   contract_admit HOST        the CPE's firewall lets packets from the line to this host pass

LINE_PREFIX=2600:10:3261:6400::/56
# All ports.
LINE_PSID=0 LINE_A=0 LINE_K=0 LINE_BR=2600:10:ffff::64

# The three contracts, as literals: the CE address is the block's first one behind a zero octet.
#   CONTRACT_BLOCK  as the papers have it
#   CONTRACT_HOST   behind the router, on the link
#   CONTRACT_FAR    behind another router in the LAN
#   CONTRACT_UNUSED no host has it
contract_numbers() {
	LINE_BLOCK=$1
	case $1 in
	192.0.2.10)
		LINE_IPV4=192.0.2.10 LINE_CE=2600:10:3261:6400:c0:2:a00:0
		;;
	192.0.2.80/29)
		LINE_IPV4=192.0.2.80 LINE_CE=2600:10:3261:6400:c0:2:5000:0
		CONTRACT_HOST=192.0.2.82 CONTRACT_FAR=192.0.2.85 CONTRACT_UNUSED=192.0.2.87
		CONTRACT_OTHER_NAT=192.0.2.81
		;;
	192.0.2.96/28)
		LINE_IPV4=192.0.2.96 LINE_CE=2600:10:3261:6400:c0:2:6000:0
		CONTRACT_HOST=192.0.2.100 CONTRACT_FAR=192.0.2.110 CONTRACT_UNUSED=192.0.2.111
		CONTRACT_OTHER_NAT=192.0.2.97
		;;
	esac
}

# The relay's side: routes for the block, and counters.
contract_relay() {
	on br ip route replace "$LINE_BLOCK" dev ce
	on br nft -f - <<-EOF2
		table inet contract { }
		delete table inet contract
		table inet contract {
			counter from_nat { }
			counter from_host { }
			counter from_far { }
			counter to_unused { }
			counter back { }
			chain from {
				type filter hook prerouting priority -290;
				iifname ce ip saddr $contract_nat counter name from_nat
				${CONTRACT_HOST:+iifname ce ip saddr $CONTRACT_HOST counter name from_host}
				${CONTRACT_FAR:+iifname ce ip saddr $CONTRACT_FAR counter name from_far}
				${CONTRACT_UNUSED:+iifname ce ip daddr $CONTRACT_UNUSED counter name back}
			}
			chain to {
				type filter hook postrouting priority -290;
				${CONTRACT_UNUSED:+oifname ce ip daddr $CONTRACT_UNUSED counter name to_unused}
			}
		}
	EOF2
}

# contract_packets COUNTER
contract_packets() {
	on br nft -j list counter inet contract "$1" | sed 's/.*"packets": \([0-9]*\).*/\1/'
}

# contract_answer TEXT true|false NAMESPACE ADDRESS:PORT [FROM]
contract_answer() {
	for protocol in tcp udp; do
		seconds=1
		[ "$2" = false ] || seconds=10
		traffic "$3" probe --protocol "$protocol" --to "$4" --wait "$seconds" --from "${5:-0.0.0.0}:0"
		expect "$1: $protocol" answered = "$2"
	done
}

# contract_says TEXT LINE: status has this line.
contract_says() {
	contract_program status >/tmp/contract.status 2>&1 || :
	check "$1: status: $2" "$(grep -c "^ *$2\$" /tmp/contract.status)" -eq 1
}

# The LAN hosts with addresses of the block: lan2 beside the router, lan3 behind lan4.
contract_hosts() {
	net lan2 <<-EOF2
		addr replace $CONTRACT_HOST/32 dev eth0
	EOF2
	net lan3 <<-EOF2
		addr replace $CONTRACT_FAR/32 dev lo
		route replace default via 192.168.1.14
	EOF2
	net lan4 <<-EOF2
		route replace $CONTRACT_FAR/32 via 192.168.1.13
	EOF2
	on lan4 sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 \
		net.ipv4.conf.eth0.send_redirects=0
}

contract_hosts_gone() {
	echo "addr flush dev eth0 to $CONTRACT_HOST/32" | net lan2
	echo "addr flush dev lo to $CONTRACT_FAR/32" | net lan3
	echo "route del $CONTRACT_FAR/32" | net lan4
	echo "route replace default via 192.168.1.1" | net lan3
	on cpe ip route flush exact "$CONTRACT_HOST/32"
	on cpe ip route flush exact "$CONTRACT_FAR/32"
}

# contract_works TEXT: hosts without an address of the contract, and the router, share contract_nat.
contract_works() {
	contract_relay
	next_server
	contract_answer "$1: from the LAN" true lan1 "$fresh:7000"
	check "$1: packets with the NAT address" "$(contract_packets from_nat)" -ge 4
	contract_answer "$1: from the router" true cpe "$fresh:7001"
	traffic lan1 icmp --to "$fresh" --count 5
	expect "$1: ping" answered -eq 5
	no_violation "$1"
}

# contract_without CHAIN RULE: deletes the rule, until the next load.
contract_without() {
	contract_rule=$(on cpe nft -a list chain inet mape_rs "$1_wan" |
		sed -n "s/.*$2 . handle \([0-9]*\)\$/\1/p")
	on cpe nft delete rule inet mape_rs "$1_wan" handle "$contract_rule"
}

# contract_block TEXT: addresses behind the router, in both directions, each with a counterpart that
# fails.
contract_block() {
	contract_hosts
	contract_says "$1, no route" "routed  *no address of the block"
	contract_answer "$1, no route: from outside" false srv "$CONTRACT_HOST:7100"
	on cpe ip route add "$CONTRACT_HOST/32" dev "$LAN_DEVICE"
	on cpe ip route add "$CONTRACT_FAR/32" via 192.168.1.14
	contract_says "$1" "NAT address  *$contract_nat"
	contract_says "$1" "routed  *$CONTRACT_HOST to $LAN_DEVICE"
	contract_says "$1" "routed  *$CONTRACT_FAR to $LAN_DEVICE through 192.168.1.14"
	contract_admit "$CONTRACT_HOST"
	contract_admit "$CONTRACT_FAR"
	contract_relay
	contract_answer "$1: from outside to the host" true srv "$CONTRACT_HOST:7100"
	contract_answer "$1: from outside to the far host" true srv "$CONTRACT_FAR:7100"
	check "$1: packets with the host's address" "$(contract_packets from_host)" -ge 3
	check "$1: packets with the far host's address" "$(contract_packets from_far)" -ge 3
	traffic srv icmp --to "$CONTRACT_HOST" --count 5
	expect "$1: ping from outside" answered -eq 5
	contract_relay
	next_server
	contract_answer "$1: from the host" true lan2 "$fresh:7000" "$CONTRACT_HOST"
	contract_answer "$1: from the far host" true lan3 "$fresh:7000" "$CONTRACT_FAR"
	check "$1: the host's own address" "$(contract_packets from_host)" -ge 4
	check "$1: the far host's own address" "$(contract_packets from_far)" -ge 4
	check "$1: and not the NAT address" "$(contract_packets from_nat)" -eq 0
	no_violation "$1"

	# Without the rule for the block, the host would have the NAT address.
	contract_without snat 'ip saddr .* snat ip to ip saddr'
	plane_forget
	contract_answer "$1, without its rule: from the host" true lan2 "$fresh:7002" "$CONTRACT_HOST"
	check "$1, without its rule: the NAT address" "$(contract_packets from_nat)" -ge 1
	contract_program firewall
	plane_forget
	contract_relay
	contract_answer "$1, rule again: from the host" true lan2 "$fresh:7003" "$CONTRACT_HOST"
	check "$1, rule again: the NAT address" "$(contract_packets from_nat)" -eq 0

	contract_unused "$1"
}

# contract_unused TEXT: a packet to an address that no host has gets an error, and no way back.
contract_unused() {
	contract_relay
	# The kernel limits errors to one host.
	on cpe sysctl -qw net.ipv4.icmp_ratelimit=0
	traffic srv probe --protocol udp --to "$CONTRACT_UNUSED:7100" --wait 5
	expect "$1: no host" error = '"3/1"'
	check "$1: no host: packets to it" "$(contract_packets to_unused)" -eq 1
	check "$1: no host: packets back" "$(contract_packets back)" -eq 0
	contract_without egress-filter 'reject with icmp .*host-unreachable'
	contract_open_loop
	traffic srv probe --protocol udp --to "$CONTRACT_UNUSED:7101" --wait 2
	check "$1: no host, without its rule: packets back" "$(contract_packets back)" -ge 1
	contract_close_loop
	contract_program firewall
}

# A firewall that refuses what goes from the line to the line hides the loop.
contract_open_loop() {
	:
}

contract_close_loop() {
	:
}

# contract_unpublished TEXT: the port of `result` is none of the published range.
contract_unpublished() {
	outside=$(field "$result" outside)
	check "$1: $outside" "$((outside < 40000 || outside > 40015))" -eq 1
}

# contract_forwards TEXT: port forwards lead from the NAT address alone, also a range, in both
# directions.
contract_forwards() {
	contract_program forward add 192.168.1.12:7100 --port 8000 --name one
	contract_program forward add 192.168.1.13:9000-9015 --port 40000-40015 --name range
	contract_program forward list
	contract_answer "$1: forward" true srv "$contract_nat:8000"
	for port in 40000 40006 40015; do
		contract_answer "$1: range, $port" true srv "$contract_nat:$port"
		contract_answer "$1: range, $port, from the LAN" true lan1 "$contract_nat:$port"
	done
	contract_answer "$1: beside the range" false srv "$contract_nat:40016"
	contract_answer "$1: before the range" false srv "$contract_nat:39999"
	if [ -n "${CONTRACT_HOST:-}" ]; then
		contract_answer "$1: the same port of the host's address" false srv "$CONTRACT_HOST:8000"
		contract_answer "$1: the host's own port" true srv "$CONTRACT_HOST:7100"
	fi
	# A server that sends first keeps its published port (nothing listens on 9007).
	# No other socket gets one.
	next_server
	traffic lan3 probe --protocol udp --to "$fresh:7000" --from 192.168.1.13:9007
	expect "$1: the range sends first" outside -eq 40007
	traffic lan3 probe --protocol udp --to "$fresh:7000" --from 192.168.1.13:9100
	contract_unpublished "$1: another port of the host"
	traffic lan1 probe --protocol udp --to "$fresh:7000" --from 192.168.1.11:40007
	expect "$1: another host with a port of the range" answered = true
	contract_unpublished "$1: it gets another port"
	no_violation "$1"
	contract_program forward remove range
	contract_answer "$1: range removed" false srv "$contract_nat:40006"
	contract_program forward remove one
}
