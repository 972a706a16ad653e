#!/bin/sh
proto_map_setup() {
	/usr/libexec/jp-ipoe-map-nft setup "$1"
}
add_protocol map
