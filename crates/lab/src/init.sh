#!/bin/sh
# The VM's first process: mounts, modules, then the caller's commands in /lab/run.
# The last line it prints tells the host how they ended (see vm.rs).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
while read -r module; do
	insmod "$module" || echo "lab: cannot load $module"
done </modules/order
# Each machine draws other random numbers, also one without a source of them.
echo "${lab_seed:-}" >/dev/urandom
ip link set lo up
# Room for a test with 100,000 flows.
sysctl -qw net.netfilter.nf_conntrack_max=300000
# shellcheck disable=SC3045 # not POSIX, but in the shell that runs this
ulimit -n 65536
cd /lab || exit 1
sh /lab/run </dev/null 2>&1
echo "LAB-EXIT $?"
# The host ends the machine when it sees the line above; never return from here (kernel panic).
while :; do sleep 60; done
