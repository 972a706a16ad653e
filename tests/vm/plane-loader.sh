#!/bin/sh
# The loader, `mape-proto firewall`, from state files: with traffic running all the time, nothing
# wrong leaves whatever it finds, and what can work does.
# Arguments: LINE:EDGE... (all by default).
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2317 # functions are called through `timed`
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./plane-flood.sh
. ./plane-state.sh

open_and_shut() {
	rm -f "$STATE/wan.json"
	loader
	says "no state" "no interface is open"
	flood_state "$edge, loader without state" -eq
	state_write "$edge"
	loader
	says "state" "edge $edge, loaded"
	flood_state "$edge, loaded" -gt
	loader
	says "again" "is loaded already"

	# Gone and back: shut until the loader comes.
	tunnel_down
	tunnel_up
	flood_state "$edge, device recreated" -eq
	loader
	says "device recreated" "edge $edge, loaded"
	flood_state "$edge, loaded for the new device" -gt
	tunnel_down
	loader
	says "no device" "no device mape-wan yet"
	tunnel_up
	flood_state "$edge, recreated after a load without device" -eq
	loader
	flood_state "$edge, loaded at last" -gt
}

# What is not a proof must not open anything.
stale_and_broken() {
	# The index of a device that is gone.
	mkdir -p "$STATE/devices/mape-wan"
	echo 9999 >"$STATE/devices/mape-wan/ifindex"
	loader --device-dir "$STATE/devices"
	flood_state "$edge, stale index" -eq
	loader
	flood_state "$edge, right index" -gt

	# nft fails: everything stays as it is.
	printf '#!/bin/sh\nexit 1\n' >"$STATE/false"
	chmod +x "$STATE/false"
	state_write "$edge" "$(line_ports | head -n 1)"
	loader --nft-program "$STATE/false"
	check "$plane_name $edge, nft fails: status" "$loader_status" -ne 0
	flood_state "$edge, nft fails" -gt
	state_write "$edge"

	# Half a state file is none.
	head -c 100 "$STATE/wan.json" >"$STATE/half"
	mv "$STATE/half" "$STATE/wan.json"
	loader
	says "half a state file" "state ignored"
	flood_state "$edge, half a state file" -eq
	state_write "$edge"
	loader
	flood_state "$edge, whole state file" -gt

	# One or all of our tables are deleted: the loader notices.
	plane_shut
	flood_state "$edge, without gate" -eq
	loader
	says "gate emptied" "edge $edge, loaded"
	flood_state "$edge, gate again" -gt
	state_write "$edge"
	# Until then only the guard on the outer packet is left, which a veth pair does not have.
	if [ "$LAB_LINK" = ip6tnl ]; then
		on cpe nft delete table netdev mape_rs_wan 2>/dev/null || :
		flood_on
	fi
	loader
	flood_state "$edge, after the edge was deleted" -gt
}

# All edges in turn, several loaders at once, reserved ports that come and go.
changing() {
	for next in postrouting plain netdev plain postrouting netdev "$edge"; do
		state_write "$next"
		loader
		says "changed" "edge $next"
	done
	flood_state "$edge, after all other edges" -gt
	for round in 1 2 3; do
		state_write "$edge" "$(line_ports | sed -n "${round}0,${round}5p" | paste -sd, -)"
		loaders=
		for one in 1 2 3; do
			ip netns exec "$LAB_NS-cpe" mape-proto firewall --state-dir "$STATE" >/dev/null &
			loaders="$loaders $!"
		done
		for one in $loaders; do
			wait "$one" || check "$plane_name $edge, three loaders at once: status" $? -eq 0
		done
	done
	flood_state "$edge, three loaders at once" -gt
}

loading() {
	edge=$2
	plane_line "$1"
	flood_start
	open_and_shut
	stale_and_broken
	changing
	flood_stop
	plane_unload
	line_down
}

uname -r
trap 'flood_stop; topology_down; rm -rf "$STATE"' EXIT
topology_up
serve_start
each_case loading "$@"
check_finish
