# shellcheck shell=sh
# shellcheck disable=SC2154
# netifd runs the hotplug hooks of all interfaces one after the other. Neither the rules nor
# firewall4 wait for them.

# A hook before all others that does not end, and an event of another interface that starts it.
queue_stick() {
	router_write /etc/hotplug.d/iface/00-lab <<-'EOT'
		: >/tmp/lab/sticks
		while [ ! -e /tmp/lab/released ]; do sleep 1; done
	EOT
	rm -f "$ROOT/tmp/lab/released"
	router ubus call network.interface.lan set_data '{"lab":1}'
	within 10 "the queue sticks" test -e "$ROOT/tmp/lab/sticks"
}

queue_release() {
	rm -f "$ROOT/etc/hotplug.d/iface/00-lab"
	: >"$ROOT/tmp/lab/released"
}

# hooks: how often our hook has run.
hooks() {
	router_calls | grep -c ' hotplug ' || :
}

line_working v6plus
settle
queue_stick
queue_before=$(hooks)
if_down wan
within 10 "stuck: down" wan_is false
# As at boot: its rules do not have the device.
router fw4 -q reload
if_up wan
within 15 "stuck: up" wan_is true
within 3 "stuck: ping from the router" ping_router 1
within 10 "stuck: ping from the LAN" ping_lan 1
# A change of an interface that is up.
reconfigure "option proto 'mape'" "option mtu '1400'"
within 15 "stuck: changed" wan_mtu 1400
within 3 "stuck: changed, ping from the router" ping_router 1
within 10 "stuck: changed, ping from the LAN" ping_lan 1
check "stuck: calls of our hook" $(($(hooks) - queue_before)) -eq 0
queue_release
settle
within 5 "released: ping from LAN and router" opened
no_violation "stuck queue"
no_complaint
