# shellcheck shell=sh
# shellcheck disable=SC2034 # read by the scripts that source this
# The rules under test, and measurements that the known-bad rules must fail too. Source it after
# topology.sh, judge.sh, lines.sh and check.sh.

# plane_text EDGE [OPTION...]: the generated rules of the line.
plane_text() {
	plane_edge=$1
	shift
	mape-proto plan --nft --edge "$plane_edge" "$@" "$LINE_PREFIX"
}

# plane_load EDGE [OPTION...]
plane_load() {
	plane_text "$@" | on cpe nft -f -
}

# The part of the generated rules that needs no device.
plane_static() {
	plane_text netdev | sed '/^table netdev/,$d'
}

# Nothing goes to the line any more; all other rules stay.
plane_shut() {
	{
		plane_static
		echo 'flush map inet mape_rs open_interfaces'
	} | on cpe nft -f -
}

plane_unload() {
	on cpe nft flush ruleset
	plane_forget
}

# Drops every flow, so that the next measurement finds all ports free.
plane_forget() {
	on cpe conntrack -F >/dev/null 2>&1
}

# plane_line LINE: numbers, topology and judge, without rules.
plane_line() {
	"line_$1"
	plane_name=$1
	line_up
}

# traffic NAMESPACE WORD...: sets `result`, shows it.
traffic() {
	traffic_namespace=$1
	shift
	result=$(on "$traffic_namespace" lab-traffic "$@")
	echo "$result"
}

# expect TEXT FIELD OPERATOR VALUE: a field of `result`.
expect() {
	check "$1: $2" "$(field "$result" "$2")" "$3" "$4"
}

# no_violation TEXT: nothing wrong has reached the border relay, though something has.
no_violation() {
	judge_report
	check "$1: violations" "$(judge_violations)" -eq 0
	check "$1: packets judged" "$(judge_count passed)" -gt 0
}

# timed COMMAND...: runs it and prints how long it took, to help distribute the scripts.
timed() {
	timed_start=$(cut -d. -f1 /proc/uptime)
	"$@"
	echo "time  $*: $(($(cut -d. -f1 /proc/uptime) - timed_start)) s"
}

# Servers on the side of the CPE, besides those of the line.
# local_ready NAMESPACE WORD...: lab-traffic in the background, from when it says that it is ready.
# (Probes send one packet each: they would take a server that is late for a lost packet.)
local_ready() {
	local_log=$(mktemp)
	local_namespace=$1
	shift
	ip netns exec "$LAB_NS-$local_namespace" lab-traffic "$@" >"$local_log" &
	local_process=$!
	local_processes="${local_processes:-} $local_process"
	until grep -q ready "$local_log"; do
		kill -0 "$local_process" || return 1
		sleep 0.1
	done
	rm "$local_log"
}

# local_serve NAMESPACE PORTS
local_serve() {
	local_ready "$1" serve --tcp "$2" --udp "$2"
}

local_stop() {
	for local_process in ${local_processes:-}; do
		kill "$local_process" 2>/dev/null || :
		wait "$local_process" 2>/dev/null || :
	done
	local_processes=
}

# A server address that no test has used: no old flow has a port towards it, and no path MTU is
# cached. Sets `fresh`. (Emptying conntrack is not enough: the last packets of ended connections
# make entries again.)
next_server() {
	next_number=$((${next_number:-0} + 1))
	fresh=198.18.7.$next_number
}

# each_case FUNCTION [LINE:EDGE...]: all four without arguments.
each_case() {
	case_function=$1
	shift
	[ $# -gt 0 ] || set -- v6plus:netdev v6plus:postrouting ocn:netdev ocn:postrouting
	for case_pair in "$@"; do
		timed "$case_function" "${case_pair%:*}" "${case_pair#*:}"
	done
}

# measure_ports TRIES [COUNT [WAIT]]: every port of the set, or COUNT, towards one server: `alive`
# and `outside_ports`. The last ports take several tries: the kernel looks at about 248 of a range.
# A connection is given up after WAIT seconds, and its entry then holds the port for two minutes.
measure_ports() {
	next_server
	traffic lan1 hold --to "$fresh:7000" --count "${2:-$LINE_COUNT}" --from "$LAN_SOURCES" \
		--wait "${3:-4}" --again "$1"
}

# 90 % of the set to one server with other connections in between: `syn_retransmissions`.
measure_mixed() {
	next_server
	traffic lan1 mixed --to "$fresh:7000" --count $((LINE_COUNT * 9 / 10)) --others 198.18.9.0:7001 \
		--from "$LAN_SOURCES"
}

# Fragments both ways: `whole` of 5.
measure_fragments() {
	traffic lan4 udp --to "$SERVER:7000" --count 5 --size 4000 --rounds 2
}

# A closed port of a server, asked by a LAN host: `error` 3/3.
measure_unreachable() {
	traffic lan2 probe --to "$SERVER:7999" --wait 3
}

# A packet too large for the way: `error` 3/4 and `mtu` 1300.
measure_too_big() {
	next_server
	path_mtu 1300
	traffic lan2 probe --to "$fresh:7000" --size 1400 --wait 3
	path_mtu 1500
}

# talk: TCP both ways and a UDP socket, long enough to be offloaded. Sets `bulk`, `offloaded` and
# `result`.
talk() {
	next_server
	traffic lan1 bulk --to "$fresh:7000" --bytes 300000 --wait 5
	bulk=$(field "$result" equal)
	offloaded_log=$(mktemp)
	ip netns exec "$LAB_NS-lan2" lab-traffic steady --to "$fresh:7000" --udp 5 --tcp 5 --seconds 4 >"$offloaded_log" &
	talker=$!
	until grep -q ready "$offloaded_log"; do
		kill -0 "$talker" || return 1
		sleep 0.2
	done
	sleep 2
	offloaded=$(on cpe conntrack -L 2>/dev/null | grep -c OFFLOAD) || :
	wait "$talker"
	result=$(tail -n 1 "$offloaded_log")
	echo "$result"
	rm "$offloaded_log"
}
