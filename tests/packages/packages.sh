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

# shellcheck source=tests/packages/root.sh
. "$here/root.sh"

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
[ "$(called '^ubus call network.interface.wan_mape renew')" -gt 0 ] || fail "the line was not asked to look again"
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
