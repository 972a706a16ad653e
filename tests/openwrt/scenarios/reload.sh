# shellcheck shell=sh
# shellcheck disable=SC2154
# Processor time of a reload of firewall4: without a MAP-E line, with ours, and with that of
# OpenWrt's `map` on the same root, at 240 and at 1008 ports. Wants the package `map`. The times
# mean something in an emulated machine; `cargo xtask bench setup --rootfs` judges them.

RELOAD_ROUNDS=${RELOAD_ROUNDS:-5}

# reload_rounds SIDE: the machine has nothing else to do.
reload_rounds() {
	settle
	reload_round=0
	# The first one fills caches.
	while [ "$reload_round" -le "$RELOAD_ROUNDS" ]; do
		reload_result=$(lab-traffic cost env -i PATH="$ROUTER_PATH" chroot "$ROOT" /usr/bin/env fw4 -q reload)
		case $reload_result in
		*'"status":0,'*) ;;
		*) check "$1: reload" "$reload_result" = "status 0" ;;
		esac
		[ "$reload_round" -eq 0 ] || echo "reload $1 $LINE_COUNT $reload_result"
		reload_round=$((reload_round + 1))
	done
}

# reload_line OPTION...: these options of `wan`, until the line works.
reload_line() {
	reconfigure "$@"
	within 30 "$LINE_COUNT ports, $1: up" wan_is true
	within 30 "$LINE_COUNT ports, $1: answer on the LAN" reload_answered
}

# By UDP: `map` has no address translation for a ping.
reload_answered() {
	on lan1 lab-traffic udp --to "$SERVER:7000" --count 1 --rounds 1 | grep -q '"answered":1,'
}

reload_off() {
	reconfigure "option proto 'none'"
	within 15 "$LINE_COUNT ports, no line: device" no_tunnel
}

no_tunnel() {
	! ip link show | grep -qE ' (mape|map)-wan'
}

# reload_compare OPTION...: those of `map`.
reload_compare() {
	reload_off
	reload_rounds none
	reload_line "option proto 'mape'"
	reload_rounds mape
	# Known to cost more: the ratio has to show it.
	reload_burden
	reload_rounds control
	reload_relieve
	reload_line "option proto 'map'" "option maptype 'map-e'" "option legacymap '1'" \
		"option tunlink 'wan6'" "option mtu '1460'" "option peeraddr '$LINE_BR'" "$@"
	reload_rounds map
}

# An include that counts.
reload_burden() {
	router_write /lab-burden <<-'EOT'
		i=0
		while [ "$i" -lt 20000 ]; do i=$((i + 1)); done
	EOT
	router_set firewall.lab=include firewall.lab.type=script firewall.lab.path=/lab-burden
}

reload_relieve() {
	router uci delete firewall.lab
	router uci commit firewall
	rm -f "$ROOT/lab-burden"
}

# The device of `map` is none that router_kill knows.
reload_end() {
	router_kill
	ip link del map-wan
	for link in lan1 lan2 lan3 lan4 wan; do ip link set "$link" down; done
}

if [ ! -e "$ROOT/lib/netifd/proto/map.sh" ]; then
	echo "FAIL  the root has no /lib/netifd/proto/map.sh (package map)"
	exit 77
fi
line_v6plus
relay_up
router_boot "option proto 'none'"
uplink_pd 56
reload_compare "option ipaddr '106.72.0.0'" "option ip4prefixlen '15'" \
	"option ip6prefix '240b:10::'" "option ip6prefixlen '31'" \
	"option ealen '25'" "option psidlen '8'" "option offset '4'"
reload_end
echo "link del ce" | net br

line_ocn
relay_up
router_boot "option proto 'none'"
uplink_pd 56
reload_compare "option ipaddr '153.242.0.0'" "option ip4prefixlen '16'" \
	"option ip6prefix '2400:4050:8000::'" "option ip6prefixlen '34'" \
	"option ealen '22'" "option psidlen '6'" "option offset '6'"
reload_end
