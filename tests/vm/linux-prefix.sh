#!/bin/sh
# Without router advertisements: an address that was typed, a delegated prefix as DHCPv6 clients
# leave it (a route to nowhere, the LAN with a subnet of it), a prefix in the configuration, and
# none at all.
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

# works TEXT: up, packets, down, and all is as before.
works() {
	linux_state >/tmp/before
	mape up
	check "$1: up: exit status" "$status" -eq 0
	linux_right "$1"
	linux_traffic "$1"
	mape down
	linux_state >/tmp/after
	linux_same "$1: after down" /tmp/before /tmp/after
}

# refused TEXT CODE: nothing is changed.
refused() {
	linux_state >/tmp/before
	mape up
	check "$1: exit status" "$status" -ne 0
	check "$1: code $2" "$(echo "$said" | grep -c "code: $2")" -eq 1
	linux_state >/tmp/after
	linux_same "$1: nothing is done" /tmp/before /tmp/after
}

uname -r
trap topology_down EXIT
line_v6plus
topology_up
serve_start
linux_uplink eth0
linux_relay
refused "no IPv6" MAPE_NO_IPV6_YET
on cpe ip -6 route replace default via fe80::1 dev eth0
refused "a route and no prefix" MAPE_NO_IPV6_YET

on cpe ip -6 address add 240b:10:3261:6400::123/64 dev eth0 nodad
works "typed address"
on cpe ip -6 address del 240b:10:3261:6400::123/64 dev eth0

on cpe ip -6 route add unreachable 240b:10:3261:6400::/56 metric 1024
on cpe ip -6 address add 240b:10:3261:6401::1/64 dev lan nodad
works "delegated prefix"
on cpe ip -6 route del unreachable 240b:10:3261:6400::/56 metric 1024

# A subnet that a gateway before us has kept for itself: no tunnel with it would get an answer.
on cpe ip -6 address add 240b:10:3261:6410::1/64 dev eth0 nodad
refused "another subnet" MAPE_NOT_FIRST_SUBNET
on cpe ip -6 address del 240b:10:3261:6410::1/64 dev eth0

echo "prefix 240b:10:3261:6400::/56" >/etc/mape-rs.conf
works "prefix in the configuration"
rm /etc/mape-rs.conf
check_finish
