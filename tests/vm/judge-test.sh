#!/bin/sh
# Does the judge object to every kind of wrong packet, and to no right one? Packets are made by
# hand on the CPE, without any NAT.
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2317 # functions are called through expect_count
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh

# send PROTOCOL PAYLOAD: from the shared address to the server.
send() {
	on cpe lab-traffic raw --from "$LINE_IPV4" --to "$SERVER" --protocol "$1" --payload "$2" >/dev/null
}

# word NUMBER: four hexadecimal digits.
word() {
	printf '%04x' "$1"
}

# expect_count COUNTER TEXT COMMAND...: exactly one packet of that kind, and no other.
expect_count() {
	expect_counter=$1 expect_text=$2
	shift 2
	judge_load
	"$@" || :
	check "$expect_text: $expect_counter" "$(judge_count "$expect_counter")" -eq 1
	case $expect_counter in
	bad_*) check "$expect_text: violations" "$(judge_violations)" -eq 1 ;;
	*) check "$expect_text: violations" "$(judge_violations)" -eq 0 ;;
	esac
}

# quoted ADDRESS PROTOCOL HEX: a "port unreachable" about a packet from the server to ADDRESS.
quoted() {
	server=$(ipv4_number "$SERVER") address=$(ipv4_number "$1")
	printf '0303000000000000450000240000000040%02x0000%s%s%s' "$2" "${server#0x}" "${address#0x}" "$3"
}

# A UDP header from port $1 to port $2 without data.
udp_header() {
	printf '%s%s00080000' "$(word "$1")" "$(word "$2")"
}

# Through another tunnel of the CPE: IPv6 source, `encaplimit`.
through_tunnel() {
	# The CE's own address is there already.
	echo "addr replace $1/128 dev wan nodad" | net cpe
	net cpe <<-EOF
		link add other type ip6tnl mode ipip6 local $1 remote $LINE_BR encaplimit $2 dev wan
		link set other up
		route add $SERVER/32 dev other
	EOF
	send 17 "$(udp_header "$good" 7000)"
	echo "link del other" | net cpe
}

without_tunnel() {
	echo "route add $SERVER/32 via inet6 fe80::1 dev wan" | net cpe
	send 17 "$(udp_header "$good" 7000)"
	echo "route del $SERVER/32" | net cpe
}

other_source() {
	on cpe lab-traffic raw --from 192.168.1.1 --to "$SERVER" --protocol 17 \
		--payload "$(udp_header "$good" 7000)" >/dev/null
}

trap topology_down EXIT
topology_up

line_v6plus
line_up
# The edges of the set, its neighbours, and the block that offset bits of zero would make.
for good in 5696 5711 9792 63040 63055; do
	expect_count passed "UDP from port $good" send 17 "$(udp_header $good 7000)"
	expect_count passed "echo with identifier $good" send 1 "08000000$(word $good)0001"
done
good=5696
for bad in 5695 5712 1600 1615 0 65535; do
	expect_count bad_udp "UDP from port $bad" send 17 "$(udp_header $bad 7000)"
	expect_count bad_tcp "TCP from port $bad" send 6 "$(word $bad)1b58000000000000000050020000000000000000"
	expect_count bad_echo "echo with identifier $bad" send 1 "08000000$(word $bad)0001"
done
expect_count bad_source "another source" other_source
expect_count bad_protocol "GRE" send 47 0000080000000000
expect_count bad_icmp_type "timestamp request" send 1 "0d000000$(word $good)0001000000000000000000000000"
expect_count info_echo_reply "reply with identifier 1" send 1 0000000000010001
expect_count passed "error, right port quoted" send 1 "$(quoted "$LINE_IPV4" 17 "$(udp_header 7000 $good)")"
expect_count bad_quoted_port "error, wrong UDP port quoted" send 1 "$(quoted "$LINE_IPV4" 17 "$(udp_header 7000 1600)")"
expect_count bad_quoted_port "error, wrong TCP port quoted" send 1 "$(quoted "$LINE_IPV4" 6 "$(udp_header 7000 20000)")"
expect_count bad_quoted_port "error, wrong identifier quoted" send 1 "$(quoted "$LINE_IPV4" 1 080000004e200001)"
expect_count bad_quoted_address "error, inner address quoted" send 1 "$(quoted 192.168.1.11 17 "$(udp_header 7000 $good)")"

if [ "$LAB_LINK" = ip6tnl ]; then
	expect_count bad_ce "another tunnel source" through_tunnel "${LINE_PREFIX%/*}99" none
	expect_count bad_frame "IPv4 without tunnel" without_tunnel
	# The extension header that `encaplimit` adds, from the right address.
	tunnel_down
	echo "addr add $LINE_IPV4/32 dev lo" | net cpe
	expect_count bad_encap "a destination option" through_tunnel "$LINE_CE" 4
fi
check_finish
