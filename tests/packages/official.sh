#!/bin/sh
# Carries out the README's lines on OpenWrt's own files, with a feed that this machine serves.
#
#   official.sh SITE KIND COMMAND...
#
# SITE is what `cargo xtask feed` has made, and KIND `opkg` or `apk`. COMMAND runs the words behind
# it in such a root, with this machine's network: `docker run --rm --network host IMAGE`, or `chroot
# DIRECTORY`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
site=$1 kind=$2
shift 2
address=http://127.0.0.1:8765
python3 -m http.server --bind 127.0.0.1 --directory "$site" "${address##*:}" >/dev/null 2>&1 &
server=$!
trap 'kill $server' EXIT
tries=0
until python3 -c "import urllib.request; urllib.request.urlopen('$address')" 2>/dev/null; do
	tries=$((tries + 1))
	[ "$tries" -lt 50 ] || { echo "nothing is served on $address" >&2; exit 1; }
	sleep 0.1
done
lines=$(sh "$here/lines.sh" "$here/../../README.md" "$kind feed" "$address")
# An image that is not booted has no directories on tmpfs.
"$@" sh -ec "mkdir -p /var/lock /var/run
$lines
mape-proto --version
mape-proto plan 240b:10:3261:6400::/56"
echo "$kind: the README's lines install mape-rs"
