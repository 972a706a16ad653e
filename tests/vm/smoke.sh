#!/bin/sh
# Does the lab itself work? Both lines come up, traffic flows under a ruleset known to be good, and
# the judge objects to one known to be bad. Nothing of ours is under test here.
#
# shellcheck source-path=SCRIPTDIR
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./control.sh
. ./lines.sh

smoke_line() {
	echo "== $1"
	"line_$1"
	line_up
	check "$1: ports in the set" "$(line_ports | wc -l)" -eq "$LINE_COUNT"

	control_two_stage | on cpe nft -f -
	# The last ports of a large set take several tries: the kernel searches about 248 of a
	# range.
	result=$(on lan1 lab-traffic hold --to "$SERVER:7000" --count "$LINE_COUNT" \
		--from "$LAN_SOURCES" --wait 4 --again 20)
	echo "$result"
	check "$1: TCP connections at once" "$(field "$result" alive)" -eq "$LINE_COUNT"
	check "$1: outside ports in use" "$(field "$result" outside_ports)" -eq "$LINE_COUNT"
	result=$(on lan2 lab-traffic udp --to "$SERVER:7000" --count 50)
	echo "$result"
	check "$1: UDP answers" "$(field "$result" answered)" -eq 50
	result=$(on lan2 lab-traffic icmp --to "$SERVER" --count 50)
	echo "$result"
	check "$1: echo replies" "$(field "$result" answered)" -eq 50
	judge_report
	check "$1: packets judged" "$(judge_count passed)" -gt "$LINE_COUNT"
	check "$1: violations" "$(judge_violations)" -eq 0
	control_unload

	# The judge's own test: it must object to each of the kinds below.
	judge_load
	control_masquerade | on cpe nft -f -
	on lan1 lab-traffic hold --to "$SERVER:7000" --count 20 --wait 1
	on lan2 lab-traffic udp --to "$SERVER:7000" --count 20 --rounds 1
	on lan2 lab-traffic icmp --to "$SERVER" --count 20 --rounds 1
	control_unload
	# Without any ruleset the LAN's own addresses leave.
	on lan2 lab-traffic udp --to "$SERVER:7000" --count 1 --rounds 1
	judge_report
	check "$1: wrong TCP ports seen" "$(judge_count bad_tcp)" -gt 0
	check "$1: wrong UDP ports seen" "$(judge_count bad_udp)" -gt 0
	check "$1: wrong echo identifiers seen" "$(judge_count bad_echo)" -gt 0
	check "$1: wrong sources seen" "$(judge_count bad_source)" -gt 0
	line_down
}

uname -r
trap topology_down EXIT
topology_up
serve_start
smoke_line v6plus
smoke_line ocn
check_finish
