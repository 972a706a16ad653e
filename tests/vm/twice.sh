#!/bin/sh
# twice.sh SCRIPT [ARGUMENT...]: runs a test, and one that failed once more, from its beginning.
#
# These machines are emulated on processors that others use too: what a script waits for may be late
# for no fault of the program under test. A packet that the border relay found wrong is never late,
# and has no second chance. What passed only the second time is named at the end of the whole run.
set -u
CHECK_FAILED=$(mktemp)
export CHECK_FAILED
trap 'rm -f "$CHECK_FAILED"' EXIT
sh "$@"
status=$?
case $status in
0 | 77) exit "$status" ;;
esac
grep -q -e violations -e wrong "$CHECK_FAILED" && exit "$status"
echo "note  $*: failed, so once more"
sh "$@" || exit
echo "note  $*: passed the second time only"
