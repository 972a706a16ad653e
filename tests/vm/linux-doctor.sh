#!/bin/sh
# `doctor` sees what stands in the way: each check fails for its own reason, and passes without it.
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2317 # functions are called through others
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./linux.sh

# doctored CHECK: what doctor says of it, true or false. Sets `status` to doctor's.
doctored() {
	status=0
	on cpe mape-proto doctor --json >/tmp/doctor.json || status=$?
	sed -n "s/.*\"check\":\"$1\",\"fine\":\([a-z]*\).*/\1/p" /tmp/doctor.json
}

uname -r
trap 'linux_silence; topology_down' EXIT
line_v6plus
topology_up
serve_start
linux_uplink eth0
linux_relay
check "no IPv6: uplink" "$(doctored uplink)" = false
linux_advertise 240b:10:3261:6400::/64 14400
linux_wait 20 linux_has_prefix 240b:10:3261:6400
check "not up: line" "$(doctored line)" = false
mape up
linux_traffic up
for name in uplink line tunnels default_route forwarding input forward answers; do
	check "all is well: $name" "$(doctored $name)" = true
done
doctored line >/dev/null
check "all is well: exit status" "$status" -eq 0
for hook in input forward; do
	on cpe nft "add table inet own; add chain inet own $hook { type filter hook $hook priority 0; policy drop; }"
	check "a chain that drops: $hook" "$(doctored $hook)" = false
	on cpe nft delete table inet own
done
# Such chains with the rules they need: for input the very one that `up` prints.
on cpe nft -f - <<-'EOF2'
	table inet own {
		chain input {
			type filter hook input priority filter; policy accept;
			ct state vmap { established : accept, related : accept, invalid : drop }
			icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
			reject with icmpx type admin-prohibited
		}
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state established,related accept
			iifname "docker0" accept
		}
	}
EOF2
check "a chain that ends with reject: input" "$(doctored input)" = false
check "a chain for containers only: forward" "$(doctored forward)" = false
mape up
advice=$(echo "$said" | sed -n 's/.*need: nft \(insert rule inet own input .*\) (or .*/\1/p')
on cpe nft "$advice"
on cpe nft 'add rule inet own forward iifname "lan" oifname "mape-wan" accept'
for name in input forward; do
	check "a chain with a rule for it: $name" "$(doctored $name)" = true
done
mape up
check "a chain with a rule for it: advice" "$(echo "$said" | grep -c 'insert rule' || :)" -eq 0
on cpe nft delete table inet own
on cpe ip route add default dev lan metric 100
check "a route before ours: default_route" "$(doctored default_route)" = false
on cpe ip route del default dev lan metric 100
on cpe sysctl -qw net.ipv4.ip_forward=0
check "a host: forwarding" "$(doctored forwarding)" = false
on cpe sysctl -qw net.ipv4.ip_forward=1
on cpe ip link set mape-wan down
check "tunnel down: line" "$(doctored line)" = false
# A tunnel of an older set-up: beside the line's it is left over, in its place it is in the way.
older="link add old4 type ip6tnl mode ipip6 local $LINE_CE remote $LINE_BR encaplimit none"
net cpe <<-EOF2
	$older
EOF2
check "a tunnel beside ours: tunnels" "$(doctored tunnels)" = false
on cpe ip link delete old4
check "no other: tunnels" "$(doctored tunnels)" = true
mape down
net cpe <<-EOF2
	$older dev $UPLINK
EOF2
status=0
on cpe mape-proto up >/tmp/refused 2>&1 || status=$?
check "a tunnel in the way: up" "$status" -eq 1
for word in up doctor; do
	[ "$word" = up ] || on cpe mape-proto doctor >/tmp/refused || :
	check "a tunnel in the way: $word names it" "$(grep -c 'ip link delete old4' /tmp/refused)" -eq 1
done
on cpe ip link delete old4
on br ip link set ce down
mape up
on cpe ping -c 25 -i 0.1 -W 1 "$SERVER" >/dev/null || :
check "a silent relay: answers" "$(doctored answers)" = false
on br ip link set ce up
on br ip route replace "$LINE_IPV4/32" dev ce
mape down
check_finish
