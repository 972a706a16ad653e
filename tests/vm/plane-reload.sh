#!/bin/sh
# Nothing wrong leaves while the stand-alone rules are loaded, replaced, half there or of a device
# that is gone, with traffic running all the time.
# Arguments: LINE:EDGE... (all by default).
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2317 # functions are called through `timed`
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./control.sh
. ./lines.sh
. ./plane.sh
. ./plane-flood.sh

# The device goes and comes back; nothing may leave until the rules are loaded again.
recreated() {
	for round in 1 2; do
		tunnel_down
		tunnel_up
		flood_state "$edge, device recreated, round $round" -eq
		plane_load "$edge"
		flood_state "$edge, loaded again, round $round" -gt
	done
	tunnel_down
	# Without the device the text is refused, and the loaded rules stay.
	if plane_load "$edge" 2>/dev/null; then
		echo "note  the rules load without the device here"
	fi
	tunnel_up
	flood_state "$edge, device recreated after a failed load" -eq
	plane_load "$edge"
	flood_state "$edge, loaded after a failed load" -gt
}

# One stage is missing.
half_loaded() {
	on cpe nft flush map inet mape_rs snat_by_oif
	plane_forget
	# What the router itself sends from an inside port by chance gets a real one.
	flood_state "$edge, without SNAT" -ge
	plane_load "$edge"
	flood_state "$edge, complete again" -gt
	plane_shut
	flood_state "$edge, without gate" -eq
	plane_load "$edge"
	# Only the guard on the outer packet is left, which a veth pair does not have.
	if [ "$LAB_LINK" = ip6tnl ]; then
		if [ "$edge" = netdev ]; then
			on cpe nft delete table netdev mape_rs_wan
		else
			on cpe nft 'flush map inet mape_rs edge_in_by_iif; flush map inet mape_rs edge_out_by_oif'
		fi
		plane_forget
		flood_on
		judge_load
		# The router itself answers what still arrives at a real port: it is a port of the
		# set.
		flood_state "$edge, without edge" -ge
		plane_load "$edge"
		flood_state "$edge, complete again" -gt
	fi
}

replaced() {
	for round in 1 2 3 4 5; do
		plane_load "$edge"
	done
	flood_state "$edge, same rules five times" -gt
	# A different set of reserved ports each time.
	for round in 1 2 3 4; do
		plane_load "$edge" --reserve "$(line_ports | sed -n "${round}0,${round}5p" | paste -sd, -)"
	done
	plane_load "$edge"
	flood_state "$edge, other reserved ports four times" -gt
}

# Entries that conntrack made before: with ports of their own, as when the line was not MAP-E.
old_entries() {
	on cpe nft flush ruleset
	plane_forget
	control_masquerade | on cpe nft -f -
	flood_on
	check "$plane_name $edge: flows with wrong ports" "$(judge_violations)" -gt 0
	# The guard first, as on a router; then everything at once.
	plane_static | on cpe nft -f -
	on cpe nft delete table inet control
	judge_load
	flood_state "$edge, old entries, guard only" -eq
	check "$plane_name $edge: old entries" "$(on cpe conntrack -L 2>/dev/null | grep -c "dst=$LINE_IPV4")" -gt 0
	plane_load "$edge"
	flood_state "$edge, old entries, complete" -gt
}

reload() {
	edge=$2
	plane_line "$1"
	flood_start
	flood_state "$edge, guard only" -eq
	plane_load "$edge"
	flood_state "$edge, complete" -gt
	replaced
	half_loaded
	recreated
	old_entries
	flood_stop
	plane_unload
	line_down
}

uname -r
trap 'flood_stop; topology_down' EXIT
topology_up
serve_start
each_case reload "$@"
check_finish
