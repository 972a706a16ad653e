# shellcheck shell=sh
# A router's root without network for tests of packages. The script that sources this has set
# `here`, `work`, `busybox`, `release`, `kind` (like: the imitation of opkg; opkg or apk: the real
# one) and `tool` (its program).
# shellcheck disable=SC2034,SC2154

# shellcheck source=tests/packages/base.sh
. "$here/base.sh"

packed=ipk manager=opkg verb=install
if [ "$kind" = apk ]; then
	packed=apk manager=apk verb=add
	# The key of OpenWrt's own feeds.
	openssl ecparam -name prime256v1 -genkey -noout -out "$work/openwrt.pem"
fi

fail() {
	echo "FAILED ($kind, $release): $*" >&2
	cat "$work/said" "$root/called" >&2
	exit 1
}

# router WORD...: runs a command in the root; what it prints is kept in $work/said.
router() {
	chroot "$root" "$@" >"$work/said" 2>&1 </dev/null
}

# by_hand DOCUMENT NAME: runs that block for the router's package manager, as a person types it.
by_hand() {
	sh "$here/lines.sh" "$1" "$manager $2" 'http://[::1]/feed' >"$root/tmp/lines"
	router sh /tmp/lines
}

# program FILE PLACE: copies a program into the root, with the libraries it is linked to.
program() {
	cp "$1" "$root$2"
	(ldd "$1" 2>/dev/null || :) | grep -o '/[^ ]*' | while read -r library; do
		mkdir -p "$root${library%/*}"
		cp -L "$library" "$root$library"
	done
}

# install FILE... [OPTION]: by the names of files, as LuCI's upload does.
install() {
	words=
	for file; do
		if [ -f "$file" ]; then
			cp "$file" "$root/tmp/"
			file=/tmp/${file##*/}
		fi
		words="$words $file"
	done
	status=0
	# No word has a space.
	# shellcheck disable=SC2086
	router $manager $verb $words || status=$?
	rm -f "$root"/tmp/*.ipk "$root"/tmp/*.apk
	return "$status"
}

# upload FILE: as LuCI does it, which gives the file another name. MAPE_LUCI_CALL names LuCI's own
# command for that.
upload() {
	cp "$1" "$root/tmp/upload.$packed"
	if [ -z "${MAPE_LUCI_CALL:-}" ]; then
		router $manager $verb "/tmp/upload.$packed"
		return
	fi
	router sh /usr/libexec/package-manager-call install "/tmp/upload.$packed"
	grep -q '^code=0$' "$work/said"
}

remove() {
	if [ "$kind" = apk ]; then router apk del "$@"; else router opkg remove "$@"; fi
}

# install_modules DIRECTORY [FILE...]: kernel modules of OpenWrt's server, and files with them.
install_modules() {
	directory=$1
	shift
	if [ "$kind" = apk ]; then
		# By their signed index, since such a file is not signed itself.
		cp -r "$directory" "$root/tmp/modules"
		set -- --repository /tmp/modules/packages.adb kmod-ip6-tunnel kmod-nft-netdev kmod-nf-conntrack-netlink "$@"
	else
		set -- "$directory"/*.ipk "$@"
	fi
	install "$@"
}

# image FILE...: as OpenWrt's image builder installs ours, with the modules of its own; where
# `no_script` is 1 no script of opkg's packages does anything.
image() {
	case "$kind" in
	apk)
		rm -rf "$work/image"
		mkdir "$work/image"
		cp "$modules"/*.apk "$@" "$work/image/"
		"$tool" mkndx --allow-untrusted --output "$work/image/packages.adb" "$work/image"/*.apk >"$work/said" 2>&1
		"$tool" --root "$root" --repository "$work/image/packages.adb" --allow-untrusted --no-cache add --no-scripts \
			mape-rs luci-app-mape luci-i18n-mape-ja >"$work/said" 2>&1
		;;
	*)
		IPKG_NO_SCRIPT=$no_script IPKG_INSTROOT=$root "$tool" --offline-root "$root" --force-postinstall install \
			"$modules"/*.ipk "$@" >"$work/said" 2>&1
		;;
	esac
}

# arch NAME: the router's architecture.
arch() {
	case "$kind" in
	apk) echo "$1" >"$root/etc/apk/arch" ;;
	opkg) sed -i "s/^arch .* 10\$/arch $1 10/" "$root/etc/opkg.conf" ;;
	esac
	sed -i "s/^DISTRIB_ARCH=.*/DISTRIB_ARCH='$1'/" "$root/etc/openwrt_release"
}

# installed NAME: its version, or nothing.
installed() {
	case "$kind" in
	apk) sed -n "/^P:$1\$/,/^\$/s/^V://p" "$root/lib/apk/db/installed" ;;
	like) sed -n 's/^Version: //p' "$root/usr/lib/opkg/info/$1.control" 2>/dev/null || : ;;
	*) awk -v name="$1" '$1 == "Package:" { here = $2 == name } here && $1 == "Version:" { version = $2 }
		here && $1 == "Status:" && $NF == "installed" { print version }' "$root/usr/lib/opkg/status" ;;
	esac
}

# The package manager, as the release's image has it.
package_manager() {
	case "$kind" in
	apk)
		program "$tool" /usr/bin/apk
		mkdir -p "$root/etc/apk/keys" "$root/etc/apk/repositories.d"
		echo x86_64 >"$root/etc/apk/arch"
		openssl ec -in "$work/openwrt.pem" -pubout -out "$root/etc/apk/keys/openwrt.pem" 2>/dev/null
		chroot "$root" apk add --initdb --no-network --quiet
		chroot "$root" sh -c 'apk add --allow-untrusted --no-network --quiet /base/*'
		;;
	like)
		cp "$here/opkg.sh" "$root/bin/opkg"
		chroot "$root" sh -c 'opkg install /base/*' >/dev/null
		;;
	opkg)
		program "$tool" /bin/opkg
		mkdir -p "$root/etc/opkg/keys" "$root/var/lock"
		printf '%s\n' 'dest root /' 'dest ram /tmp' 'lists_dir ext /var/opkg-lists' 'option check_signature' \
			'arch all 1' 'arch x86_64 10' >"$root/etc/opkg.conf"
		: >"$root/etc/opkg/customfeeds.conf"
		chroot "$root" sh -c 'opkg install /base/*' >/dev/null
		;;
	esac
}

# LuCI's command, which answers with lines in the place of JSON; this busybox has no flock.
luci_command() {
	mkdir -p "$root/usr/share/libubox" "$root/usr/libexec"
	cp "$MAPE_LUCI_CALL" "$root/usr/libexec/package-manager-call"
	# Its answer as lines in the place of JSON; this busybox has no flock.
	cat >"$root/usr/share/libubox/jshn.sh" <<-'EOT'
		flock() { :; }
		json_init() { :; }
		json_dump() { :; }
		json_add_int() { echo "$1=$2"; }
		json_add_string() { echo "$2"; }
	EOT
}

# A root as OpenWrt's, with upstream's `map` in it.
new_root() {
	root=$work/root
	rm -rf "$root"
	for directory in bin dev etc/config etc/init.d etc/hotplug.d/iface etc/uci-defaults lib/modules lib/netifd/proto \
		proc/sys/kernel sbin tmp usr/bin usr/sbin usr/lib/opkg/info usr/share var/run; do
		mkdir -p "$root/$directory"
	done
	: >"$root/dev/null"
	: >"$work/said"
	: >"$root/lib/netifd/proto/dhcp.sh"
	cp "$busybox" "$root/bin/busybox"
	for applet in sh sed grep awk cat cp rm rmdir mkdir touch printf sleep tr tar gzip zcat gunzip mktemp find sort ls \
		wget head; do
		ln -s busybox "$root/bin/$applet"
	done
	# apk names a time limit, on which the wget of Debian 12's busybox crashes.
	rm "$root/bin/wget"
	cat >"$root/bin/wget" <<-'EOT'
		#!/bin/sh
		limit=
		for word; do
			shift
			if [ -n "$limit" ]; then limit=; elif [ "$word" = -T ]; then limit=1; else set -- "$@" "$word"; fi
		done
		exec busybox wget "$@"
	EOT
	chmod 755 "$root/bin/wget"
	cp "$here/stub.sh" "$root/bin/stub"
	chmod 755 "$root/bin/stub"
	for program in bin/uci bin/ubus usr/sbin/nft sbin/ifdown sbin/service usr/bin/logger \
		etc/init.d/firewall etc/init.d/rpcd; do
		ln -s /bin/stub "$root/$program"
	done
	if [ -n "${MAPE_UCI:-}" ]; then
		rm "$root/bin/uci"
		program "$MAPE_UCI" /bin/uci
		mkdir "$root/tmp/.uci"
	fi
	cp "$here/functions.sh" "$root/lib/functions.sh"
	printf "DISTRIB_RELEASE='%s.0'\nDISTRIB_ARCH='x86_64'\n" "$release" >"$root/etc/openwrt_release"
	printf "config interface 'wan6'\n\toption proto 'dhcpv6'\n\nconfig interface 'wan_mape'\n\toption proto 'mape'\n" \
		>"$root/etc/config/network"
	printf "config defaults 'd'\n\toption input 'REJECT'\n" >"$root/etc/config/firewall"
	printf "config internal 'languages'\n\toption en 'English'\n" >"$root/etc/config/luci"
	printf '#!/bin/sh\n# upstream\n' >"$root/lib/netifd/proto/map.sh"
	echo "$kernel" >"$root/proc/sys/kernel/osrelease"
	echo '{ "map": { } }' >"$root/handlers"
	printf 'table inet fw4\ntable inet mape_rs\ntable netdev mape_rs_wan_mape\ntable inet mape\n' >"$root/tables"
	[ -z "${MAPE_LUCI_CALL:-}" ] || luci_command
	[ -d "$work/base" ] || pack_base "$work/base"
	cp -r "$work/base" "$root/base"
	package_manager
	rm -r "$root/base"
	: >"$root/called"
}

# Every file with its checksum, but for what the stubs and the package manager write; UCI's files by
# what they say. No directories: opkg leaves those it made.
state() {
	(
		cd "$root" || exit
		find . ! -type d ! -path './dev/*' ! -path ./called ! -path ./down ! -path './etc/config/*' ! -path './lib/apk/*' \
			! -path './etc/apk/*' ! -path './etc/opkg/*' ! -path './var/*' ! -path './usr/lib/opkg/*' \
			! -path './lib/modules/*' ! -path './tmp/*' | sort |
			while read -r file; do
				if [ -L "$file" ]; then readlink "$file"; else sha256sum "$file"; fi
			done
	)
	for file in network firewall luci; do chroot "$root" uci -q show "$file"; done
}

# called TEXT: how often a program was called like this.
called() {
	grep -c -- "$1" "$root/called" || :
}

# said TEXT: the last command has printed this.
said() {
	grep -q -- "$1" "$work/said" || fail "it does not say \"$1\""
}

# silent: the last command has run nothing of the router's and spoken of nothing but packages.
silent() {
	! grep -q '^mape-rs: ' "$work/said" || fail 'it says something of mape-rs'
}

# has NAME...: each is installed.
has() {
	for name; do [ -n "$(installed "$name")" ] || fail "$name is not installed"; done
}

has_not() {
	for name; do [ -z "$(installed "$name")" ] || fail "$name is installed"; done
}
