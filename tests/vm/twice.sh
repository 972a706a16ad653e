#!/bin/sh
# twice.sh SCRIPT [ARGUMENT...]: runs a test, and one that failed once more, from its beginning.
#
# A script that fails once and passes once has a cause that is not understood. The end of the whole
# run names it and does not fail. A packet that the border relay found wrong has no second chance.
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
