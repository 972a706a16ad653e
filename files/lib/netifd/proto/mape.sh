#!/bin/sh
# mape-rs: MAP-E for netifd. mape-proto does the work; this declares the options.

case "$2" in
teardown) exec /usr/sbin/mape-proto "$2" "$3" ;;
setup | renew)
	# Every user of the router can read the arguments of a process, and the options have
	# passwords among them: this script starts once more without them.
	[ -z "$4" ] || {
		export MAPE_OPTIONS="$4"
		exec /bin/sh "$0" "$1" "$2" "$3"
	}
	options=$MAPE_OPTIONS
	unset MAPE_OPTIONS
	# netifd does not start a handler again that was killed.
	trap 'kill "$child"; exit 1' TERM
	while :; do
		printf '%s' "$options" | /usr/sbin/mape-proto "$2" "$3" &
		child=$!
		wait "$child"
		status=$?
		[ "$status" -gt 128 ] || exit "$status"
		echo "the program died of signal $((status - 128)); it is started again in 5 s"
		# Waited for, so that netifd can end it.
		sleep 5 &
		child=$!
		wait "$child"
	done
	;;
esac

[ -n "$INCLUDE_ONLY" ] || {
	# shellcheck source=/dev/null
	. /lib/functions.sh
	# shellcheck source=/dev/null
	. ../netifd-proto.sh
	init_proto "$@"
}

proto_mape_init_config() {
	# Read by netifd-proto.sh.
	# shellcheck disable=SC2034
	{
		no_device=1
		available=1
		no_proto_task=1
		renew_handler=1
		lasterror=1
	}
	# Numbers and switches are declared as strings too: netifd drops a number that it cannot
	# parse, and reports nothing.
	for option in provider layout rule rules_file tunlink zone edge mtu ttl encaplimit \
		full_cone time_wait dscp_reset upnp_ports provisioning provisioning_url \
		provisioning_user provisioning_password provisioning_server provisioning_ca \
		update_url update_user update_password update_auth \
		nat_address interface_id log_level \
		type maptype legacymap ipaddr ip4prefixlen ip6prefix ip6prefixlen peeraddr \
		ealen psidlen psid offset; do
		proto_config_add_string "$option"
	done
	proto_config_add_array 'reserved_ports:list(string)'
	proto_config_add_array 'full_cone_hosts:list(string)'
}

[ -n "$INCLUDE_ONLY" ] || add_protocol mape
