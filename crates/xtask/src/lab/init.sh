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
ip link set lo up
# A netfilter hook's first chain and the end of its last one patch the running kernel, and qemu's
# threads can execute the old byte after that: the kernel oopses ("int3") or hangs. Chains in a
# namespace that no packet passes keep all hooks switched on.
ip netns add hooks
ip netns exec hooks nft -f - <<-'EOF'
	table inet hooks {
		chain a { type filter hook prerouting priority 0; }
		chain b { type filter hook input priority 0; }
		chain c { type filter hook forward priority 0; }
		chain d { type filter hook output priority 0; }
		chain e { type filter hook postrouting priority 0; }
	}
	table netdev hooks {
		chain f { type filter hook ingress device lo priority 0; }
		chain g { type filter hook egress device lo priority 0; }
	}
EOF
# Room for a test with 100,000 flows.
sysctl -qw net.netfilter.nf_conntrack_max=300000
# shellcheck disable=SC3045 # not POSIX, but in the shell that runs this
ulimit -n 65536
cd /lab || exit 1
sh /lab/run </dev/null 2>&1
echo "LAB-EXIT $?"
# The host ends the machine when it sees the line above; never return from here (kernel panic).
while :; do sleep 60; done
