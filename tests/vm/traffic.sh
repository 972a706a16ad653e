#!/bin/sh
# Does every command of lab-traffic measure what it says? Under the ruleset known to be good, so a
# wrong number is the tool's or the lab's.
#
# shellcheck source-path=SCRIPTDIR
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./control.sh
. ./lines.sh

# run NAMESPACE WORD...: sets `result`, shows it.
run() {
	run_namespace=$1
	shift
	result=$(on "$run_namespace" lab-traffic "$@")
	echo "$result"
}

trap topology_down EXIT
topology_up
serve_start
line_v6plus
line_up
control_two_stage | on cpe nft -f -

# 90 % of 240
run lan1 mixed --to "$SERVER:7000" --count 216 --others 198.18.9.0:7001 --from "$LAN_SOURCES"
check "mixed: alive" "$(field "$result" alive)" -eq 216
check "mixed: other connections" "$(field "$result" others)" -gt 216
on cpe conntrack -F 2>/dev/null

run lan1 churn --to "$SERVER:7000" --live 50 --rate 10 --seconds 3 --from "$LAN_SOURCES"
check "churn: new connections" "$(field "$result" opened)" -eq 30
check "churn: live at the end" "$(field "$result" live)" -eq 50
on cpe conntrack -F 2>/dev/null

run lan1 many --to 198.18.1.0:7000 --count 1000 --servers 100 --from "$LAN_SOURCES" --again 3
check "many: alive" "$(field "$result" alive)" -eq 1000
on cpe conntrack -F 2>/dev/null

run lan3 eim --to 198.18.2.0:7000 --sockets 10
check "eim: sockets with one outside port" "$(field "$result" constant)" -eq 10

run lan3 distinct --to 198.18.4.0:7000 --count 2000
check "distinct: answered" "$(field "$result" answered)" -eq 2000
check "distinct: outside ports" "$(field "$result" outside_ports)" -eq 1

run lan4 udp --to "$SERVER:7000" --count 5 --size 4000
check "udp: fragmented, complete answers" "$(field "$result" whole)" -eq 5
check "udp: fragments judged" "$(judge_count info_fragments)" -gt 0

run lan1 udp --to "$SERVER:7000" --count 5 --from "$LAN_SOURCES" --checksum 0
check "udp: answers without checksums" "$(field "$result" answered)" -eq 5

run lan4 bulk --to "$SERVER:7000" --bytes 200000
check "bulk: equal" "$(field "$result" equal)" = true

judge_report
check "violations" "$(judge_violations)" -eq 0
check_finish
