#!/bin/sh
# A small installer for tests on machines without opkg: does with a package what opkg-lede does.
#
#   opkg.sh [--image] ROOT install FILE
#   opkg.sh [--image] ROOT remove NAME
#
# Scripts run inside ROOT; with --image outside of it with IPKG_INSTROOT set, as while an image is built.
set -eu

image=
if [ "$1" = --image ]; then
	image=1
	shift
fi
root=$1 action=$2 what=$3
info=$root/usr/lib/opkg/info
mkdir -p "$info"

# script FILE UPGRADE WORD...: FILE is below ROOT.
script() {
	file=$1 upgrade=$2
	shift 2
	[ -x "$root$file" ] || return 0
	if [ -n "$image" ]; then
		IPKG_INSTROOT=$root PKG_UPGRADE=$upgrade "$root$file" "$@"
	else
		PKG_UPGRADE=$upgrade IPKG_INSTROOT='' chroot "$root" "$file" "$@"
	fi
}

field() {
	sed -n "s/^$1: //p" "$2"
}

forget_files() {
	while read -r file; do
		rm -f "$root$file"
	done <"$1"
	# Directories that only it had.
	sort -r "$1" | while read -r file; do
		directory=${file%/*}
		while [ -n "$directory" ] && rmdir "$root$directory" 2>/dev/null; do
			directory=${directory%/*}
		done
	done
}

case "$action" in
install)
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	tar -xzf "$what" -C "$work"
	[ "$(cat "$work/debian-binary")" = 2.0 ]
	mkdir "$work/control" "$work/data"
	tar -xzf "$work/control.tar.gz" -C "$work/control"
	tar -xzf "$work/data.tar.gz" -C "$work/data"
	name=$(field Package "$work/control/control")
	arch=$(field Architecture "$work/control/control")
	case "$arch" in
	all | "$(cat "$root/etc/openwrt_arch")") ;;
	*)
		echo "$name: not for this architecture ($arch)" >&2
		exit 1
		;;
	esac
	for other in $(field Conflicts "$work/control/control" | tr -d ,); do
		if [ -e "$info/$other.control" ]; then
			echo "$name conflicts with $other" >&2
			exit 1
		fi
	done
	(cd "$work/data" && find . ! -type d | sed 's/^\.//' | sort) >"$work/list"
	while read -r file; do
		owner=$(grep -lx "$file" "$info"/*.list 2>/dev/null || :)
		case "$owner" in
		'' | "$info/$name.list") ;;
		*)
			echo "$name: $file belongs to $owner" >&2
			exit 1
			;;
		esac
	done <"$work/list"
	upgrade=0
	if [ -e "$info/$name.control" ]; then
		upgrade=1
		script "/usr/lib/opkg/info/$name.prerm" 1 upgrade "$(field Version "$work/control/control")"
		cp "$info/$name.list" "$work/old"
		rm -f "$info/$name".*
	fi
	cp -a "$work/data/." "$root/"
	if [ "$upgrade" = 1 ]; then
		grep -vxFf "$work/list" "$work/old" >"$work/obsolete" || :
		forget_files "$work/obsolete"
	fi
	for file in "$work/control"/*; do
		cp -a "$file" "$info/$name.${file##*/}"
	done
	cp "$work/list" "$info/$name.list"
	script "/usr/lib/opkg/info/$name.postinst" "$upgrade" configure
	;;
remove)
	for other in "$info"/*.control; do
		if field Depends "$other" | tr -d , | tr ' ' '\n' | grep -qx "$what"; then
			echo "${other##*/} depends on $what" >&2
			exit 1
		fi
	done
	[ -e "$info/$what.control" ] || exit 0
	script "/usr/lib/opkg/info/$what.prerm" 0 remove
	forget_files "$info/$what.list"
	rm -f "$info/$what".*
	;;
esac
