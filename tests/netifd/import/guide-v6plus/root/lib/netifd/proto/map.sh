#!/bin/sh
# A copy of map.sh that somebody has edited.
DONT_SNAT_TO="0"
proto_map_setup() {
	nft add table inet mape
	nft add rule inet mape srcnat oifname "map-$1" snat ip to $ip : numgen inc mod $n map { $ports }
}
add_protocol map
