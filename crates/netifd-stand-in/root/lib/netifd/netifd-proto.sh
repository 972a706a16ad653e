#!/bin/sh
# Stands in for netifd's file of this name, for handlers that source it for `dump` alone.

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

init_proto() {
	[ "$2" = dump ] || {
		echo "the stand-in's netifd-proto.sh knows dump and no $2" >&2
		exit 1
	}
}

add_protocol() {
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
