#!/bin/sh
# Stands for the handler of OpenWrt's package map, unchanged: it may say nft in a comment.
. /lib/functions.sh
proto_map_setup() {
	RULE_DATA=$(LEGACY="$legacymap" mapcalc ${tunlink:-\*} $rule)
	proto_send_update "$1"
}
add_protocol map
