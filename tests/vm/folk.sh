# shellcheck shell=sh
# Rulesets as they circulate, to compare with. Source it after setting
#   MAPE_IPV4         the shared address
#   MAPE_PORT_RANGES  the set, as FIRST-LAST words
# Each function takes the tunnel device.

# folk_table DEVICE, with the chain's rules on standard input.
folk_table() {
	cat <<-EOF
		table ip folk {
			chain srcnat {
				type nat hook postrouting priority srcnat; policy accept;
				oifname != "$1" accept
	EOF
	cat
	printf '}\n}\n'
}

folk_count() {
	echo "$MAPE_PORT_RANGES" | wc -w
}

# What OpenWrt's map.sh makes of a plan: a rule for each range; the first one always binds.
folk_ranges() {
	for range in $MAPE_PORT_RANGES; do
		echo "meta l4proto { tcp, udp, icmp } snat ip to $MAPE_IPV4:$range"
	done | folk_table "$1"
}

# One port per connection, in turn.
folk_ports() {
	ports=$(for range in $MAPE_PORT_RANGES; do seq "${range%-*}" "${range#*-}"; done)
	map=$(echo "$ports" | awk '{ printf "%d : %d, ", NR - 1, $1 }')
	count=$(echo "$ports" | wc -l)
	echo "meta l4proto { tcp, udp, icmp } snat ip to $MAPE_IPV4:numgen inc mod $count map { $map }" |
		folk_table "$1"
}

# One range per connection, in turn.
folk_numgen() {
	map=$(echo "$MAPE_PORT_RANGES" | tr ' ' '\n' |
		awk -v address="$MAPE_IPV4" '{ printf "%d : %s . %s, ", NR - 1, address, $1 }')
	echo "meta l4proto { tcp, udp, icmp } snat ip to numgen inc mod $(folk_count) map { $map }" |
		folk_table "$1"
}

# A mark per connection, in turn, and a rule for each.
folk_marks() {
	{
		echo "meta mark set numgen inc mod $(folk_count) offset 1"
		number=0
		for range in $MAPE_PORT_RANGES; do
			number=$((number + 1))
			echo "meta mark $number meta l4proto { tcp, udp, icmp } snat ip to $MAPE_IPV4:$range"
		done
	} | folk_table "$1"
}
