# shellcheck shell=sh
# Comparing, waiting and reporting, for scripts in the VM. Source it.

CHECK_FAILURES=0

# check TEXT VALUE OPERATOR EXPECTED   with the operators of test(1): -eq, -gt, =, ...
check() {
	if test "$2" "$3" "$4"; then
		echo "ok    $1: $2"
	else
		echo "FAIL  $1: $2, expected $3 $4"
		CHECK_FAILURES=$((CHECK_FAILURES + 1))
		# For twice.sh.
		[ -z "${CHECK_FAILED:-}" ] || echo "$1" >>"$CHECK_FAILED"
	fi
}

# field JSON NAME: one value of a line that lab-traffic printed.
field() {
	printf '%s\n' "$1" | sed -n "s/.*\"$2\":\([^,}]*\).*/\1/p"
}

# wait_for SECONDS COMMAND...: until the command succeeds, by the machine's own clock. A subshell,
# so that one wait may be part of another.
wait_for() (
	wait_limit=$(($(cut -d. -f1 /proc/uptime) + $1))
	shift
	until "$@"; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt "$wait_limit" ] || return 1
		sleep 0.2
	done
)

# Ends the script.
check_finish() {
	if [ "$CHECK_FAILURES" -ne 0 ]; then
		echo "$CHECK_FAILURES checks failed"
		exit 1
	fi
	echo "all checks passed"
	exit 0
}
