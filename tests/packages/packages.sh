#!/bin/sh
# Installs, upgrades and removes packages from files, in a root without network, and looks for
# traces.
#
#   packages.sh WORK BUSYBOX RELEASE KIND TOOL PACKAGES NEWER
#
# KIND is `like` (TOOL is opkg.sh, the imitation), `opkg` or `apk` (TOOL is the real one). PACKAGES
# and NEWER are feeds with two versions of ours. Needs root, for chroot.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1 busybox=$2 release=$3 kind=$4 tool=$5 packages=$6 newer=$7

# shellcheck source=tests/packages/root.sh
. "$here/root.sh"

# ours DIRECTORY NAME: the file of that package.
ours() {
	for file in "$1/$manager/x86_64/$2"[_-][0-9]*."$packed"; do echo "$file"; done
}

# unchanged WHAT: since $work/before.
unchanged() {
	state >"$work/after"
	diff "$work/before" "$work/after" >"$work/said" || fail "$1"
}

package=$(ours "$packages" mape-rs)
next=$(ours "$newer" mape-rs)
modules=$work/modules
pack_modules "$modules"
# Those of another release: their kernel is another one.
pack_modules "$work/others" "$(echo "$abi" | sed 's/[0-9a-f]\{8\}/00000000/')"
# With our key, which makes apk take our files.
key() {
	[ "$kind" != apk ] || cp "$packages/mape-rs.pem" "$root/etc/apk/keys/"
}

new_root
state >"$work/before"

echo "== $kind, $release: what is refused, and changes nothing"
if [ "$kind" = apk ]; then
	! install "$package" || fail "installed without the key"
	said 'UNTRUSTED signature'
fi
key
arch x86_64_other
! install "$package" || fail "the package of another architecture was installed"
arch x86_64
has_not mape-rs
case "$kind" in
apk) said 'uninstallable' ;;
*) said 'incompatible with the architectures configured' ;;
esac
! install "$package" || fail "installed without the modules it depends on"
said kmod-ip6-tunnel
has_not mape-rs
pack "$work/rival" mape "1$revision" x86_64 ''
trust=
[ "$kind" != apk ] || trust=--allow-untrusted
install $trust "$work/rival"/mape* || fail "the rival is not installed"
# Its modules are named too, so that only the rival is in the way.
! install_modules "$modules" "$package" || fail "installed beside its rival"
said mape
has_not mape-rs
remove mape
unchanged "a refused package has changed something"

echo "== modules of another release, all in one go"
new_root
key
! install_modules "$work/others" "$package" "$(ours "$packages" luci-app-mape)" || fail "it ends as if all were well"
has_not kmod-ip6-tunnel kmod-nft-netdev kmod-nf-conntrack-netlink
case "$kind" in
apk) has_not mape-rs luci-app-mape luci-i18n-mape-ja ;;
*)
	# opkg installs what depends on them all the same; so our package names the missing ones,
	# before the restart.
	has mape-rs luci-app-mape
	said "mape-rs: .* missing: kmod-ip6-tunnel kmod-nft-netdev kmod-nf-conntrack-netlink\$"
	said "kernel $kernel"
	sed -n '/missing:/,$p' "$work/said" | grep -q 'service network restart' || fail "no restart behind it"
	# What is built into the kernel is not missing; OpenWrt lists it without directories.
	printf '%s.ko\n' ip6_tunnel kernel/net/netfilter/nft_dup_netdev >"$root/lib/modules/$kernel/modules.builtin"
	router /usr/share/mape-rs/package installed
	said "missing: kmod-nf-conntrack-netlink\$"
	;;
esac

echo "== the lines for files by hand"
new_root
cp "$modules"/* "$packages/$manager/x86_64"/*."$packed" "$packages/mape-rs.pem" "$root/tmp/"
by_hand "$here/../../docs/install.md" files || fail 'the lines'
said 'service network restart'
! grep -q 'missing' "$work/said" || fail 'it reports installed packages as missing'
has kmod-ip6-tunnel kmod-nft-netdev kmod-nf-conntrack-netlink mape-rs luci-app-mape luci-i18n-mape-ja
rm -r "$root"/tmp/*

echo "== by LuCI's upload: one file after the other"
new_root
key
if [ "$kind" = apk ]; then
	! upload "$modules"/kmod-iptunnel6-* || fail "a file that is not signed was installed"
	said 'UNTRUSTED signature'
	install_modules "$modules" || fail "modules"
else
	for name in kmod-iptunnel6 kmod-ip6-tunnel kmod-nft-netdev kmod-nf-conntrack-netlink; do
		upload "$modules/$name"_* || fail "$name"
	done
fi
upload "$package" || fail "mape-rs"
said 'service network restart'
! grep -q 'missing' "$work/said" || fail "it reports installed packages as missing"
[ "$(called 'restart')" = 0 ] || fail "something was restarted"
[ "$(called '^firewall reload')" = 1 ] || fail "the firewall does not know the rules"
[ "$(chroot "$root" uci -q show firewall | grep -c '^firewall.mape_rs')" = 4 ] || fail "no section in firewall"
[ ! -e "$root/etc/uci-defaults/50-mape-rs" ] || fail "uci-defaults would run again"
chroot "$root" /usr/sbin/mape-proto --version
for name in luci-app-mape luci-i18n-mape-ja; do upload "$(ours "$packages" "$name")" || fail "$name"; done
has mape-rs luci-app-mape luci-i18n-mape-ja
grep -q . "$root/etc/config/luci"
chroot "$root" uci -q show luci | grep -q '^luci.languages.ja=' || fail "the language is not in LuCI's list"
find "$root" -name mape-rs.list | while read -r list; do
	while read -r file; do
		[ -e "$root$file" ] || [ "${file%/*}" = /etc/uci-defaults ] || fail "$file was not installed"
	done <"$list"
done

echo "== once more, upgrade, downgrade: the tunnel stays"
echo '{ "map": { }, "mape": { } }' >"$root/handlers"
: >"$root/called"
version=$(installed mape-rs)
install "$package" || fail "once more"
[ "$kind" = apk ] || said 'is up to date'
[ "$(called '')" = 0 ] || fail "something was run"
install "$next" || fail "upgrade"
silent
[ "$(installed mape-rs)" != "$version" ] || fail "it is still $version"
[ "$(called '^ubus call network.interface.wan_mape renew')" = 1 ] || fail "the line was not asked to look again"
if [ "$kind" != apk ]; then
	: >"$root/called"
	install "$package" || fail "an older file"
	[ "$(installed mape-rs)" != "$version" ] || fail "it is $version again"
	[ "$(called '')" = 0 ] || fail "something was run"
fi
if [ "$kind" = apk ]; then install "$package"; else install --force-downgrade "$package"; fi || fail "downgrade"
silent
[ "$(installed mape-rs)" = "$version" ] || fail "it is not $version"
[ "$(called '^ifdown')" = 0 ] || fail "the tunnel was taken down"
[ "$(called '^nft delete')" = 0 ] || fail "rules were taken away"
[ "$(chroot "$root" uci -q show firewall | grep -c '^firewall.mape_rs')" = 4 ] || fail "firewall's section"

echo "== remove"
! remove mape-rs || [ "$kind" = apk ] || fail "removed while LuCI's pages need it"
has mape-rs
mkdir -p "$root/var/run/mape-rs" "$root/etc/mape-rs"
echo x >"$root/var/run/mape-rs/wan_mape"
echo x >"$root/etc/mape-rs/cache"
: >"$root/called"
# In README's order.
remove luci-i18n-mape-ja luci-app-mape mape-rs || fail "remove"
has_not mape-rs luci-app-mape luci-i18n-mape-ja
[ "$(called '^ifdown wan_mape')" = 1 ] || fail "the tunnel was left"
[ "$(called '^ubus call service delete {"name":"mape-rs"}$')" = 1 ] || fail "procd keeps the service"
[ "$(called '^nft delete table inet mape_rs$')" = 1 ] || fail "table inet mape_rs was left"
[ "$(called '^nft delete table netdev mape_rs_wan_mape$')" = 1 ] || fail "the netdev table was left"
[ "$(called '^nft delete')" = 2 ] || fail "another's table was deleted"
for directory in var/run etc; do [ ! -e "$root/$directory/mape-rs" ] || fail "$directory/mape-rs was left"; done
echo '{ "map": { } }' >"$root/handlers"
unchanged "traces"

echo "== in an image"
for no_script in 1 ''; do
	new_root
	image "$package" "$(ours "$packages" luci-app-mape)" "$(ours "$packages" luci-i18n-mape-ja)" || fail "not installed"
	silent
	has mape-rs luci-app-mape luci-i18n-mape-ja
	[ ! -s "$root/called" ] || fail "something was run"
	[ -e "$root/etc/uci-defaults/50-mape-rs" ] || fail "nothing left for the first boot"
done
echo "packages: as they should be"
