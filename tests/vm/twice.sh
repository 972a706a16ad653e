#!/bin/sh
# twice.sh SCRIPT [ARGUMENT...]: runs a test, and one that failed once more, from its beginning.
#
# What ends differently twice has a cause that is not understood: it is named at the end of the whole
# run, and stops none. A packet that the border relay found wrong has no second chance.
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
