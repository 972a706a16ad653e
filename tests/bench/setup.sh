#!/bin/sh
# What one set-up costs, ours beside OpenWrt's `map`, on the same stand-in for netifd. Needs root.
#
#   UPSTREAM     a directory with OpenWrt's files: those of a root, with the package `map` in it
#   MAPE_PROTO   our program, static
#   ROUNDS       how often each is measured (11)
#
# Runs in namespaces of its own. Its root is an overlay of UPSTREAM over this machine's files, so
# that files missing in UPSTREAM (a shell, nft, libraries) are the machine's. PATH has lab-traffic
# and netifd-stand-in, both static. Prints lines `SIDE LINE JSON`, the JSON being lab-traffic's.
set -eu
if [ -z "${BENCH_INSIDE:-}" ]; then
	BENCH_INSIDE=$(cd "$(dirname "$0")/../.." && pwd)
	export BENCH_INSIDE
	# As many TCP hash buckets as a router with half a gigabyte has: listing sockets walks
	# through all of them, and a namespace gets its own table. Older kernels lack this sysctl.
	# shellcheck disable=SC2016 # the inner shell expands it
	exec unshare --net sh -c 'echo 4096 2>/dev/null >/proc/sys/net/ipv4/tcp_child_ehash_entries
		exec unshare --mount --net --propagation private sh "$0"' "$0"
fi
work=$(mktemp -d)
mount -t tmpfs bench "$work"
mkdir "$work/upper" "$work/work" "$work/root"
root=$work/root
# A copy, as layers may not lie in one another.
cp -a "$UPSTREAM" "$work/upstream"
# An UPSTREAM that is no complete root uses this machine's libraries, and must not hide them where
# /lib is a link to /usr/lib. OpenWrt's scripts need a busybox shell.
if [ ! -e "$work/upstream/bin/sh" ]; then
	for place in bin sbin lib; do
		if [ -L "/$place" ] && [ -d "$work/upstream/$place" ]; then
			mkdir -p "$work/upstream/usr/$place"
			cp -a "$work/upstream/$place/." "$work/upstream/usr/$place"
			rm -r "${work:?}/upstream/$place"
		fi
	done
	mkdir -p "$work/upstream/usr/bin"
	cp "$(command -v busybox)" "$work/upstream/usr/bin/sh"
fi
mount -t overlay overlay -o "lowerdir=$work/upstream:/,upperdir=$work/upper,workdir=$work/work" "$root"
for place in proc dev tmp; do mkdir -p "$root/$place"; done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmp "$root/tmp"
if [ ! -L "$root/var" ]; then
	mkdir -p "$root/var"
	mount -t tmpfs var "$root/var"
fi
mkdir -p "$root/var/run/ubus" "$root/etc/config" "$root/tmp/bin" "$root/tmp/run"
for program in lab-traffic netifd-stand-in; do
	cp "$(command -v "$program")" "$root/tmp/bin"
done
cp "$MAPE_PROTO" "$root/usr/sbin/mape-proto"
cp "$BENCH_INSIDE/files/lib/netifd/proto/mape.sh" "$root/lib/netifd/proto/"
chmod 755 "$root/lib/netifd/proto/"*.sh

# inside COMMAND...: as netifd runs a handler.
inside() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /bin/sh -c \
		'cd /lib/netifd/proto && exec "$@"' sh "$@"
}

stand_in() {
	chroot "$root" /tmp/bin/netifd-stand-in "$@"
}

# The same plan for both: `map` needs it typed.
line() {
	case $1 in
	15) prefix=240b:10:3261:6400 ce=240b:10:3261:6400:6a:4832:6100:6400 ipv4=106.72.50.97
		numbers='"ipaddr":"106.72.0.0","ip4prefixlen":15,"ip6prefix":"240b:10::","ip6prefixlen":31,"peeraddr":"2404:9200:225:100::64","ealen":25,"psidlen":8,"offset":4' ;;
	63) prefix=2400:4050:80ba:2200 ce=2400:4050:80ba:2200:99:f202:e800:2200 ipv4=153.242.2.232
		numbers='"ipaddr":"153.242.0.0","ip4prefixlen":16,"ip6prefix":"2400:4050:8000::","ip6prefixlen":34,"peeraddr":"2001:380:a120::9","ealen":22,"psidlen":6,"offset":6' ;;
	esac
}

# A router that has just started its firewall, as it does before netifd; or not even that.
forget() {
	# The loader that procd was asked for may still write there.
	until rm -rf "$root/var/run/mape-rs" "$root/tmp/run/mape-rs" 2>/dev/null; do
		sleep 0.1
	done
}

started() {
	forget
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /usr/sbin/mape-proto firewall >/dev/null
}

# own_options SIDE: what `set_up` adds to ours.
own_options() {
	own=
	[ "$1" != options ] || own=',"full_cone":true,"time_wait":30,"dscp_reset":true'
}

# set_up PROTO WORD...: one set-up under a fresh netifd without earlier state. WORD... are put
# before the handler's call.
set_up() {
	protocol=$1
	shift
	cat >"$root/tmp/config" <<-EOF
		{"wan6":{"proto":"static","device":"wan","ip6addr":["$prefix::1/64"],"ip6prefix":["$prefix::/56"],"ip6gw":"fe80::1"},
		 "wan":{"proto":"$protocol","auto":"0"}}
	EOF
	# Not through `stand_in`: the process to stop later would be a shell around this one.
	chroot "$root" /tmp/bin/netifd-stand-in serve --dry --socket /var/run/ubus/ubus.sock \
		--config /tmp/config --handlers /lib/netifd/proto >"$work/log" 2>&1 &
	serving=$!
	tries=100
	until stand_in ubus call network.interface.wan status >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || {
			cat "$work/log" >&2
			exit 1
		}
		sleep 0.05
	done
	# Some builds of ubus look there.
	ln -sf ubus/ubus.sock "$root/var/run/ubus.sock"
	case $protocol in
	map) options="{\"proto\":\"map\",\"maptype\":\"map-e\",$numbers,\"legacymap\":true,\"tunlink\":\"wan6\",\"mtu\":1460}" ;;
	mape) options="{\"proto\":\"mape\"$own}" ;;
	esac
	inside "$@" "./$protocol.sh" "$protocol" setup wan "$options" 2>>"$work/log"
	# Both have to have done it.
	for proof in "network.interface.wan $ipv4" "network.interface.wan_ static"; do
		if ! stand_in ubus call "${proof% *}" status 2>&1 | grep -q "\"${proof#* }\""; then
			echo "$protocol: no ${proof#* } in ${proof% *}" >&2
			stand_in ubus call "${proof% *}" status >&2
			cat "$work/log" >&2
			kill "$serving"
			exit 1
		fi
	done
	kill "$serving"
	wait "$serving" 2>/dev/null || :
}

# The control's: as much as it takes to count to 40000, five times.
cat >"$root/tmp/bin/busy" <<'EOF'
#!/bin/sh
for round in 1 2 3 4 5; do
	( i=0; while [ "$i" -lt 8000 ]; do i=$((i + 1)); done )
done
[ $# -eq 0 ] || exec "$@"
EOF
chmod 755 "$root/tmp/bin/busy"

# The firewall is loaded before the set-ups, and some work of the kernel is done only for the first
# object of its kind.
chroot "$root" nft -f - <<EOF
table inet fw4 {
	chain input { type filter hook input priority filter; policy accept; ct state established accept; }
	chain forward { type filter hook forward priority filter; policy drop; }
	chain output { type filter hook output priority filter; policy accept; }
	chain prerouting { type filter hook prerouting priority filter; policy accept; }
	chain dstnat { type nat hook prerouting priority dstnat; policy accept; }
	chain srcnat { type nat hook postrouting priority srcnat; policy accept; }
}
table netdev others {
	chain ingress { type filter hook ingress device "lo" priority 0; policy accept; }
	chain egress { type filter hook egress device "lo" priority 0; policy accept; }
}
EOF
ip link set lo up
ip link add wan type veth peer name relay
ip link set relay up
ip link set wan up
ip -6 addr add fe80::2/64 dev wan nodad
for ranges in 15 63; do
	line "$ranges"
	ip -6 addr add "$prefix::1/64" dev wan nodad
	ip -6 addr add "$ce/128" dev wan nodad
done
cost='/tmp/bin/lab-traffic cost'
for ranges in 15 63; do
	line "$ranges"
	for side in map mape options asks; do
		protocol=mape
		own_options "$side"
		[ "$side" != map ] || protocol=map
		started
		[ "$side" != asks ] || forget
		echo "trace-$side $ranges $(set_up "$protocol" /tmp/bin/lab-traffic trace)"
	done
	round=0
	# The first one fills caches.
	while [ "$round" -le "${ROUNDS:-11}" ]; do
		for side in map mape again options asks control busy; do
			started
			[ "$side" != asks ] || forget
			own_options "$side"
			# shellcheck disable=SC2086 # words
			case $side in
			map) result=$(set_up map $cost) ;;
			mape | again | options | asks) result=$(set_up mape $cost) ;;
			control) result=$(set_up mape $cost /tmp/bin/busy) ;;
			busy) result=$(inside $cost /tmp/bin/busy) ;;
			esac
			[ "$round" -eq 0 ] || echo "$side $ranges $result"
		done
		round=$((round + 1))
	done
done
