#!/bin/sh
# The machine's program: prepares the root, then runs the scenarios named, each on a router that has
# just booted. The lines that begin with "==" are read by the host. With LAB_TWICE one that failed
# has a second chance.
#
# shellcheck source-path=SCRIPTDIR
set -eu
cd "$(dirname "$0")"
# shellcheck source=../vm/topology.sh
. ../topology.sh
# shellcheck source=router.sh
. ./router.sh

# control SCENARIO: it has to fail where a part of ours is missing, or it shows nothing. That is our
# hotplug hook, for `queue` what procd starts.
control() {
	case $1 in
	queue) control_missing=_open control_failure='stuck: ping from the router: in ' ;;
	*) control_missing='' control_failure='up: in ' ;;
	esac
	"router_break$control_missing"
	control_status=0
	LAB_PATIENCE=1 sh ./one.sh "$1" >/tmp/control 2>&1 || control_status=$?
	"router_mend$control_missing"
	sed 's/^/      /' /tmp/control
	if [ "$control_status" -eq 1 ] && grep -q "^FAIL  $control_failure" /tmp/control; then
		echo "ok    control: $1 fails"
	else
		echo "FAIL  control: $1 ends with $control_status, without 'FAIL  $control_failure'"
		return 1
	fi
}

router_prepare
failed=
for scenario in "$@"; do
	echo "== $scenario"
	start=$(cut -d. -f1 /proc/uptime)
	status=0
	case $scenario in
	control:*) control "${scenario#*:}" || status=$? ;;
	offload:*) FLOW_OFFLOAD=1 sh ${LAB_TWICE:+../twice.sh} ./one.sh "${scenario#*:}" 2>&1 || status=$? ;;
	*) sh ${LAB_TWICE:+../twice.sh} ./one.sh "$scenario" 2>&1 || status=$? ;;
	esac
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
