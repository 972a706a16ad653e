#!/bin/sh
# Stands in for netifd's file of this name: `dump` for every handler, and for one on a device of its
# own what an uplink of IPv6 says.

options=

# option TYPE NAME...: type numbers are those of blobmsg.
option() {
	type=$1
	shift
	for name in "$@"; do
		options="$options${options:+,}[\"$name\",$type]"
	done
}

proto_config_add_array() { option 1 "$@"; }
proto_config_add_string() { option 3 "$@"; }
proto_config_add_int() { option 5 "$@"; }
proto_config_add_boolean() { option 7 "$@"; }

proto_config_add_defaults() {
	option 7 defaultroute peerdns renew
	option 5 metric
}

flag() {
	word=false
	[ "$2" = 1 ] && word=true
	printf ',"%s":%s' "$1" "$word"
}

# init_proto PROTOCOL ACTION INTERFACE OPTIONS DEVICE, with the words of the script.
init_proto() {
	proto_protocol=$1 proto_action=$2 proto_interface=$3 proto_device=$5
}

add_protocol() {
	case $proto_action in
	dump) dump_protocol "$1" ;;
	setup | renew | teardown)
		[ "$1" != "$proto_protocol" ] || "proto_$1_$proto_action" "$proto_interface" "$proto_device"
		;;
	esac
}

dump_protocol() {
	no_device=0 no_device_config=0 no_proto_task=0 available=0 renew_handler=0 lasterror=0
	teardown_on_l3_link_down=0
	"proto_$1_init_config"
	printf '{"name":"%s","config":[%s]' "$1" "$options"
	flag no-device "$no_device"
	flag no-device-config "$no_device_config"
	flag no-proto-task "$no_proto_task"
	flag available "$available"
	flag renew-handler "$renew_handler"
	flag restart-handler 0
	flag lasterror "$lasterror"
	flag teardown-on-l3-link-down "$teardown_on_l3_link_down"
	echo '}'
}

# An update: lists are collected as JSON until it is sent.
proto_init_update() {
	update_device='' update_up=false update_keep=false
	update_ip6addr='' update_ip6prefix='' update_routes6='' update_dns=''
	[ "$1" = '*' ] || update_device="\"ifname\":\"$1\","
	[ "$2" != 1 ] || update_up=true
}

proto_set_keep() {
	update_keep=false
	[ "$1" != 1 ] || update_keep=true
}

# ADDRESS LENGTH PREFERRED VALID OFF-LINK
proto_add_ipv6_address() {
	off_link=false
	[ "$5" != 1 ] || off_link=true
	update_ip6addr="$update_ip6addr${update_ip6addr:+,}{\"ipaddr\":\"$1\",\"mask\":\"$2\",\"preferred\":$3,\"valid\":$4,\"offlink\":$off_link}"
}

proto_add_ipv6_prefix() {
	update_ip6prefix="$update_ip6prefix${update_ip6prefix:+,}\"$1\""
}

# TARGET LENGTH GATEWAY METRIC VALID
proto_add_ipv6_route() {
	update_routes6="$update_routes6${update_routes6:+,}{\"target\":\"$1\",\"netmask\":\"$2\",\"gateway\":\"$3\",\"metric\":$4,\"valid\":$5}"
}

proto_add_dns_server() {
	update_dns="$update_dns${update_dns:+,}\"$1\""
}

proto_send_update() {
	ubus call network.interface notify_proto "{\"action\":0,\"interface\":\"$1\",$update_device\"link-up\":$update_up,\"keep\":$update_keep,\"ip6addr\":[$update_ip6addr],\"ip6prefix\":[$update_ip6prefix],\"routes6\":[$update_routes6],\"dns\":[$update_dns]}"
}
