#!/bin/sh
# What `plan --sh` and `--ifupdown` print brings a line up without any daemon of ours, on eth0 and
# on a bridge, and takes it away again.
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

FILES=/tmp/files

is_there() {
	[ -n "$(on cpe ip link show up mape-wan 2>/dev/null)" ] &&
		on cpe ip -6 address show dev "$UPLINK" deprecated | grep -q "$LINE_CE/128"
}

# Up, by whatever means: the device, its numbers and packets.
works() {
	linux_wait 20 is_there || :
	check "$1: tunnels" "$(on cpe ip -d link show type ip6tnl | grep -c "ip6tnl ipip6 remote $LINE_BR local $LINE_CE dev $UPLINK")" -eq 1
	check "$1: encapsulation limit" "$(on cpe ip -d link show mape-wan | grep -c 'encaplimit none')" -eq 1
	check "$1: MTU" "$(on cpe cat /sys/class/net/mape-wan/mtu)" -eq 1460
	check "$1: CE address, deprecated" "$(on cpe ip -6 address show dev "$UPLINK" deprecated | grep -c "$LINE_CE/128")" -eq 1
	linux_traffic "$1"
}

gone() {
	linux_state >/tmp/after
	linux_same "$1: taken away" /tmp/before /tmp/after
}

by_script() {
	mape-proto plan --sh --uplink "$UPLINK" "$LINE_PREFIX" >$FILES/line.sh
	on cpe sh -eu $FILES/line.sh mape_up
	works "--sh"
	index=$(on cpe cat /sys/class/net/mape-wan/ifindex)
	on cpe sh -eu $FILES/line.sh mape_up
	works "--sh, again"
	check "--sh, again: the same device" "$(on cpe cat /sys/class/net/mape-wan/ifindex)" -eq "$index"
	mape-proto plan --sh --uplink "$UPLINK" --uplink-mtu 1492 "$LINE_PREFIX" >$FILES/narrow.sh
	on cpe sh -eu $FILES/narrow.sh mape_up
	check "--sh, another MTU" "$(on cpe cat /sys/class/net/mape-wan/mtu)" -eq 1452
	on cpe sh -eu $FILES/line.sh mape_down
	gone "--sh"
	# And as it always was: variables for a script of one's own.
	(
		eval "$(mape-proto plan --sh "$LINE_PREFIX")"
		check "--sh, variables" "$MAPE_IPV4 $MAPE_CE $MAPE_BR $MAPE_MTU" = "$LINE_IPV4 $LINE_CE $LINE_BR 1460"
	)
}

by_ifupdown() {
	mape-proto plan --ifupdown --uplink "$UPLINK" --dir $FILES "$LINE_PREFIX"
	mkdir -p /etc/network
	printf 'source %s/mape-wan.interfaces\n' $FILES >/etc/network/interfaces
	mkdir -p /etc/network/if-pre-up.d /etc/network/if-up.d /etc/network/if-down.d /etc/network/if-post-down.d
	# Another route has our metric at first.
	on cpe ip route add default dev lan metric 512
	status=0
	on cpe ifup mape-wan || status=$?
	check "--ifupdown, metric taken: exit status" "$status" -ne 0
	on cpe ip route del default dev lan metric 512
	on cpe ifup mape-wan
	works "--ifupdown"
	on cpe ifdown mape-wan
	rm -r /etc/network /var/run/ifstate
	gone "--ifupdown"
}

uname -r
trap 'linux_silence; topology_down' EXIT
mkdir -p $FILES
linux_v6plus "${1:-br0}"
linux_state >/tmp/before
# What the bridge itself said when it was made (IGMP) is not the line's.
judge_load
by_script
by_ifupdown
check_finish
