#!/bin/sh
# The machine's program: prepares the root, then runs the scenarios named, each on a router that has
# just booted. The lines that begin with "==" are read by the host.
#
# shellcheck source-path=SCRIPTDIR
set -eu
cd "$(dirname "$0")"
# shellcheck source=../vm/topology.sh
. ../topology.sh
# shellcheck source=router.sh
. ./router.sh

router_prepare
failed=
for scenario in "$@"; do
	echo "== $scenario"
	start=$(cut -d. -f1 /proc/uptime)
	status=0
	sh ./one.sh "$scenario" 2>&1 || status=$?
	seconds=$(($(cut -d. -f1 /proc/uptime) - start))
	case $status in
	0) echo "== $scenario: passed in $seconds s" ;;
	77)
		echo "== $scenario: cannot run"
		exit 77
		;;
	*)
		failed=1
		echo "== $scenario: failed in $seconds s"
		;;
	esac
done
[ -z "$failed" ]
