# shellcheck shell=sh
# shellcheck disable=SC2154
# Another device on the link has the CE address, as a home gateway with MAP-E has: that is reported,
# the tunnel comes up once at most, and the line works once the other one is gone.

# duplicate TEXT TUNNELS UPLINK...: how many tunnels may be made until the duplicate is found.
duplicate() {
	duplicate_text=$1 duplicate_limit=$2
	shift 2
	relay_up
	echo "addr replace $LINE_CE/128 dev cpe nodad" | net br
	ip -o monitor link >/tmp/links 2>/dev/null &
	duplicate_monitor=$!
	router_boot
	"$@"
	within 15 "$duplicate_text: error" wan_error MAPE_CE_IN_USE
	# Longer than the time between two attempts.
	no_busy_loop "$duplicate_text" 40
	check "$duplicate_text: error that stays" "$(if_value wan '@.errors[*].code')" = MAPE_CE_IN_USE
	check "$duplicate_text: up" "$(if_value wan @.up)" = false
	check "$duplicate_text: tunnels" "$(ip -o link show | grep -c ' mape-')" -eq 0
	check "$duplicate_text: tunnels that were made" \
		"$(grep -v '^Deleted' /tmp/links | sed -n 's/^\([0-9]*\): mape-.*/\1/p' | sort -u | grep -c .)" \
		-le "$duplicate_limit"
	check "$duplicate_text: lines in the log" "$(router_log | grep -c MAPE_CE_IN_USE)" -le 2
	kill "$duplicate_monitor"
	wait "$duplicate_monitor" 2>/dev/null || :
	echo "addr del $LINE_CE/128 dev cpe" | net br
	within 40 "$duplicate_text, gone: up" wan_has "$LINE_IPV4"
	within 15 "$duplicate_text, gone: ping from LAN and router" opened
	no_violation "$duplicate_text, gone"
	no_complaint
}

line_v6plus
duplicate "delegated prefix" 1 uplink_pd 56
router_kill
for link in lan1 lan2 lan3 lan4 wan; do ip link set "$link" down; done
echo "link del ce" | net br

# Neighbours ask for the CE address: the tunnel waits for the detection.
duplicate "prefix of the link" 0 uplink_ra
