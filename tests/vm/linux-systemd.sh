#!/bin/sh
# The unit under systemd's own manager, as an instance of a user: the machine's first process is the lab's.
# Started again after a crash, with the line as it was; after a stop the line is gone.
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

export XDG_RUNTIME_DIR=/run/manager XDG_CONFIG_HOME=/tmp/config

is_up() {
	on cpe mape-proto status 2>&1 | grep -q '^wan: up'
}

is_gone() {
	! on cpe ip link show mape-wan
}

is_ready() {
	systemctl --user is-active default.target
}

manager_start() {
	# It insists on a machine that systemd has booted.
	mkdir -p /run/systemd/system $XDG_RUNTIME_DIR $XDG_CONFIG_HOME/systemd/user
	cp /systemd/mape-rs.service $XDG_CONFIG_HOME/systemd/user
	for target in basic default shutdown; do
		printf '[Unit]\nDescription=%s\n' $target >$XDG_CONFIG_HOME/systemd/user/$target.target
	done
	ip netns exec "$LAB_NS-cpe" sh -ec 'mount -t cgroup2 cgroup2 /sys/fs/cgroup
		exec /usr/lib/systemd/systemd --user --log-target=console' >/tmp/systemd.log 2>&1 &
	manager=$!
	linux_wait 20 is_ready || cat /tmp/systemd.log
}

manager_stop() {
	if [ -n "${manager:-}" ]; then
		kill -9 "$manager"
		wait "$manager" 2>/dev/null || :
		manager=
	fi
	rm -rf /run/systemd/system $XDG_RUNTIME_DIR $XDG_CONFIG_HOME
}

main_process() {
	systemctl --user show --property=MainPID --value mape-rs
}

is_another() {
	process=$(main_process)
	[ "$process" -ne 0 ] && [ "$process" -ne "$1" ]
}

uname -r
trap 'manager_stop; linux_silence; topology_down' EXIT
line_v6plus
topology_up
serve_start
linux_uplink eth0
linux_relay
linux_advertise 240b:10:3261:6400::/64 14400
linux_wait 20 linux_has_prefix 240b:10:3261:6400
linux_state >/tmp/before
manager_start
systemctl --user start mape-rs
linux_wait 30 is_up || cat /tmp/systemd.log
linux_right "under systemd"
linux_traffic "under systemd"

index=$(on cpe cat /sys/class/net/mape-wan/ifindex)
process=$(main_process)
kill -9 "$process"
on cpe ip -6 address del "$LINE_CE/128" dev eth0
linux_wait 30 is_another "$process" || cat /tmp/systemd.log
linux_wait 30 is_up || cat /tmp/systemd.log
linux_right "after a crash"
check "after a crash: the same tunnel" "$(on cpe cat /sys/class/net/mape-wan/ifindex)" -eq "$index"

systemctl --user stop mape-rs
check "stopped: tunnels" "$(on cpe ip -o link show type ip6tnl | grep -c mape-wan || :)" -eq 0
manager_stop
linux_state >/tmp/after
linux_same "after a stop" /tmp/before /tmp/after
check_finish
