#!/bin/sh
# start.sh ROOT PROGRAM: copies our files into ROOT, a copy of an OpenWrt root with LuCI, and starts
# its ubusd, netifd, rpcd, and uhttpd on 127.0.0.1:80. Runs in network and mount namespaces that the
# caller has made; the caller also ends the programs in them. Exit status 77: ROOT lacks a program.
set -eu
root=$1 program=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
repository=$(CDPATH='' cd -- "$here/../../../.." && pwd)

lacks() {
	echo "the root lacks $1"
	exit 77
}

find_program() {
	for place in bin sbin usr/bin usr/sbin; do
		if [ -e "$root/$place/$1" ] || [ -L "$root/$place/$1" ]; then
			return
		fi
	done
	lacks "$1"
}

router() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root chroot "$root" "$@"
}

# serve LOG PROGRAM...: keeps running.
serve() {
	log=$1
	shift
	(exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root chroot "$root" "$@") \
		</dev/null >"$root/tmp/lab/$log.log" 2>&1 &
}

wait_for() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.5
	done
	return 1
}

for name in sh ubusd ubus uci rpcd uhttpd ucode; do
	find_program "$name"
done
for name in www/luci-static/resources/luci.js usr/share/ucode/luci/uhttpd.uc usr/lib/rpcd/ucode.so \
	usr/lib/rpcd/file.so usr/share/rpcd/acl.d/luci-base.json; do
	[ -e "$root/$name" ] || lacks "/$name"
done

# As the packages install them.
(cd "$repository/files" && find . -path ./linux -prune -o -type f -print | cpio -pdmu --quiet "$root")
chmod +x "$root/lib/netifd/proto/mape.sh"
mkdir -p "$root/www" "$root/usr/share/rpcd/ucode" "$root/usr/lib/lua/luci/i18n" "$root/usr/sbin"
cp -R "$repository/luci-app-mape/htdocs/." "$root/www/"
cp -R "$repository/luci-app-mape/root/." "$root/"
for language in ja:ja zh_Hans:zh-cn zh_Hant:zh-tw; do
	node "$here/lmo.js" "$repository/luci-app-mape/po/${language%:*}/mape.po" "$root/usr/lib/lua/luci/i18n/mape.${language#*:}.lmo"
done
cp "$program" "$root/usr/sbin/mape-proto.real"
cp "$here/mape-proto.sh" "$root/usr/sbin/mape-proto"
cp "$repository/tests/openwrt/labwan.sh" "$root/lib/netifd/proto/labwan.sh"
chmod 755 "$root/usr/sbin/mape-proto" "$root/usr/sbin/mape-proto.real" "$root/lib/netifd/proto/labwan.sh"
cp "$here/procd.uc" "$root/usr/share/rpcd/ucode/lab-procd.uc"
cp "$here/acl.json" "$root/usr/share/rpcd/acl.d/lab.json"
for package in rpcd network; do
	cp "$here/config-$package" "$root/etc/config/$package"
done
cp "$repository/tests/openwrt/config-firewall" "$root/etc/config/firewall"
: >"$root/etc/config/dhcp"
# As set up: LuCI warns on every page of a root without password.
# shellcheck disable=SC2016 # a hash and not variables
sed -i 's|^root:[^:]*:|root:$1$mapelab$PSxzXE8qCMohXdapLyBhW1:|' "$root/etc/shadow"

mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/tmp"
mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys" 2>/dev/null || :
mount -t tmpfs dev "$root/dev"
for node in null zero random urandom; do
	: >"$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs tmp "$root/tmp"
if [ ! -L "$root/var" ]; then
	mkdir -p "$root/var"
	mount -t tmpfs var "$root/var"
fi
mkdir -p "$root/var/run/ubus" "$root/var/lock" "$root/var/state" "$root/tmp/lab/fixture" "$root/tmp/resolv.conf.d"
chmod 1777 "$root/tmp"
: >"$root/tmp/dhcp.leases"

ip link set lo up
ip link add wan type veth peer name line
ip link add lan1 type veth peer name host1
ip link set line up
# What the uplink hears: the line of the vectors.
cat >"$root/tmp/lab/wan6" <<-'EOF'
	address 240b:10:3261:6400::1 64 1800 3600
	prefix 240b:10:3261:6400:: 56 1800 3600
EOF

cd /
serve ubusd ubusd
wait_for router ubus list || lacks "a working ubusd"
if [ -e "$root/sbin/netifd" ]; then
	serve netifd netifd
	wait_for router ubus call network.interface.wan6 status || lacks "a working netifd"
fi
serve rpcd rpcd
wait_for router ubus -S list luci.mape || lacks "an rpcd that loads ucode plugins"
serve uhttpd uhttpd -f -h /www -r OpenWrt -x /cgi-bin -u /ubus -t 60 -T 30 -A 1 -n 10 -N 100 \
	-o /cgi-bin/luci -O /usr/share/ucode/luci/uhttpd.uc -p 127.0.0.1:80
wait_for curl -sf -m 2 -o /dev/null http://127.0.0.1/luci-static/resources/luci.js || lacks "a working uhttpd"
