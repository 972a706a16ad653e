#!/bin/sh
# Installs, upgrades and removes a package in a root without network, and looks for traces.
#
#   packages.sh WORK BUSYBOX PACKAGE NEWER [APK]
#
# PACKAGE and NEWER are two versions of mape-rs, for opkg or for apk; APK is apk-tools 3. Needs root, for
# chroot.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1 busybox=$2 package=$3 newer=$4 tool=${5:-}

fail() {
	echo "FAILED: $*" >&2
	cat "$root/called" >&2
	exit 1
}

# manager ROOT install FILE | remove NAME
manager() {
	case "$package $2" in
	*.ipk*) sh "$here/opkg.sh" "$@" ;;
	*.apk\ install) "$tool" --root "$1" --allow-untrusted --no-network --quiet add "$3" ;;
	*.apk\ remove) "$tool" --root "$1" --no-network --quiet del "$3" ;;
	esac
}

# apk insists on what a package depends on.
dependencies() {
	"$tool" --root "$root" --initdb --arch x86_64 --no-network --quiet add
	for name in libc firewall4 kmod-ip6-tunnel kmod-nft-netdev kmod-nf-conntrack-netlink; do
		"$tool" mkpkg --info "name:$name" --info version:1-r1 --info arch:x86_64 --output "$work/$name.apk"
		"$tool" --root "$root" --allow-untrusted --no-network --quiet add "$work/$name.apk"
	done
}

# A root as OpenWrt's, with upstream's `map` in it.
new_root() {
	root=$work/root
	rm -rf "$root"
	for directory in bin dev etc/config etc/init.d etc/hotplug.d/iface lib/netifd/proto \
		proc sbin tmp usr/bin usr/sbin usr/lib/opkg/info usr/share var/run; do
		mkdir -p "$root/$directory"
	done
	: >"$root/dev/null"
	# Others' files, so that these directories are not only ours.
	: >"$root/etc/hotplug.d/iface/20-firewall"
	: >"$root/usr/share/others"
	cp "$busybox" "$root/bin/busybox"
	for applet in sh sed grep awk cat cp rm rmdir mkdir touch printf sleep tr; do
		ln -s busybox "$root/bin/$applet"
	done
	cp "$here/stub.sh" "$root/bin/stub"
	chmod 755 "$root/bin/stub"
	for program in bin/uci bin/ubus usr/sbin/nft sbin/ifdown etc/init.d/firewall; do
		ln -s /bin/stub "$root/$program"
	done
	cp "$here/functions.sh" "$root/lib/functions.sh"
	echo x86_64 >"$root/etc/openwrt_arch"
	printf "config interface 'wan6'\n\toption proto 'dhcpv6'\n\nconfig interface 'wan_mape'\n\toption proto 'mape'\n" \
		>"$root/etc/config/network"
	printf "config defaults 'd'\n\toption input 'REJECT'\n" >"$root/etc/config/firewall"
	printf '#!/bin/sh\n# upstream\n' >"$root/lib/netifd/proto/map.sh"
	printf '/lib/netifd/proto/map.sh\n' >"$root/usr/lib/opkg/info/map.list"
	printf 'Package: map\n' >"$root/usr/lib/opkg/info/map.control"
	echo '{ "map": { } }' >"$root/handlers"
	printf 'table inet fw4\ntable inet mape_rs\ntable netdev mape_rs_wan_mape\ntable inet mape\n' >"$root/tables"
	case "$package" in *.apk) dependencies ;; esac
	: >"$root/called"
}

# Every file with its checksum, but for what the stubs write; UCI's files by what they say.
state() {
	(
		cd "$root"
		find . ! -type d ! -path ./called ! -path ./down ! -path './etc/config/*' ! -path './lib/apk/db/*' \
			! -path ./etc/apk/world ! -path './var/log/*' ! -path './var/cache/*' | sort |
			while read -r file; do
				if [ -L "$file" ]; then readlink "$file"; else sha256sum "$file"; fi
			done
		find . -type d | sort
	)
	for file in network firewall; do chroot "$root" uci -q show "$file"; done
}

# called TEXT: how often a program was called like this.
called() {
	grep -c -- "$1" "$root/called" || :
}

new_root
state >"$work/before"

case "$package" in
*.ipk)
	echo "== ${package##*/}: another architecture's, and beside its rival"
	echo mipsel_24kc >"$root/etc/openwrt_arch"
	manager "$root" install "$package" 2>/dev/null && fail "another architecture's package was installed"
	echo x86_64 >"$root/etc/openwrt_arch"
	printf 'Package: mape\n' >"$root/usr/lib/opkg/info/mape.control"
	manager "$root" install "$package" 2>/dev/null && fail "installed beside its rival"
	rm "$root/usr/lib/opkg/info/mape.control"
	state >"$work/now"
	cmp "$work/before" "$work/now" || fail "a refused package has changed something"
	: >"$root/called"
	;;
*) echo "== ${package##*/}" ;;
esac

echo "== install"
manager "$root" install "$package" >"$work/said"
grep -q 'service network restart' "$work/said" || fail "nobody was told of the restart"
[ "$(called 'restart')" = 0 ] || fail "something was restarted"
[ "$(called '^firewall reload')" = 1 ] || fail "the firewall does not know the rules"
[ "$(chroot "$root" uci -q show firewall | grep -c '^firewall.mape_rs')" = 4 ] || fail "no section in firewall"
[ ! -e "$root/etc/uci-defaults/50-mape-rs" ] || fail "uci-defaults would run again"
chroot "$root" /usr/sbin/mape-proto --version
list=$(find "$root" -name mape-rs.list)
while read -r file; do
	[ -e "$root$file" ] || [ "${file%/*}" = /etc/uci-defaults ] || fail "$file was not installed"
done <"$list"

echo "== once more, upgrade, downgrade: the tunnel stays"
echo '{ "map": { }, "mape": { } }' >"$root/handlers"
for file in "$package" "$newer" "$package"; do
	manager "$root" install "$file" >"$work/said"
	[ ! -s "$work/said" ] || fail "it says $(cat "$work/said")"
done
[ "$(called '^ifdown')" = 0 ] || fail "the tunnel was taken down"
[ "$(called '^nft delete')" = 0 ] || fail "rules were taken away"
[ "$(chroot "$root" uci -q show firewall | grep -c '^firewall.mape_rs')" = 4 ] || fail "firewall's section"

echo "== remove"
mkdir -p "$root/var/run/mape-rs" "$root/etc/mape-rs"
echo x >"$root/var/run/mape-rs/wan_mape"
echo x >"$root/etc/mape-rs/cache"
: >"$root/called"
manager "$root" remove mape-rs
[ "$(called '^ifdown wan_mape')" = 1 ] || fail "the tunnel was left"
[ "$(called '^nft delete table inet mape_rs$')" = 1 ] || fail "table inet mape_rs was left"
[ "$(called '^nft delete table netdev mape_rs_wan_mape$')" = 1 ] || fail "the netdev table was left"
[ "$(called '^nft delete')" = 2 ] || fail "another's table was deleted"
echo '{ "map": { } }' >"$root/handlers"
state >"$work/after"
diff "$work/before" "$work/after" || fail "traces"

# apk knows no roots that are not run; OpenWrt's image builder runs its scripts by itself.
case "$package" in *.apk) exit 0 ;; esac

echo "== in an image"
new_root
sh "$here/opkg.sh" --image "$root" install "$package" >"$work/said"
[ ! -s "$work/said" ] || fail "it says $(cat "$work/said")"
[ ! -s "$root/called" ] || fail "something was run"
[ -e "$root/etc/uci-defaults/50-mape-rs" ] || fail "nothing left for the first boot"
sh "$here/opkg.sh" --image "$root" remove mape-rs
[ ! -s "$root/called" ] || fail "something was run"
state >"$work/after"
diff "$work/before" "$work/after" || fail "traces"
rm -rf "$root"
echo "packages: as they should be"
