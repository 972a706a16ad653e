#!/bin/sh
# The lab's uplink. It tells netifd what /tmp/lab/IFACE says, in the way in which odhcp6c's script
# tells what it has heard: in place, with lifetimes. Lines of that file:
#   address ADDRESS LENGTH PREFERRED VALID
#   prefix PREFIX LENGTH PREFERRED VALID
# shellcheck source=/dev/null
. /lib/functions.sh
# shellcheck source=/dev/null
. ../netifd-proto.sh
init_proto "$@"

proto_labwan_init_config() {
	# Read by netifd-proto.sh.
	# shellcheck disable=SC2034
	no_proto_task=1 renew_handler=1
}

proto_labwan_setup() {
	# As before the first router advertisement: nothing is known, netifd waits.
	[ -s "/tmp/lab/$1" ] || return 0
	proto_init_update '*' 1
	proto_set_keep 1
	while read -r kind value length preferred valid; do
		case $kind in
		address) proto_add_ipv6_address "$value" "$length" "$preferred" "$valid" 1 ;;
		prefix) proto_add_ipv6_prefix "$value/$length,$preferred,$valid" ;;
		esac
	done <"/tmp/lab/$1"
	proto_add_ipv6_route :: 0 fe80::1 512 1800
	proto_add_dns_server 2404:1a8:7f01:a::3
	proto_send_update "$1"
}

proto_labwan_renew() {
	proto_labwan_setup "$@"
}

proto_labwan_teardown() {
	:
}

add_protocol labwan
