#!/bin/sh
# An imitation of opkg for tests on machines that have none: packages from files, without feeds.
# packages.sh holds the same expectations against this and against the real one.
#
#   opkg [--offline-root ROOT] install [--force-downgrade] FILE...
#   opkg [--offline-root ROOT] remove NAME...
set -eu

root='' downgrade='' action=''
while :; do
	case "${1:-}" in
	--offline-root)
		root=$2
		shift
		;;
	--force-downgrade) downgrade=1 ;;
	--force-postinstall) ;;
	install | remove) action=$1 ;;
	*) break ;;
	esac
	shift
done
info=$root/usr/lib/opkg/info
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$info"
failed=0

complain() {
	echo " * $*" >&2
	failed=255
}

field() {
	sed -n "s/^$1: //p" "$2"
}

# script NAME SCRIPT UPGRADE WORD...
script() {
	file=$info/$1.$2 upgrade=$3
	shift 3
	[ ! -x "$file" ] || PKG_UPGRADE=$upgrade PKG_ROOT=$root/ "$file" "$@"
}

# open FILE: takes it apart, in $work/NAME; prints the name.
open() {
	rm -rf "$work/open"
	mkdir -p "$work/open/control" "$work/open/data"
	tar -xzf "$1" -C "$work/open"
	for part in control data; do tar -xzf "$work/open/$part.tar.gz" -C "$work/open/$part"; done
	name=$(field Package "$work/open/control/control")
	mv "$work/open" "$work/$name"
	(cd "$work/$name/data" && find . ! -type d | sed 's/^\.//' | sort) >"$work/$name/list"
	echo "$name"
}

# missing CONTROL: what it depends on that is neither installed nor among the files. Only an
# installed package's version is compared: a file that is refused satisfies what depends on it all
# the same.
missing() {
	field Depends "$1" | sed 's/, /\n/g' | while read -r name version; do
		version=$(echo "$version" | tr -d '(=) ')
		if [ -e "$info/$name.control" ]; then
			case "$version" in '' | "$(field Version "$info/$name.control")") continue ;; esac
		elif [ -d "$work/$name" ]; then
			continue
		fi
		echo "	$name${version:+ (= $version)}"
	done
}

# older NEW OLD: the first version is the lower one.
older() {
	[ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# refused NAME: says why it cannot be installed.
refused() {
	control=$work/$1/control/control
	case "$(field Architecture "$control")" in
	all | "$(sed -n "s/^DISTRIB_ARCH='\(.*\)'/\1/p" "$root/etc/openwrt_release")") ;;
	*)
		complain "pkg_hash_fetch_best_installation_candidate: Packages for $1 found, but" \
			"incompatible with the architectures configured"
		return 0
		;;
	esac
	lacking=$(missing "$control")
	if [ -n "$lacking" ]; then
		complain "Cannot satisfy the following dependencies for $1:" "$lacking"
		return 0
	fi
	for other in $(field Conflicts "$control" | tr -d ,); do
		[ -e "$info/$other.control" ] || continue
		complain "The following packages conflict with $1:" "$other"
		return 0
	done
	while read -r file; do
		owner=$(grep -lx "$file" "$info"/*.list 2>/dev/null || :)
		case "$owner" in
		'' | "$info/$1.list") ;;
		*)
			complain "check_data_file_clashes: $1 wants $file, which belongs to $owner"
			return 0
			;;
		esac
	done <"$work/$1/list"
	return 1
}

# unpack NAME: puts it in the place of the installed one, and writes down what is to be configured.
unpack() {
	new=$(field Version "$work/$1/control/control") upgrade=0
	if [ -e "$info/$1.control" ]; then
		old=$(field Version "$info/$1.control")
		if [ "$old" = "$new" ]; then
			echo "Package $1 ($new) installed in root is up to date."
			return
		elif older "$new" "$old" && [ -z "$downgrade" ]; then
			echo "Not downgrading package $1 on root from $old to $new."
			return
		fi
		upgrade=1
		script "$1" prerm 1 upgrade "$new"
		{ grep -vxFf "$work/$1/list" "$info/$1.list" || :; } | while read -r file; do rm -f "$root$file"; done
		rm -f "$info/$1".*
		echo "Upgrading $1 on root from $old to $new..."
	else
		echo "Installing $1 ($new) to root..."
	fi
	cp -a "$work/$1/data/." "$root/"
	for file in "$work/$1/control"/*; do cp -a "$file" "$info/$1.${file##*/}"; done
	cp "$work/$1/list" "$info/$1.list"
	echo "$1 $upgrade" >>"$work/configure"
}

case "$action" in
install)
	: >"$work/configure"
	names=
	for file; do names="$names $(open "$file")"; done
	for name in $names; do refused "$name" || unpack "$name"; done
	# All are unpacked before the first is configured.
	while read -r name upgrade; do
		echo "Configuring $name."
		script "$name" postinst "$upgrade" configure || complain "$name: postinst"
	done <"$work/configure"
	;;
remove)
	for name; do
		[ -e "$info/$name.control" ] || continue
		users=
		for other in "$info"/*.control; do
			if field Depends "$other" | tr -d , | tr ' ' '\n' | grep -qx "$name"; then users="$users ${other##*/}"; fi
		done
		if [ -n "$users" ]; then
			complain "print_dependents_warning: Package $name is depended upon by packages:" "$users"
			continue
		fi
		echo "Removing package $name from root..."
		script "$name" prerm 0 remove
		# Directories stay.
		while read -r file; do rm -f "$root$file"; done <"$info/$name.list"
		rm -f "$info/$name".*
	done
	;;
esac
exit "$failed"
