# shellcheck shell=sh
# What OpenWrt's /lib/functions.sh does when a package comes or goes, as far as packages here need
# it.

# package_files SCRIPT: sets `info`, without the last part of the name. apk names the package
# instead.
package_files() {
	if [ -n "${pkgname:-}" ]; then
		info=$IPKG_INSTROOT/lib/apk/packages/$pkgname
	else
		info=${1##*/}
		info=$IPKG_INSTROOT/usr/lib/opkg/info/${info%.*}
	fi
}

own_script() {
	# shellcheck source=/dev/null
	[ ! -f "$info.$1-pkg" ] || (. "$info.$1-pkg")
}

default_postinst() {
	package_files "$@"
	if [ -z "$IPKG_INSTROOT" ]; then
		grep '^/etc/uci-defaults/' "$info.list" | while read -r file; do
			(
				[ -f "$file" ] && cd "${file%/*}" || exit 1
				# shellcheck source=/dev/null
				. "$file"
			) && rm -f "$file"
		done
		uci commit
	fi
	own_script postinst
}

default_prerm() {
	package_files "$@"
	own_script prerm
}
