#!/bin/sh
# Each hook of files/linux, called as its program calls it, brings the line up, and only for the
# uplink.
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2317 # functions are called through others
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./linux.sh

gone() {
	linux_state >/tmp/after
	linux_same "$1: taken away" /tmp/before /tmp/after
}

# hook NAME INTERFACE WORD...: as networkd-dispatcher and NetworkManager call it.
hook() {
	hook_file=/hooks/$1
	hook_interface=$2
	shift 2
	on cpe env "IFACE=$hook_interface" sh -e "$hook_file" "$@" >/tmp/hook.log 2>&1 || cat /tmp/hook.log
}

by_hook() {
	hook_name=$1
	shift
	for own in lo mape-wan; do
		hook "$hook_name" $own ${1:+"$own" "$2"}
	done
	check "hook $hook_name: of lo and the tunnel itself" "$(on cpe ip -o link show type ip6tnl | grep -c mape-wan || :)" -eq 0
	hook "$hook_name" "$UPLINK" "$@"
	linux_right "hook $hook_name"
	mape down
	gone "hook $hook_name"
}

# busybox's ifupdown runs what is in if-up.d, whatever came up.
by_ifupdown_hook() {
	mkdir -p /etc/network/if-pre-up.d /etc/network/if-up.d /etc/network/if-down.d /etc/network/if-post-down.d
	echo "iface $UPLINK inet manual" >/etc/network/interfaces
	cp /hooks/ifupdown /etc/network/if-up.d/mape-rs
	chmod +x /etc/network/if-up.d/mape-rs
	on cpe ifup "$UPLINK"
	linux_right "hook ifupdown"
	mape down
	rm -r /etc/network /var/run/ifstate
	gone "hook ifupdown"
}

uname -r
trap 'linux_silence; topology_down' EXIT
linux_v6plus "${1:-br0}"
linux_state >/tmp/before
by_ifupdown_hook
by_hook networkd-dispatcher
by_hook NetworkManager "$UPLINK" up
check_finish
