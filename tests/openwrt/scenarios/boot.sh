# shellcheck shell=sh
# shellcheck disable=SC2154,SC2317 # router_before is the router's
# A boot with twelve interfaces, ours and then OpenWrt's `map` on the same root: the rules are in
# force within a second of netifd's `up`, and the LAN has an answer before `map` gives one. Wants
# the package `map` in the root. The times mean something in an emulated machine, where scripts
# take time.

BOOT_OTHERS="1 2 3 4 5 6 7 8"

# boot_config [OPTION...]: loopback, LAN, uplink and the line, which brings a twelfth, and eight
# more.
boot_config() {
	network_config "$@"
	for boot_other in $BOOT_OTHERS; do
		printf "\nconfig interface 'other%s'\n" "$boot_other"
		printf "\toption %s\n" "device 'other$boot_other'" "proto 'static'" "ipaddr '10.$boot_other.0.1/24'"
	done
}

# Each of the others is in a zone, so that its `ifup` has firewall4 reload.
router_before() {
	for boot_other in $BOOT_OTHERS; do
		sed -i "s/^\tlist network 'lan'\$/&\n\tlist network 'other$boot_other'/" \
			"$ROOT/etc/config/firewall"
	done
	check "$boot_side: interfaces in the zone of the LAN" \
		"$(grep -c "list network 'other" "$ROOT/etc/config/firewall")" -eq 8
	rm -f /tmp/boot.*
	boot_ask router lab-traffic &
	boot_ask lan on lan1 lab-traffic &
	boot_events &
}

# Since the machine's start. The kernel tells hundredths.
thousandths() {
	sed 's/\([0-9]*\)\.\([0-9]*\).*/\1\20/' /proc/uptime
}

# boot_ask NAME COMMAND...: asks by UDP, because `map` has no address translation for a ping. One
# socket, because `map` has 16 ports.
boot_ask() {
	boot_name=$1
	shift
	"$@" first --to "$SERVER:7000" --pause 50 --seconds 60 |
		sed 's/.*"at_ms":\(-\{0,1\}[0-9]*\).*/\1/' >"/tmp/boot.$boot_name"
}

# When netifd says that the interface is up.
boot_events() {
	wait_for 60 router ubus list network.interface >/dev/null 2>&1
	router ubus listen network.interface | while read -r boot_event; do
		case $boot_event in
		*ifup*'"wan"'*) [ -e /tmp/boot.up ] || thousandths >/tmp/boot.up ;;
		esac
	done
}

boot_seen() {
	[ -s "/tmp/boot.$1" ]
}

# boot SIDE [OPTION...]: boots, and prints how many milliseconds after the uplink heard of its
# prefix netifd said `up` and the LAN had its answer. The time before that depends on duplicate
# address detection on the link, which takes one to two seconds.
boot() {
	boot_side=$1
	shift
	boot_config "$@" | router_start
	wait_for 10 uplink_is_ready
	boot_start=$(thousandths)
	uplink_pd 56
	for boot_what in up lan; do
		within 60 "$boot_side: $boot_what" boot_seen "$boot_what"
	done
	boot_up=$(cat /tmp/boot.up)
	boot_lan=$(($(cat /tmp/boot.lan) - boot_start))
	check "$boot_side: interfaces that are up, with the alias of the line" \
		"$(router ubus call network.interface dump | grep -c '"up": true')" -eq 13
	echo "boot $boot_side {\"up_ms\":$((boot_up - boot_start)),\"lan_ms\":$boot_lan}"
}

if [ ! -e "$ROOT/lib/netifd/proto/map.sh" ]; then
	echo "FAIL  the root has no /lib/netifd/proto/map.sh (package map)"
	exit 77
fi
for boot_other in $BOOT_OTHERS; do
	ip link add "other$boot_other" type dummy
	ip link set "other$boot_other" up
done
line_v6plus
relay_up
boot mape "option proto 'mape'"
boot_ours=$boot_lan
# The router's own packets wait for our rules only, those of the LAN for firewall4's too.
within 15 "mape: answer for the router" boot_seen router
boot_opened=$(($(cat /tmp/boot.router) - boot_up))
check "mape: milliseconds from up to the rules" "$boot_opened" -le 1000
echo "boot opened {\"after_up_ms\":$boot_opened}"
settle
no_violation "mape"
no_complaint

router_kill
for link in lan1 lan2 lan3 lan4 wan; do ip link set "$link" down; done
boot map "option proto 'map'" "option maptype 'map-e'" "option ipaddr '106.72.0.0'" \
	"option ip4prefixlen '15'" "option ip6prefix '240b:10::'" "option ip6prefixlen '31'" \
	"option peeraddr '$LINE_BR'" "option ealen '25'" "option psidlen '8'" "option offset '4'" \
	"option legacymap '1'" "option tunlink 'wan6'" "option mtu '1460'"
check "milliseconds to the first answer on the LAN, mape and map" "$boot_ours" -lt "$boot_lan"
for boot_other in $BOOT_OTHERS; do ip link del "other$boot_other"; done
router_kill
ip link del map-wan
