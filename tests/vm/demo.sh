#!/bin/sh
# What `cargo xtask demo` shows. The router is configured from what `mape-proto plan` prints; the
# border relay and its judge know the line only from the literals of lines.sh.
#
# Prints events for the report in crates/lab/src/demo, one per line:
#   @line NAME               a line begins
#   @step TEXT               a step begins
#   @ok TEXT, @fail TEXT     it ends so
#   @show TEXT               something to read about it
#   @want NUMBER             where the progress that lab-traffic tells will end
#   @ranges RANGE...         the line's ports, for the picture
#   @ports JSON              a report of lab-traffic with the ports in use
#   @sum NAME|VALUE          a cell of the table at the end
#
# shellcheck source-path=SCRIPTDIR
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./folk.sh
. ./lines.sh

event() {
	printf '@%s\n' "$*"
}

show() {
	sed 's/^/@show /'
}

# result TEXT TEST...: ends a step; the words after the text are a test(1).
result() {
	result_text=$1
	shift
	if test "$@"; then
		event ok "$result_text"
	else
		event fail "$result_text"
		CHECK_FAILURES=$((CHECK_FAILURES + 1))
	fi
}

# The provider's side, from literals.
relay_up() {
	net br <<-EOF
		addr add $LINE_BR/128 dev lo nodad
		route add $LINE_PREFIX via fe80::2 dev cpe
		link add ce mtu 1460 type ip6tnl mode ipip6 local $LINE_BR remote $LINE_CE encaplimit none
		link set ce up
		route replace $LINE_IPV4/32 dev ce
	EOF
	judge_load
}

# The router, from the plan.
router_up() {
	net cpe <<-EOF
		addr add ${MAPE_END_USER_PREFIX%/*}1/64 dev wan nodad
		addr add $MAPE_CE/128 dev wan nodad
		link add mape-wan mtu $MAPE_MTU type ip6tnl mode ipip6 local $MAPE_CE remote $MAPE_BR encaplimit none dev wan
		addr add $MAPE_IPV4/32 dev mape-wan
		link set mape-wan up
		route add default dev mape-wan
	EOF
	on cpe nft -f /tmp/rules.nft
}

# demo_ping TEXT NAMESPACE
demo_ping() {
	event step "$1"
	answers=$(on "$2" ping -c 3 -i 0.3 -W 3 "$SERVER" | grep -c '^64 bytes' || :)
	result "$answers of 3 answered" "$answers" -eq 3
}

# demo_trace TEXT OPTION...
demo_trace() {
	event step "$1"
	shift
	# Three hops, each answering with an ICMP error (the last perhaps with an echo reply).
	hops=$(on lan1 traceroute -n -q 1 -w 3 -m 6 "$@" "$SERVER" 2>/dev/null | awk '$1 ~ /^[0-9]+$/ { print $2 }')
	# shellcheck disable=SC2086 # one line of several
	path=$(echo $hops | sed 's/ / > /g')
	result "$path" "$path" = "192.168.1.1 > 203.0.113.1 > $SERVER"
}

# Every port at once to one server, then what else is possible at that moment.
demo_full() {
	event step "$MAPE_PORT_COUNT connections to one server"
	event want "$MAPE_PORT_COUNT"
	rm -f /tmp/full
	# Not through `on`: the process to stop later would be a shell around this one.
	# --again: the kernel looks at about 248 ports of a range, so the last of a large set need
	# luck.
	ip netns exec "$LAB_NS-lan1" lab-traffic hold --to "$SERVER:7000" --count "$MAPE_PORT_COUNT" \
		--from "$LAN_SOURCES" --wait 4 --again 20 --keep 600 --list 1 --progress 1 >/tmp/full &
	holder=$!
	until [ -s /tmp/full ]; do
		kill -0 "$holder"
		sleep 0.2
	done
	full=$(cat /tmp/full)
	ports=$(field "$full" outside_ports)
	alive=$(field "$full" alive)
	# Two tests in one: as many connections as ports, all answering, each from a port of its
	# own.
	result "$alive answer at once, from $ports ports" "$alive $ports" = "$LINE_COUNT $LINE_COUNT"
	event ports "$full"
	event sum "in use at once to one server|$ports"

	event step "one more to that server"
	more=$(on lan2 lab-traffic hold --to "$SERVER:7000" --count 1 --wait 3)
	result "gets no port; no invalid packet is sent" "$(field "$more" opened) $(judge_violations)" = "0 0"
	if [ "$(field "$more" opened)" = 0 ]; then event sum "one more|no port, not sent"; else event sum "one more|CONNECTED"; fi

	event step "at that moment, to another server"
	more=$(on lan2 lab-traffic hold --to 198.18.0.2:7000 --count 1 --wait 3)
	result "connected: a port serves any number of servers" "$(field "$more" alive)" -eq 1
	kill "$holder"
	wait "$holder" 2>/dev/null || :
}

demo_line() {
	"line_$1"
	event line "$1"
	event step "the plan, from the prefix alone"
	plan=$(mape-proto plan --sh "$LINE_PREFIX")
	eval "$plan"
	mape-proto plan --nft --device mape-wan "$LINE_PREFIX" >/tmp/rules.nft
	result "$MAPE_PORT_COUNT ports of $MAPE_IPV4" "$MAPE_PORT_COUNT" -eq "$LINE_COUNT"
	event show "  \$ mape-proto plan $LINE_PREFIX"
	# Without the list of ports: they are drawn further down.
	mape-proto plan "$LINE_PREFIX" | sed -n '3,/ MTU /p' | grep -v '^ \{19\}' | show
	event ranges "$MAPE_PORT_RANGES"
	event sum "ports in the set|$MAPE_PORT_COUNT"

	event step "tunnel and ruleset, from the plan"
	relay_up
	router_up
	result "mape-wan is up, MTU $MAPE_MTU" -n "$(on cpe ip link show up mape-wan)"

	demo_ping "ping from the LAN" lan1
	demo_ping "ping from the router" cpe
	demo_trace "traceroute" -f 1
	demo_trace "traceroute with ICMP" -I

	event step "TCP, 500 kB there and back"
	# To another port than below: before Linux 6.5 a closed connection keeps its port for two
	# minutes.
	bulk=$(on lan1 lab-traffic bulk --to "$SERVER:7003" --bytes 500000)
	result "$(field "$bulk" received) bytes, all equal" "$(field "$bulk" equal)" = true
	event step "UDP from 100 sockets"
	udp=$(on lan2 lab-traffic udp --to "$SERVER:7000" --count 100)
	result "$(field "$udp" answered) answered" "$(field "$udp" answered)" -eq 100
	event step "10 UDP sockets to 6 servers each"
	eim=$(on lan3 lab-traffic eim --to 198.18.2.0:7000 --sockets 10)
	result "$(field "$eim" constant) keep one external port" "$(field "$eim" constant)" -eq 10

	demo_full

	# To another port again, for the same reason.
	most=$((LINE_COUNT * 9 / 10))
	event step "90 % in use, and other traffic"
	event want "$most"
	mixed=$(on lan1 lab-traffic mixed --to "$SERVER:7001" --count "$most" \
		--others 198.18.9.0:7002 --from "$LAN_SOURCES" --progress 1)
	lost=$(field "$mixed" syn_retransmissions)
	alive=$(field "$mixed" alive)
	# The kernel begins its search at random places: any NAT with as many ports loses a first
	# packet now and then (lines.sh has the odds). Rules that choose ports themselves lose
	# dozens.
	if [ "$lost" -le "$LINE_LUCK" ]; then well=yes; else well=no; fi
	result "$alive to one, $(field "$mixed" others) to others; $lost first SYNs lost" \
		"$alive $well" = "$most yes"
	event sum "first SYNs lost at 90 %|$lost of $((most + $(field "$mixed" others)))"

	event step "the border relay, judging packets"
	passed=$(judge_count passed)
	violations=$(judge_violations)
	# Something must have passed for "no violation" to mean anything.
	result "$passed passed, $violations violations" "$violations" -eq 0 -a "$passed" -gt 1000
	if [ "$violations" -ne 0 ]; then judge_report | show; fi
	event sum "packets the relay passed|$passed"
	event sum "packets it refused|$violations"
}

# What a router does today, for comparison: one rule for each range of ports.
demo_today() {
	on cpe nft flush ruleset
	on cpe conntrack -F 2>/dev/null
	folk_ranges mape-wan | on cpe nft -f -
	event step "compare: one rule per port range"
	today=$(on lan4 lab-traffic hold --to "$SERVER:7003" --count 80 --wait 3)
	result "of 80 connections $(field "$today" opened) come up" "$(field "$today" opened)" -eq 16
	event sum "in use with a rule per port range|$(field "$today" opened)"
	on cpe nft flush ruleset
}

event kernel "$(uname -r)"
trap topology_down EXIT
topology_up
serve_start
demo_line v6plus
demo_today
line_down
demo_line ocn
demo_today
exit $((CHECK_FAILURES > 0))
