# shellcheck shell=sh
# What OpenWrt's /lib/functions.sh does when a package comes or goes, as far as packages here need it.

default_postinst() {
	pkgname=${1##*/}
	pkgname=${pkgname%.*}
	info=$IPKG_INSTROOT/usr/lib/opkg/info/$pkgname
	if [ -z "$IPKG_INSTROOT" ]; then
		grep '^/etc/uci-defaults/' "$info.list" | while read -r file; do
			(
				cd "${file%/*}" || exit 1
				# shellcheck source=/dev/null
				. "$file"
			) && rm -f "$file"
		done
		uci commit
	fi
	# shellcheck source=/dev/null
	(. "$info.postinst-pkg")
}

default_prerm() {
	pkgname=${1##*/}
	# shellcheck source=/dev/null
	(. "$IPKG_INSTROOT/usr/lib/opkg/info/${pkgname%.*}.prerm-pkg")
}
