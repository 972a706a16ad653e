#!/bin/sh
# Carries out the README's lines in a root whose only network is a server on ::1, with the signed
# feeds that the real package manager reads; then upgrades, breaks the feeds, and boots an image for
# the first time.
#
#   feed.sh WORK BUSYBOX RELEASE KIND TOOL USIGN OLDER NEWER
#
# KIND is `opkg` or `apk` and TOOL its program. OLDER and NEWER are feeds made with the same keys.
# To be run as root, in namespaces of its own: `unshare --net --pid --fork --kill-child`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1 busybox=$2 release=$3 kind=$4 tool=$5 usign=$6 older=$7 newer=$8
readme=$here/../../README.md manual=$here/../../docs/install.md

# shellcheck source=tests/packages/root.sh
. "$here/root.sh"

# serve FEED: our feed from now on, as a copy that may be broken.
serve() {
	rm -rf "$work/web/feed"
	cp -r "$1" "$work/web/feed"
}

# tamper_index: one that was changed on the way, or that another key has signed.
tamper_index() {
	directory=$work/web/feed/$manager/x86_64
	if [ "$kind" = opkg ]; then
		sed -i 's/^Version: .*/Version: 9-r1/' "$directory/Packages"
		gzip -9 --keep --force "$directory/Packages"
	else
		"$tool" mkndx --allow-untrusted --sign-key "$work/other.pem" --output "$directory/packages.adb" \
			"$directory"/*.apk >/dev/null
	fi
}

# kept: the files that a sysupgrade keeps, of the image's own package manager and of ours.
kept() {
	(
		cd "$work/former" || exit
		case "$kind" in
		opkg) set -- etc/opkg/keys etc/opkg/customfeeds.conf ;;
		apk) set -- etc/apk/repositories.d/customfeeds.list ;;
		esac
		# Without quotes, as sysupgrade has it: a line may be a pattern.
		# shellcheck disable=SC2046
		find etc/config "$@" $(sed 's|^/||' lib/upgrade/keep.d/*) -type f 2>/dev/null
	)
}

# A router with OpenWrt's own feed, and nothing of ours.
fresh() {
	new_root
	case "$kind" in
	opkg)
		program "$usign" /usr/bin/usign
		cp "$here/opkg-key" "$root/usr/sbin/"
		cp "$work/openwrt.pub" "$root/tmp/"
		chroot "$root" opkg-key add /tmp/openwrt.pub
		echo 'src/gz openwrt_core http://[::1]/openwrt' >"$root/etc/opkg/distfeeds.conf"
		echo 'src/gz nowhere http://[2001:db8::1]/packages' >>"$root/etc/opkg/distfeeds.conf"
		;;
	apk)
		# The second one does not answer.
		printf 'http://%s/packages.adb\n' '[::1]/openwrt' '[2001:db8::1]' >"$root/etc/apk/repositories.d/distfeeds.list"
		;;
	esac
}

set -- mape-rs luci-app-mape luci-i18n-mape-ja
mkdir -p "$work/web"
openwrt_feed "$work/web/openwrt"
[ "$kind" = opkg ] || openssl ecparam -name prime256v1 -genkey -noout -out "$work/other.pem"
"$busybox" ip link set lo up
"$busybox" httpd -f -p '[::1]:80' -h "$work/web" &
server=$!
trap 'kill $server' EXIT

echo "== $kind, $release: without the key"
serve "$older"
rm "$work/web/feed"/mape-rs.p*
fresh
! by_hand "$readme" feed || fail 'the lines end as if all were well'
# Even if a person goes on.
router $manager update || :
[ "$kind" = apk ] || said 'Signature check failed'
! router $manager $verb "$@" || fail 'installed'
has_not "$@"

echo "== the README's lines"
serve "$older"
fresh
state >"$work/before"
by_hand "$readme" feed || fail 'the lines'
has "$@" kmod-ip6-tunnel kmod-nft-netdev kmod-nf-conntrack-netlink
said 'service network restart'
! grep -q 'missing' "$work/said" || fail 'it misses what it has installed'
version=$(installed mape-rs)
echo '{ "map": { }, "mape": { } }' >"$root/handlers"
: >"$root/called"
by_hand "$readme" feed || fail 'a second time'
[ "$(called '')" = 0 ] || fail 'the second time something was run'

echo "== upgrade: a changed index, a changed package, then the right ones"
unharmed() {
	[ "$(installed mape-rs)" = "$version" ] || fail "$1 was taken"
	[ "$(called '')" = 0 ] || fail 'something was run'
}
serve "$newer"
tamper_index
by_hand "$manual" upgrade || :
unharmed 'a changed index'
serve "$newer"
for file in "$work/web/feed/$manager/x86_64"/mape-rs[_-]*."$packed"; do
	# The same length, another byte in the middle.
	printf 'X' | dd of="$file" bs=1 seek=20000 conv=notrunc 2>/dev/null
done
by_hand "$manual" upgrade || :
unharmed 'a changed package'
serve "$newer"
by_hand "$manual" upgrade || :
[ "$(installed mape-rs)" != "$version" ] || fail 'not upgraded'
! grep -q '^mape-rs: ' "$work/said" || fail 'it says something of mape-rs'
[ "$(called '^ubus call network.interface.wan_mape renew')" = 1 ] || fail 'the line was not asked to look again'
upgraded=$(installed mape-rs)

if [ "$kind" = apk ]; then
	# A package from a file stays at that file's version, until it is named.
	install "$older/apk/x86_64"/mape-rs-*.apk || fail 'an older file'
	router apk upgrade --force-missing-repositories || fail 'apk upgrade'
	[ "$(installed mape-rs)" = "$version" ] || fail "apk no longer keeps what came from a file: tell docs/install.md"
	by_hand "$manual" upgrade || fail 'upgrade'
	[ "$(installed mape-rs)" = "$upgraded" ] || fail 'it is still that of the file'
fi

echo "== downgrade, reinstall"
serve "$older"
by_hand "$manual" upgrade || :
[ "$(installed mape-rs)" = "$upgraded" ] || fail 'an upgrade to a lower version'
case "$kind" in
opkg)
	# Where a feed's list names the package, opkg prefers what is installed.
	rm "$root/var/opkg-lists/mape"
	install --force-downgrade "$work/web/feed/opkg/x86_64"/mape-rs_*.ipk || fail 'downgrade'
	router opkg update || :
	;;
apk) router apk upgrade --available --force-missing-repositories || fail 'downgrade' ;;
esac
[ "$(installed mape-rs)" = "$version" ] || fail "downgraded to $(installed mape-rs)"
[ "$(called '^ifdown')" = 0 ] || fail 'the tunnel was taken down'
case "$kind" in
opkg) router opkg install --force-reinstall mape-rs || fail 'reinstall' ;;
apk) router apk fix mape-rs || fail 'reinstall' ;;
esac
has "$@"
# To opkg that is a removal and an installation.
[ "$kind" = opkg ] || [ "$(called '^ifdown')" = 0 ] || fail 'the reinstallation took the tunnel down'
[ "$(chroot "$root" uci -q show firewall | grep -c '^firewall.mape_rs')" = 4 ] || fail "firewall's section"

echo "== sysupgrade: what is kept, and the README's last line"
rm -rf "$work/former"
mv "$root" "$work/former"
fresh
kept | while read -r file; do
	mkdir -p "$root/${file%/*}"
	cp "$work/former/$file" "$root/$file"
done
sh "$here/lines.sh" "$readme" "$kind feed" 'http://[::1]/feed' | tail -n 1 >"$root/tmp/lines"
router sh /tmp/lines || fail 'the last line'
has "$@"

echo "== remove"
: >"$root/called"
by_hand "$manual" remove || fail remove
has_not "$@"
[ "$(called '^ifdown wan_mape')" = 1 ] || fail 'the tunnel was left'
state >"$work/after"
diff "$work/before" "$work/after" || fail traces

echo "== another architecture, and modules of another kernel"
fresh
sh "$here/lines.sh" "$readme" "$kind feed" 'http://[::1]/feed' | sed 's/[$]{*[A-Z]*_ARCH}*/x86_64/' >"$root/tmp/lines"
arch aarch64_generic
! router sh /tmp/lines || fail "another architecture's was installed"
has_not "$@"
fresh
rm -r "$work/web/openwrt"
(
	abi=$(echo "$abi" | sed 's/[0-9a-f]\{8\}/00000000/')
	openwrt_feed "$work/web/openwrt"
)
! by_hand "$readme" feed || fail 'installed without modules'
said 'kernel'
case "$kind" in
apk) has_not "$@" ;;
# opkg installs ours for the sake of the pages that need it, and reports an error all the same.
opkg) said "mape-rs: .* missing: kmod-ip6-tunnel kmod-nft-netdev kmod-nf-conntrack-netlink\$" ;;
esac
rm -r "$work/web/openwrt"

echo "== an image that boots for the first time"
kill $server
rm -rf "$work/modules"
pack_modules "$work/modules"
fresh
install_modules "$work/modules" || fail modules
sed 's|https://mape-rs.github.io/mape-rs|http://[::1]/feed|; s/pause=15/pause=1/; s/pause \* 2/1/' \
	"$here/../../openwrt-feed/first-boot.sh" >"$root/etc/uci-defaults/99-mape-rs"
sed -i '/wan_mape/,$d' "$root/etc/config/network"
: >"$root/called"
hook=/etc/hotplug.d/iface/99-mape-rs-install
router sh -c 'cd /etc/uci-defaults && (. ./99-mape-rs) && rm 99-mape-rs' || fail 'uci-defaults'
chroot "$root" uci -q show network | grep -q "^network.wan4.proto='mape'\$" || fail 'no line'
[ -f "$root$hook" ] || fail 'no hook'
# As hotplug-call runs it.
event() { chroot "$root" sh -c "(ACTION=$1 INTERFACE=wan6; . $hook)" >/dev/null 2>&1; }
event ifdown
[ ! -d "$root/tmp/mape-rs-install" ] || fail 'it installs although the network goes down'
event ifup
event ifup
sleep 2
has_not "$@"
[ -f "$root$hook" ] || fail 'it has given up'
"$busybox" httpd -f -p '[::1]:80' -h "$work/web" &
server=$!
tries=60
while [ "$(called '^service network restart')" = 0 ] && [ "$tries" -gt 0 ]; do
	sleep 1
	tries=$((tries - 1))
done
cp "$root/tmp/log" "$work/said"
has "$@"
[ "$(called '^service network restart')" = 1 ] || fail 'the network was not started again'
[ ! -f "$root$hook" ] || fail 'the hook is still there'
echo "feed: as it should be"
