# shellcheck shell=sh
# The router as a real OpenWrt root: the adapter between the scenarios and the programs that run
# them. Source it after topology.sh. Another kind of router needs its own version of these
# functions.
#
# The root is in $ROOT. Its programs run with it as their root directory, in the machine's own
# network namespace; the other hosts of the line have namespaces.

ROOT=${ROOT:-/openwrt}
SYSLOG=${SYSLOG:-/tmp/openwrt.log}
ROUTER_PATH=/usr/sbin:/usr/bin:/sbin:/bin

# router COMMAND...: runs a program of the router. Through the router's `env` by its path: a bare
# name would be an applet of the machine's own busybox, which has another `ifup`.
router() {
	env -i PATH="$ROUTER_PATH" HOME=/root USER=root chroot "$ROOT" /usr/bin/env "$@"
}

# router_write PATH [MODE]: standard input becomes a file of the router.
router_write() {
	mkdir -p "$(dirname "$ROOT$1")"
	cat >"$ROOT$1"
	chmod "${2:-644}" "$ROOT$1"
}

# Once in the life of the machine: what a kernel and preinit would have done.
router_prepare() {
	mkdir -p "$ROOT/proc" "$ROOT/sys" "$ROOT/dev" "$ROOT/tmp"
	mount -t proc proc "$ROOT/proc"
	mount -t sysfs sys "$ROOT/sys"
	mount -t devtmpfs dev "$ROOT/dev"
	# The root's own logd keeps messages for `logread` only, and procd starts it.
	lab-traffic syslog --socket /dev/log --file "$SYSLOG" &
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	# As on first boot, and as opkg does.
	for defaults in "$ROOT"/etc/uci-defaults/*mape*; do
		cp "$defaults" "$ROOT/lab-uci-defaults"
	done
	# Counts what netifd and hotplug start. It keeps its process, so that a signal meets the
	# program.
	mv "$ROOT/usr/sbin/mape-proto" "$ROOT/usr/sbin/mape-proto.real"
	router_write /usr/sbin/mape-proto 755 <<-'EOF'
		#!/bin/sh
		read -r up rest </proc/uptime
		echo "$up $$ $1 $2" >>/tmp/lab/calls
		exec /usr/sbin/mape-proto.real "$@"
	EOF
}

# router_start [NETWORK]: boots with an empty /tmp and this /etc/config/network (standard input).
router_start() {
	mount -t tmpfs tmp "$ROOT/tmp"
	if [ ! -L "$ROOT/var" ]; then
		mount -t tmpfs var "$ROOT/var"
	fi
	mkdir -p "$ROOT/tmp/run/ubus" "$ROOT/tmp/lock" "$ROOT/tmp/log" "$ROOT/tmp/state" \
		"$ROOT/tmp/lab" "$ROOT/tmp/resolv.conf.d" "$ROOT/tmp/etc"
	if [ ! -L "$ROOT/var" ]; then
		mkdir -p "$ROOT/var/run/ubus" "$ROOT/var/lock" "$ROOT/var/state"
	fi
	: >"$ROOT/tmp/lab/calls"
	router_write /etc/config/network
	router_write /etc/config/firewall <config-firewall
	[ -z "${FLOW_OFFLOAD:-}" ] || router_flow_offloading
	cp "$ROOT/lab-uci-defaults" "$ROOT/tmp/lab/defaults"
	router sh /tmp/lab/defaults
	router /etc/init.d/firewall enable
	: >"$SYSLOG"
	router_before
	router_services
}

# The user switches software flow offload on; no reload.
router_flow_offloading() {
	sed -i "s/^config defaults\$/&\n\toption flow_offloading '1'/" "$ROOT/etc/config/firewall"
}

# What a scenario wants to be there before netifd is.
router_before() {
	:
}

# ubusd, procd, firewall and netifd, in the order of a boot. procd is not the first process here: it
# then does nothing but run services.
router_services() {
	router ubusd >/dev/null 2>&1 &
	# `ubus list` fails until ubusd listens.
	if ! wait_for 30 router sh -c '[ -S /var/run/ubus/ubus.sock ] || [ -S /var/run/ubus.sock ]'; then
		echo "FAIL  the root's ubusd does not start"
		exit 77
	fi
	if [ -x "$ROOT/sbin/procd" ]; then
		router procd -S -s /var/run/ubus/ubus.sock >/tmp/procd.log 2>&1 &
		wait_for 30 router ubus list service >/dev/null 2>&1 || :
	fi
	# Without procd its registration fails, which it reports; the rules are loaded before.
	router /etc/init.d/firewall boot >/tmp/firewall.log 2>&1 || :
	if [ -x "$ROOT/sbin/procd" ]; then
		# As /etc/init.d/network says, but it is not started again when a scenario kills it.
		router ubus call service set '{"name":"network","instances":{"instance1":{
			"command":["/sbin/netifd"],"watch":["network.interface"],"stderr":true}}}'
	else
		router netifd >/tmp/netifd.log 2>&1 &
	fi
	if ! wait_for 30 router ubus list network.interface >/dev/null 2>&1; then
		echo "FAIL  the root's netifd does not start"
		exit 77
	fi
}

# Processes of the router, by their root directory: "PID NAME".
router_processes() {
	for process in /proc/[0-9]*; do
		if [ "$(readlink "$process/root")" = "$ROOT" ]; then
			echo "${process#/proc/} $(cat "$process/comm" 2>/dev/null)"
		fi
	done
}

# A power failure: no process can clean up.
router_kill() {
	for round in 1 2 3; do
		router_processes | while read -r process _; do
			kill -9 "$process" 2>/dev/null || :
		done
		[ -n "$(router_processes)" ] || break
		sleep "$round"
	done
	nft flush ruleset 2>/dev/null || :
	for device in $(ip -o link show | sed -n 's/^[0-9]*: \(mape-[^:@]*\|br-lan\)[:@].*/\1/p'); do
		ip link del "$device" 2>/dev/null || :
	done
	ip -4 route flush table main 2>/dev/null || :
	ip -6 route flush table main 2>/dev/null || :
	ip -4 rule flush && ip -4 rule add pref 32766 lookup main && ip -4 rule add pref 32767 lookup default
	conntrack -F >/dev/null 2>&1 || :
	umount "$ROOT/tmp" 2>/dev/null || :
	[ -L "$ROOT/var" ] || umount "$ROOT/var" 2>/dev/null || :
	dmesg -c >/dev/null
}

# if_status IFACE; if_value IFACE EXPRESSION (of jsonfilter, such as @.data.ipv4)
if_status() {
	router ifstatus "$1"
}

if_value() {
	router jsonfilter -s "$(if_status "$1" 2>/dev/null)" -e "$2" 2>/dev/null || :
}

if_up() {
	router ifup "$1"
}

if_down() {
	router ifdown "$1"
}

router_reload() {
	router ubus call network reload
}

# router_set PACKAGE.SECTION.OPTION=VALUE...: changes the configuration; no reload.
router_set() {
	for router_word in "$@"; do
		router uci set "$router_word"
	done
	router uci commit
}

router_log() {
	cat "$SYSLOG"
}

# Handler calls so far: "UPTIME PID ACTION IFACE".
router_calls() {
	cat "$ROOT/tmp/lab/calls"
}

# Our hotplug hook is missing, or there again.
router_break() {
	mv "$ROOT/etc/hotplug.d/iface/15-mape-rs" "$ROOT/lab-hotplug"
}

router_mend() {
	mv "$ROOT/lab-hotplug" "$ROOT/etc/hotplug.d/iface/15-mape-rs"
}

# What procd starts when an interface has come up does nothing, or works again.
router_break_open() {
	# shellcheck disable=SC2016 # the script expands it
	sed -i '2i [ "$1" != open ] || exit 0' "$ROOT/usr/sbin/mape-proto"
}

router_mend_open() {
	sed -i '/open/d' "$ROOT/usr/sbin/mape-proto"
}

# nft of the router refuses everything that is not firewall4's own transaction, or works again.
nft_refuse() {
	if [ ! -e "$ROOT/usr/sbin/nft.real" ]; then
		mv "$ROOT/usr/sbin/nft" "$ROOT/usr/sbin/nft.real"
		router_write /usr/sbin/nft 755 <<-'EOF'
			#!/bin/sh
			# Ours are the only texts with this name that do not declare fw4's table.
			for word; do file=$word; done
			[ "$file" != /dev/stdin ] && [ "$file" != - ] && [ -f "$file" ] && exec </dev/null && text=$(cat "$file")
			case "$*" in
			*-f*) [ -n "$text" ] || text=$(cat) ;;
			*) exec /usr/sbin/nft.real "$@" ;;
			esac
			case $text in
			*"inet fw4"*) ;;
			*mape_rs*) echo "Error: refused by the lab" >&2; exit 1 ;;
			esac
			printf '%s\n' "$text" >/tmp/lab/nft.$$
			check=
			for word; do [ "$word" = -c ] && check=-c; done
			/usr/sbin/nft.real $check -f /tmp/lab/nft.$$
			status=$?
			rm -f /tmp/lab/nft.$$
			exit $status
		EOF
	fi
}

nft_accept() {
	if [ -e "$ROOT/usr/sbin/nft.real" ]; then
		mv "$ROOT/usr/sbin/nft.real" "$ROOT/usr/sbin/nft"
	fi
}
