# shellcheck shell=sh
# shellcheck disable=SC2154
# kill -9 of the helper at several moments (SETUP_KILLS, TEARDOWN_KILLS) of a set-up and of a
# teardown: it comes up again, and nothing wrong has left. So it does after half a state file, and
# after a program that died each time.

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

# The loader shuts a line whose state file is half; the next event opens it.
router sh -c 'echo { >/var/run/mape-rs/wan.json'
loader_status=0
router mape-proto firewall || loader_status=$?
check "half a state file: the loader's status" "$loader_status" -eq 1
check "half a state file" "$(opened && echo open || echo shut)" = shut
if_up lan
within 20 "half a state file: open again" opened

# A program that dies each time is not started all the time.
mv "$ROOT/usr/sbin/mape-proto.real" "$ROOT/lab-mape-proto"
printf '#!/bin/sh\nkill -ILL $$\n' | router_write /usr/sbin/mape-proto.real 755
if_down wan
if_up wan
no_busy_loop "dies each time" 10
mv "$ROOT/lab-mape-proto" "$ROOT/usr/sbin/mape-proto.real"
within 20 "dies no longer: up" wan_has "$LINE_IPV4"
within 15 "dies no longer: ping" opened
no_violation "killed"
check "tunnels" "$(ip -o link show | grep -c ' mape-')" -eq 1
