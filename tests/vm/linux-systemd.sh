#!/bin/sh
# The unit with all its restrictions under systemd's system manager, in a process namespace: the
# machine's first process is the lab's. The line comes up and follows what changes. After a crash
# and after a reload, as an upgrade does it, the line is as it was; after a stop it is gone.
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

UNITS=/tmp/units

# The manager refuses clients whose process it cannot see.
manage() {
	nsenter -t "$(pidof systemd)" -m -p systemctl "$@"
}

is_ready() {
	manage is-active default.target
}

manager_start() {
	mkdir -p $UNITS/mape-rs.service.d
	cp /systemd/mape-rs.service $UNITS
	# There is no journal here.
	printf '[Service]\nStandardError=append:/tmp/systemd.log\n' >$UNITS/mape-rs.service.d/log.conf
	for target in basic default network shutdown sysinit; do
		printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' $target >$UNITS/$target.target
	done
	ip netns exec "$LAB_NS-cpe" env container=lab SYSTEMD_UNIT_PATH=$UNITS \
		unshare --pid --fork --mount sh -ec 'mount -t proc proc /proc
			mount -t cgroup2 cgroup2 /sys/fs/cgroup
			exec /usr/lib/systemd/systemd --system --unit=default.target --log-target=console \
				--show-status=no' >>/tmp/systemd.log 2>&1 &
	manager=$!
	linux_wait 20 is_ready || cat /tmp/systemd.log
}

# The first process of a namespace takes all others with it.
manager_stop() {
	for process in $(pidof systemd); do kill -9 "$process"; done
	if [ -n "${manager:-}" ]; then
		wait "$manager" 2>/dev/null || :
		manager=
	fi
	rm -rf /run/systemd $UNITS
}

# The watching process, as this side of the namespace numbers it.
watching() {
	for process in /proc/[0-9]*; do
		case $(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) in
		'/usr/sbin/mape-proto watch '*) echo "${process#/proc/}" ;;
		esac
	done
}

is_another() {
	process=$(watching)
	[ -n "$process" ] && [ "$process" != "$1" ]
}

# again TEXT: another process watches, and the tunnel is the one of before.
again() {
	linux_wait 30 is_another "$watcher" || cat /tmp/systemd.log
	linux_wait 30 linux_is_up || cat /tmp/systemd.log
	linux_right "$1"
	check "$1: the same tunnel" "$(on cpe cat /sys/class/net/mape-wan/ifindex)" -eq "$index"
	watcher=$(watching)
}

# follows TEXT
follows() {
	linux_wait 30 linux_is_up || cat /tmp/systemd.log
	linux_right "$1"
	linux_traffic "$1"
}

confined() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$watcher/status"
}

uname -r
trap 'manager_stop; linux_silence; topology_down' EXIT
# As every machine with systemd has it; the unit may write below /run only.
[ -h /var/run ] || {
	rm -r /var/run
	ln -s /run /var/run
}
linux_v6plus eth0
manager_start
manage start mape-rs
follows "under systemd"
watcher=$(watching)
# CAP_NET_ADMIN is number 12; 2 is a filter.
check "capabilities" "$(confined CapBnd)" = 0000000000001000
check "new privileges" "$(confined NoNewPrivs)" = 1
check "system calls" "$(confined Seccomp)" = 2

index=$(on cpe cat /sys/class/net/mape-wan/ifindex)
kill -9 "$watcher"
on cpe ip -6 address del "$LINE_CE/128" dev eth0
again "after a crash"

# An upgrade: the file is another one, and the process runs it.
cp /usr/sbin/mape-proto /usr/sbin/mape-proto.new
mv /usr/sbin/mape-proto.new /usr/sbin/mape-proto
manage reload mape-rs
is_new() {
	[ "$(readlink "/proc/$watcher/exe")" = /usr/sbin/mape-proto ]
}
linux_wait 30 is_new || cat /tmp/systemd.log
linux_wait 30 linux_is_up || cat /tmp/systemd.log
linux_right "after a reload"
check "after a reload: the same process" "$(watching)" = "$watcher"
check "after a reload: its program" "$(readlink "/proc/$watcher/exe")" = /usr/sbin/mape-proto
check "after a reload: the same tunnel" "$(on cpe cat /sys/class/net/mape-wan/ifindex)" -eq "$index"
check "after a reload: starts" "$(manage show --property=NRestarts --value mape-rs)" -eq 1
linux_traffic "after a reload"

linux_flush
follows "rules flushed"
on cpe ip link del mape-wan
follows "device deleted"
# By hand, which removes the directory of its state too.
on cpe mape-proto down
follows "down by hand"

linux_relay_down
line_ocn
linux_relay
linux_advertise 240b:10:3261:6400::/64 0 2400:4050:80ba:2200::/64 14400
linux_wait 40 linux_has_line || cat /tmp/systemd.log
sleep 1
judge_load
follows "another prefix"

manage stop mape-rs
check "stopped: tunnels" "$(on cpe ip -o link show type ip6tnl | grep -c mape-wan || :)" -eq 0
check "stopped: result" "$(manage show --property=Result --value mape-rs)" = success
manager_stop
# What the advertisements made is the kernel's; the line's own is gone.
for left in $(on cpe nft list tables | grep -c mape || :) \
	$(on cpe ip -6 address show dev eth0 | grep -c /128 || :) \
	$(find /run/mape-rs 2>/dev/null | wc -l); do
	check "after a stop: left" "$left" -eq 0
done
check_finish
