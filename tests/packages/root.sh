# shellcheck shell=sh
# A router's root for tests of packages, without network. Who sources it has set `here`, `work`, `busybox`,
# `package` (any of the kind that is tried) and `tool` (apk-tools 3, or nothing).
# shellcheck disable=SC2154

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
	for name in libc firewall4 kmod-ip6-tunnel kmod-nft-netdev kmod-nf-conntrack-netlink luci-base rpcd-mod-file \
		rpcd-mod-ucode; do
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
	: >"$root/lib/netifd/proto/dhcp.sh"
	cp "$busybox" "$root/bin/busybox"
	for applet in sh sed grep awk cat cp rm rmdir mkdir touch printf sleep tr; do
		ln -s busybox "$root/bin/$applet"
	done
	cp "$here/stub.sh" "$root/bin/stub"
	chmod 755 "$root/bin/stub"
	for program in bin/uci bin/ubus usr/sbin/nft sbin/ifdown sbin/service etc/init.d/firewall \
		etc/init.d/rpcd; do
		ln -s /bin/stub "$root/$program"
	done
	cp "$here/functions.sh" "$root/lib/functions.sh"
	echo x86_64 >"$root/etc/openwrt_arch"
	printf "config interface 'wan6'\n\toption proto 'dhcpv6'\n\nconfig interface 'wan_mape'\n\toption proto 'mape'\n" \
		>"$root/etc/config/network"
	printf "config defaults 'd'\n\toption input 'REJECT'\n" >"$root/etc/config/firewall"
	printf "config internal 'languages'\n\toption en 'English'\n" >"$root/etc/config/luci"
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
		cd "$root" || exit
		find . ! -type d ! -path './dev/*' ! -path ./called ! -path ./down ! -path './etc/config/*' ! -path './lib/apk/db/*' \
			! -path ./etc/apk/world ! -path './var/log/*' ! -path './var/cache/*' | sort |
			while read -r file; do
				if [ -L "$file" ]; then readlink "$file"; else sha256sum "$file"; fi
			done
		find . -type d | sort
	)
	for file in network firewall luci; do chroot "$root" uci -q show "$file"; done
}

# called TEXT: how often a program was called like this.
called() {
	grep -c -- "$1" "$root/called" || :
}
