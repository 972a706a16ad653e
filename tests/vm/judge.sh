# shellcheck shell=sh
# The border relay's judgement. Source it after topology.sh.
#
# Every packet from the CE is held against the bit formula of RFC 7597 section 5.1, written as nft
# bit masks: (port >> m) & (2^k - 1) == PSID and, for a > 0, port >> (16 - a) != 0. It knows the
# port set as three numbers, never as a list, so that a wrong list cannot prove itself right.
# What breaks the rules is counted by kind (bad_*) and dropped, as a provider's relay does.
#
# Packets with IPv4 options or errors that quote some are passed and counted as info_options.
#
# On the wire between CE and relay, every frame has to be IPv6. Others are counted as bad_frame on
# arrival, because the relay discards a malformed IPv4 packet before `prerouting`.

JUDGE_COUNTERS='bad_ce bad_encap bad_source bad_protocol bad_tcp bad_udp bad_echo
	bad_icmp_type bad_quoted_address bad_quoted_port
	info_fragments info_echo_reply info_options info_outer_fragments passed'

# judge_ports "MATCH" "FIELD" COUNTER: rules that drop what has a FIELD outside the set.
judge_ports() {
	m=$((16 - LINE_A - LINE_K))
	if [ "$LINE_K" -gt 0 ]; then
		mask=$((((1 << LINE_K) - 1) << m))
		printf '%s %s & 0x%04x != 0x%04x counter name %s drop\n' "$1" "$2" "$mask" $((LINE_PSID << m)) "$3"
	fi
	if [ "$LINE_A" -gt 0 ]; then
		mask=$((((1 << LINE_A) - 1) << (16 - LINE_A)))
		printf '%s %s & 0x%04x == 0 counter name %s drop\n' "$1" "$2" "$mask" "$3"
	fi
}

# An IPv4 address as a number, for raw payload matches.
ipv4_number() {
	echo "$1" | {
		IFS=. read -r b1 b2 b3 b4
		printf '0x%02x%02x%02x%02x\n' "$b1" "$b2" "$b3" "$b4"
	}
}

judge_rules() {
	# LINE_BLOCK: of a contract with several addresses, all of them; LINE_IPV4 is the first.
	judge_length=${LINE_BLOCK:-$LINE_IPV4/32}
	case $judge_length in
	*/*) judge_length=${judge_length#*/} ;;
	*) judge_length=32 ;;
	esac
	judge_mask=$(printf '0x%08x' $((0xffffffff << (32 - judge_length) & 0xffffffff)))
	# Replaces an older judgement in the same transaction.
	echo "table inet judge { }"
	echo "delete table inet judge"
	echo "table inet judge {"
	for counter in $JUDGE_COUNTERS; do
		echo "counter $counter { }"
	done

	# Errors that the CE sends quote a packet of ours to it: its destination is the CE's side.
	# Offsets in bits: 64 the quoted IPv4 header, 112 its fragment offset, 136 protocol,
	# 192 destination, 240 destination port, 256 the identifier of an echo.
	echo "chain quoted {"
	echo "@th,64,8 != 0x45 counter name info_options accept"
	echo "@th,192,32 & $judge_mask != $(ipv4_number "$LINE_IPV4") counter name bad_quoted_address drop"
	echo "@th,112,16 & 0x1fff != 0 accept"
	judge_ports "@th,136,8 { 6, 17 }" "@th,240,16" bad_quoted_port
	judge_ports "@th,136,8 1" "@th,256,16" bad_quoted_port
	echo "}"

	echo "chain inner {"
	echo "ip saddr != ${LINE_BLOCK:-$LINE_IPV4} counter name bad_source drop"
	echo "ip protocol != { tcp, udp, icmp } counter name bad_protocol drop"
	# Only first fragments carry ports.
	echo "ip frag-off & 0x1fff != 0 counter name info_fragments accept"
	judge_ports "meta l4proto tcp" "th sport" bad_tcp
	judge_ports "meta l4proto udp" "th sport" bad_udp
	judge_ports "icmp type echo-request" "icmp id" bad_echo
	# A relay delivers no request with another PSID, so only a test's own can cause such a
	# reply.
	judge_ports "icmp type echo-reply" "icmp id" info_echo_reply | sed 's/ drop$/ accept/'
	echo "icmp type { destination-unreachable, time-exceeded, parameter-problem } jump quoted"
	echo "icmp type != { echo-request, echo-reply, destination-unreachable, time-exceeded, parameter-problem } counter name bad_icmp_type drop"
	echo "counter name passed"
	echo "}"

	# On the wire: IPv4 in IPv6 from the CE, with nothing between the headers.
	echo "chain outer {"
	echo "ip6 daddr != $LINE_BR accept"
	echo "ip6 nexthdr icmpv6 accept"
	echo "ip6 saddr != $LINE_CE counter name bad_ce drop"
	echo "ip6 nexthdr 44 counter name info_outer_fragments accept"
	echo "ip6 nexthdr != 4 counter name bad_encap drop"
	echo "}"

	# No conntrack here: it would put fragments together before they are judged.
	echo "chain judge {"
	echo "type filter hook prerouting priority raw; policy accept;"
	echo 'iifname vmap { "cpe" : goto outer, "ce" : goto inner }'
	echo "}"
	echo "}"

	echo "table netdev judge { }"
	echo "delete table netdev judge"
	echo "table netdev judge {"
	echo "counter bad_frame { }"
	echo "chain frames {"
	echo 'type filter hook ingress device "cpe" priority -500; policy accept;'
	echo "meta protocol != ip6 counter name bad_frame drop"
	echo "}"
	echo "}"
}

# Loads the judgement for LINE_*, with all counters at zero.
judge_load() {
	judge_rules | on br nft -f -
}

# "NAME PACKETS" per counter.
judge_counters() {
	{
		on br nft list counters table inet judge
		on br nft list counters table netdev judge
	} | awk '$1 == "counter" { name = $2 } $1 == "packets" { print name, $2 }'
}

# judge_count COUNTER
judge_count() {
	judge_counters | awk -v name="$1" '$1 == name { print $2 }'
}

# How many packets broke a rule.
judge_violations() {
	judge_counters | awk '/^bad_/ { sum += $2 } END { print sum + 0 }'
}

# One line: what passed, and every counter that is not zero.
judge_report() {
	judge_counters | awk '$2 > 0 || $1 == "passed" { printf "%s=%s ", $1, $2 } END { print "" }'
}
