# shellcheck shell=sh
# shellcheck disable=SC2154
# kill -9 of the helper at several moments (SETUP_KILLS, TEARDOWN_KILLS) of a set-up and of a teardown: it comes up again, and
# nothing wrong has left.

kill_helper() {
	for process in $(router_processes | awk '$2 ~ /^mape-proto/ { print $1 }'); do
		kill -9 "$process" 2>/dev/null || :
	done
}

# killed_after SECONDS ACTION
killed_after() {
	"$2" wan
	sleep "$1"
	kill_helper
	if [ "$2" = if_down ]; then
		if_up wan
	fi
	if ! wait_for 20 wan_has "$LINE_IPV4"; then
		echo "note  killed $1 s after $2: not up by itself in 20 s; now an event"
		if_up lan
	fi
	within 15 "killed $1 s after $2: up" wan_has "$LINE_IPV4"
	within 15 "killed $1 s after $2: ping" opened
}

line_working v6plus
settle
for moment in ${SETUP_KILLS:-0 0.1 0.3 0.6 1 1.5 2 3}; do
	killed_after "$moment" if_up
done
for moment in ${TEARDOWN_KILLS:-0 0.2 0.5}; do
	killed_after "$moment" if_down
done
no_violation "killed"
check "tunnels" "$(ip -o link show | grep -c ' mape-')" -eq 1
