#!/bin/sh
# Carries out the README's own commands for a router, with all packages at once, in a root without network.
#
#   readme.sh WORK BUSYBOX README PACKAGES [APK]
#
# PACKAGES is a directory with those of one version; with APK, which is apk-tools 3, its .apk are taken, else
# its .ipk. A command in that part of the README that is carried out nowhere here is a failure.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1 busybox=$2 readme=$3 packages=$4 tool=${5:-}
kind=${tool:+apk}
package=any.${kind:=ipk}

# shellcheck source=tests/packages/root.sh
. "$here/root.sh"

# shellcheck disable=SC2016 # The README's backticks are no shell's.
# Those in blocks, then those within the text, which may be broken into lines.
commands() {
	sed -n '/^### Install without network/,/^### /p' "$readme" >"$work/part"
	sed -n '/^ *```sh/,/^ *```$/s/^ *//p' "$work/part" | grep -v '^```'
	sed '/^ *```sh/,/^ *```$/d' "$work/part" | tr '\n' ' ' | tr -s ' ' | grep -o '`[^`]*`' | tr -d '`' |
		grep -E '^(opkg|apk|service|scp|mkdir|echo|cp|uci|ifup|cargo) '
}

# carry_out COMMAND: as a person does on the router.
carry_out() {
	case "$kind $1" in
	*' scp -O FILES root@192.168.1.1:/tmp/') cp "$packages"/*."$kind" "$root/tmp/" ;;
	ipk\ apk\ * | apk\ opkg\ *) ;; # The other package manager's.
	apk\ apk\ *)
		# It is this machine's program: paths are this machine's too. No word has a space.
		words=$(echo "${1#apk }" | sed "s|/tmp/|$root/tmp/|")
		# shellcheck disable=SC2086
		"$tool" --root "$root" $words
		;;
	*) chroot "$root" sh -euc "$1" ;;
	esac
}

# all BEGINNING...: every command of the README that begins like this, in its order.
all() {
	found=
	while read -r command; do
		for beginning; do
			case "$command" in
			"$beginning"*)
				found=1
				echo "$command" >>"$work/seen"
				carry_out "$command" </dev/null >>"$work/said" 2>&1 || fail "$command: $(cat "$work/said")"
				echo "carried out: $command" >>"$work/said"
				;;
			esac
		done
	done <"$work/commands"
	[ -n "$found" ] || fail "the README has no command that begins with $*"
}

new_root
# Unlike in packages.sh, upstream's `map` is not there.
rm "$root/lib/netifd/proto/map.sh" "$root/usr/lib/opkg/info"/map.*
# The small installer, as the router's own program.
cp "$here/opkg.sh" "$root/usr/share/opkg.sh"
printf '%s\n' '#!/bin/sh' "action=\$1; shift" \
	"for what; do sh /usr/share/opkg.sh / \"\$action\" \"\$what\" || exit; done" >"$root/bin/opkg"
chmod 755 "$root/bin/opkg"
for applet in tar gzip mktemp find sort chroot; do ln -s busybox "$root/bin/$applet"; done
if [ "$kind" = apk ]; then
	# Mirrors that cannot be reached, as on a router without IPv4.
	mkdir -p "$root/etc/apk/repositories.d"
	echo 'http://192.0.2.1/packages.adb' >"$root/etc/apk/repositories.d/distfeeds.list"
fi
: >"$work/said"
: >"$work/seen"
commands >"$work/commands"
state >"$work/before"

all 'scp '
for _ in 1 2; do all 'opkg install' 'apk add'; done
for name in mape-rs luci-app-mape luci-i18n-mape-ja; do
	[ -n "$(find "$root" -name "$name.list")" ] || fail "$name was not installed: $(cat "$work/said")"
done
chroot "$root" uci -q show luci | grep -q '^luci.languages.ja=' || fail "the language is not in LuCI's list"
all 'service '
[ "$(called '^service network restart$')" = 1 ] || fail "the network was not restarted"
all 'mkdir ' 'echo '
grep -q mape-packages "$root/etc/sysupgrade.conf" || fail "sysupgrade"
rm -r "$root/etc/mape-packages" "$root/etc/sysupgrade.conf"
all 'opkg remove' 'apk del'
rm "$root"/tmp/*."$kind"
state >"$work/after"
diff "$work/before" "$work/after" || fail "traces"
sort -u "$work/commands" >"$work/wanted"
sort -u "$work/seen" | diff "$work/wanted" - || fail "nothing carries these commands of the README out"
echo "the README's commands for .$kind: $(wc -l <"$work/wanted") carried out"
