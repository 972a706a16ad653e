#!/bin/sh
# Objects of other programs stay unchanged, whatever this program does. Planned changes are shown
# first; and a failure in the middle leaves nothing behind.
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
. ./docker.sh

# A firewall, Docker's tables as iptables-nft writes them, default routes, a rule, an address.
foreign_up() {
	docker_nat 8080 80
	net cpe <<-EOF
		link add eth1 type bridge
		link set eth1 addrgenmode none
		addr add 192.0.2.2/24 dev eth1
		addr add 2001:db8:1::2/64 dev eth1 nodad
		link set eth1 up
		route add default via 192.0.2.1 dev eth1 metric 1024
		route add default via 192.0.2.1 dev eth1 table 77
		rule add from 192.0.2.2 lookup 77
	EOF
	on cpe nft -f - <<-'EOF'
		table inet filter {
			set lan { type ipv4_addr; flags interval; elements = { 192.168.1.0/24 } }
			chain input {
				type filter hook input priority filter; policy drop;
				ct state established,related accept
				iifname { "lo", "lan" } accept
				icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, echo-request } accept
				tcp dport 22 counter accept
			}
			chain forward {
				type filter hook forward priority filter; policy accept;
			}
		}
		table ip filter {
			chain DOCKER-USER { counter return; }
			chain FORWARD {
				type filter hook forward priority filter; policy drop;
				counter jump DOCKER-USER
				iifname "docker0" oifname != "docker0" counter accept
				iifname "lan" accept
				ct state established,related accept
			}
		}
	EOF
}

# The same without what is ours, while the line is up.
foreign_state() {
	for table in 'inet filter' 'ip nat' 'ip filter'; do
		# shellcheck disable=SC2086 # two words
		on cpe nft --stateless list table $table
	done
	for family in -4 -6; do
		on cpe ip "$family" rule
		on cpe ip "$family" route show table all | grep -v -e mape-wan -e "$LINE_CE" |
			sed 's/ expires [0-9]*sec//' | sort
	done
	on cpe ip address show dev eth1 | grep inet
	on cpe ip address show dev docker0 | grep inet
	linux_sysctls | grep -v mape-wan
}

# linux_untouched TEXT
untouched() {
	foreign_state >/tmp/foreign-now
	linux_same "$1: others' things" /tmp/foreign /tmp/foreign-now
}

# refusing PROGRAM WORDS: a PROGRAM that refuses a call in whose words or input WORDS are.
refusing() {
	rm -rf /tmp/refusing
	mkdir /tmp/refusing
	cat >"/tmp/refusing/$1" <<-EOF
		#!/bin/sh
		PATH=\${PATH#*:}
		case "\$*" in *-batch*|*-f\ -*) cat >/tmp/refusing/input ;; *) : >/tmp/refusing/input ;; esac
		if echo "\$*" | cat - /tmp/refusing/input | grep -q '$2'; then
			# What comes before is done, as a batch does it.
			sed '/$2/,\$d' /tmp/refusing/input >/tmp/refusing/before
			[ "$1" != ip ] || ip -batch /tmp/refusing/before
			echo 'Error: refused by the test' >&2
			exit 1
		fi
		exec $1 "\$@" </tmp/refusing/input
	EOF
	chmod +x "/tmp/refusing/$1"
}

uname -r
trap 'linux_silence; topology_down' EXIT
line_v6plus
topology_up
serve_start
linux_uplink eth0
linux_relay
foreign_up
linux_advertise 240b:10:3261:6400::/64 14400
linux_wait 20 linux_has_prefix 240b:10:3261:6400
linux_state >/tmp/before
foreign_state >/tmp/foreign

# Said and not done.
on cpe mape-proto up --dry-run >/tmp/dry-run
check "dry run: lines" "$(wc -l </tmp/dry-run)" -gt 100
linux_state >/tmp/after
linux_same "after a dry run" /tmp/before /tmp/after

# Every step refused in turn: back to what was before.
for step in 'ip:address add 240b' 'ip:link add' 'nft:add element inet mape_rs ce_addresses' \
	'ip:address add 106' 'ip:link set mape' 'ip:route add'; do
	refusing "${step%%:*}" "${step#*:}"
	status=0
	said=$(on cpe env "PATH=/tmp/refusing:$PATH" mape-proto up 2>&1) || status=$?
	check "$step refused: exit status" "$status" -eq 1
	check "$step refused: a code" "$(echo "$said" | grep -c 'code: MAPE_')" -eq 1
	linux_state >/tmp/after
	linux_same "$step refused" /tmp/before /tmp/after
done

mape up
check "up: exit status" "$status" -eq 0
check "the other default route is reported" "$(echo "$said" | grep -c 'default via 192.0.2.1 dev eth1 metric 1024 stays')" -eq 1
check "the firewall's chain is reported" "$(echo "$said" | grep -c 'nft insert rule inet filter input ip6 saddr')" -eq 1
linux_right up
linux_traffic up
untouched up

# What was refused leaves the line that was up, with its old numbers.
echo 'mtu 1400' >/tmp/mtu.conf
refusing ip 'link add'
status=0
on cpe env "PATH=/tmp/refusing:$PATH" mape-proto up --config /tmp/mtu.conf || status=$?
check "change refused: exit status" "$status" -eq 1
mape up
refusing ip 'mtu 1400'
status=0
on cpe env "PATH=/tmp/refusing:$PATH" mape-proto up --config /tmp/mtu.conf || status=$?
check "change refused, way back open: exit status" "$status" -eq 1
linux_right "after a refused change"
check "after a refused change: MTU" "$(on cpe cat /sys/class/net/mape-wan/mtu)" -eq 1460
mape up --config /tmp/mtu.conf
check "changed MTU" "$(on cpe cat /sys/class/net/mape-wan/mtu)" -eq 1400
mape up

# A default route with our metric: `up` reports it and changes nothing.
mape down
linux_state >/tmp/after
linux_same "after down" /tmp/before /tmp/after
echo 'metric 1024' >/tmp/taken.conf
mape up --config /tmp/taken.conf
check "metric taken: exit status" "$status" -eq 2
check "metric taken: reported" "$(echo "$said" | grep -c 'default via 192.0.2.1 dev eth1')" -eq 1
linux_state >/tmp/after
linux_same "metric taken" /tmp/before /tmp/after

# A table of its own, and a chain that may be extended.
printf 'table=100\ninput_chain = "inet filter input"\n' >/tmp/table.conf
mape up --config /tmp/table.conf
check "own table: routes there" "$(on cpe ip -4 route show table 100 | grep -c 'default dev mape-wan')" -eq 1
check "own table: routes in main" "$(on cpe ip -4 route show default dev mape-wan | wc -l)" -eq 0
check "input chain: our rules" "$(on cpe nft list chain inet filter input | grep -c 'mape-rs wan')" -eq 1
mape up --config /tmp/table.conf
check "input chain, again: our rules" "$(on cpe nft list chain inet filter input | grep -c 'mape-rs wan')" -eq 1
check "input chain, again: nothing to do" "$(echo "$said" | grep -c 'up already')" -eq 1
on cpe mape-proto up --dry-run --config /tmp/table.conf >/tmp/dry-up
check "up already: lines of a dry run" "$(wc -l </tmp/dry-up)" -eq 2
# Unsolicited packets of the BR arrive: pings to the identifier of a reserved port.
on cpe conntrack -F >/dev/null 2>&1
before=$(on cpe cat /sys/class/net/mape-wan/statistics/rx_packets)
on srv ping -c 3 -W 1 "$LINE_IPV4" >/dev/null 2>&1 || :
after=$(on cpe cat /sys/class/net/mape-wan/statistics/rx_packets)
check "input chain: packets the BR sent first" $((after - before)) -ge 3
# A default route through the tunnel that another program has added stays; our route leaves its old
# table.
on cpe ip route add default dev mape-wan table 200
mape up --config /tmp/table.conf
check "own route: nothing to do" "$(echo "$said" | grep -c 'up already')" -eq 1
mape up
check "own route: it is there" "$(on cpe ip -4 route show table 200 | grep -c 'default dev mape-wan')" -eq 1
check "own route: ours is in main only" "$(on cpe ip -4 route show default dev mape-wan | wc -l) $(on cpe ip -4 route show table 100 | wc -l)" = "1 0"
check "chain given back: our rules" "$(on cpe nft list chain inet filter input | grep -c 'mape-rs wan' || :)" -eq 0
on cpe conntrack -F >/dev/null 2>&1
before=$(on cpe cat /sys/class/net/mape-wan/statistics/rx_packets)
on srv ping -c 3 -W 1 "$LINE_IPV4" >/dev/null 2>&1 || :
after=$(on cpe cat /sys/class/net/mape-wan/statistics/rx_packets)
check "without the rule: packets the BR sent first" $((after - before)) -eq 0
mape down
linux_state >/tmp/after
linux_same "after the last down" /tmp/before /tmp/after

# The script of the dry run does what up does.
on cpe sh -e /tmp/dry-run
foreign_state >/tmp/foreign-now
linux_same "dry run's script: others' things" /tmp/foreign /tmp/foreign-now
linux_traffic "dry run's script"
# But for what the loader finds its own rules by.
rules() { on cpe nft --stateless list ruleset | sed '/chain loaded_hash {/,/}/d; /elements = { 0x00000001 }/d; /^$/d'; }
rules >/tmp/by-script
mape up
rules >/tmp/by-up
linux_same "dry run's script: rules" /tmp/by-up /tmp/by-script
check_finish
