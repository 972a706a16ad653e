#!/bin/sh
# One scenario: one.sh NAME, in the machine.
#
# shellcheck source-path=SCRIPTDIR
set -eu
cd "$(dirname "$0")"
# shellcheck source=../vm/check.sh
. ../check.sh
# shellcheck source=../vm/topology.sh
. ../topology.sh
# shellcheck source=../vm/judge.sh
. ../judge.sh
# shellcheck source=../vm/lines.sh
. ../lines.sh
# shellcheck source=../vm/plane.sh
. ../plane.sh
# shellcheck source=../vm/fw4.sh
. ../fw4.sh
# shellcheck source=router.sh
. ./router.sh
# shellcheck source=line.sh
. ./line.sh

# shellcheck disable=SC2317 # the trap calls it
end() {
	status=$?
	set +e
	if [ "$status" -ne 0 ]; then
		echo "-- ifstatus wan"
		if_status wan
		echo "-- the last calls"
		router_calls | tail -n 20
		echo "-- netifd"
		tail -n 20 /tmp/netifd.log
		echo "-- the firewall at boot"
		cat /tmp/firewall.log
		echo "-- the last messages"
		router_log | tail -n 40
	fi
	nft_accept
	local_stop
	topology_down
	router_kill
	# The kernel takes its time with those of a namespace that is gone.
	for link in lan1 lan2 lan3 lan4 wan; do
		ip link del "$link" 2>/dev/null
	done
	exit "$status"
}
trap end EXIT

# The router is this very namespace.
ip netns attach "$LAB_NS-cpe" $$
topology_links
serve_start
# shellcheck source=/dev/null
. "./scenarios/$1.sh"
check_finish
