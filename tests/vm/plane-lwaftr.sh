#!/bin/sh
# A border relay that is not ours: the lwAFTR of Snabb, between the CE and the servers. Its binding
# table has one softwire: the CE's IPv6 address, the shared IPv4 address and the port set (RFC 7596
# has the same algorithm as a MAP-E rule with its PSID stated). It drops every packet that does not
# fit, so what arrives was right in its own reading. A softwire with another PSID, and rules
# that leave the port set, must fail. Needs the program `snabb` and a kernel with huge pages.
# Arguments: LINE:EDGE... (all by default).
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2154,SC2317 # variables of the files; functions are called through `timed`
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh

RELAY_DIR=/tmp/lwaftr

# A line of lightweight 4over6: ports 4096 to 5119, the identifier of RFC 7597 (192.0.2.1 is
# c000:0201).
line_lw4o6() {
	LINE_PREFIX=2001:db8:1:2::/64
	LINE_CE=2001:db8:1:2:0:c000:201:4
	LINE_BR=2001:db8:ffff::1
	LINE_IPV4=192.0.2.1
	LINE_PSID=4 LINE_A=0 LINE_K=6 LINE_COUNT=1024
	LINE_RULE=type=lw4o6,ipv6prefix=2001:db8:1:2::,prefix6len=64,ipv4prefix=192.0.2.1
	LINE_RULE=$LINE_RULE,prefix4len=32,psidlen=6,psid=4,br=2001:db8:ffff::1
}

# relay_conf PSID
relay_conf() {
	cat <<-EOF2
		softwire-config {
		  binding-table {
		    softwire {
		      ipv4 $LINE_IPV4;
		      psid $1;
		      b4-ipv6 $LINE_CE;
		      br-address $LINE_BR;
		      port-set {
		        psid-length $LINE_K;
		        reserved-ports-bit-count $LINE_A;
		      }
		    }
		  }
		  external-interface {
		    allow-incoming-icmp true;
		    generate-icmp-errors true;
		    mtu 1500;
		    mru 1500;
		    reassembly {
		      max-packets 100;
		    }
		  }
		  internal-interface {
		    allow-incoming-icmp true;
		    generate-icmp-errors true;
		    hairpinning true;
		    mtu 1500;
		    mru 1500;
		    reassembly {
		      max-packets 100;
		    }
		  }
		  instance {
		    device cpe;
		    external-device srv;
		    queue {
		      id 0;
		      external-interface {
		        ip 203.0.113.1;
		        mac 02:00:00:00:02:04;
		        next-hop {
		          mac $(on srv cat /sys/class/net/eth0/address);
		        }
		      }
		      internal-interface {
		        ip fe80::1;
		        mac 02:00:00:00:02:06;
		        next-hop {
		          mac $(on cpe cat /sys/class/net/wan/address);
		        }
		      }
		    }
		  }
		}
	EOF2
}

# relay_up PSID: the program has the two links; the kernel of that namespace has no address there.
relay_up() {
	mkdir -p "$RELAY_DIR"
	relay_conf "$1" >"$RELAY_DIR/conf"
	ip netns exec "$LAB_NS-br" snabb lwaftr run --name lwaftr --conf "$RELAY_DIR/conf" \
		>"$RELAY_DIR/log" 2>&1 &
	relay_process=$!
	next_server
	relay_tries=0
	until relay_answers; do
		relay_tries=$((relay_tries + 1))
		if [ "$relay_tries" -gt 100 ] || ! kill -0 "$relay_process"; then
			cat "$RELAY_DIR/log"
			return 1
		fi
		sleep 0.3
	done
}

# It answers pings to its own address itself.
relay_answers() {
	result=$(on srv lab-traffic icmp --to 203.0.113.1 --count 1)
	[ "$(field "$result" answered)" = 1 ]
}

relay_down() {
	if [ -n "${relay_process:-}" ]; then
		kill "$relay_process" 2>/dev/null || :
		wait "$relay_process" 2>/dev/null || :
		relay_process=
	fi
}

# relay_count NAME: one of its counters. It lists those that are not 0.
relay_count() {
	relay_value=$(on br snabb lwaftr query lwaftr | sed -n "s/^$1: *//p" | tr -d ,)
	echo "${relay_value:-0}"
}

# relay_settled NAME NUMBER: until the counter is at least this; the program writes its counters now
# and then.
relay_settled() {
	for relay_try in 1 2 3 4 5 6 7 8 9 10 11 12; do
		[ "$(relay_count "$1")" -lt "$2" ] || return 0
		sleep "$((relay_try / 2))"
	done
}

relay_links() {
	for name in cpe srv; do
		echo "addr flush dev $name" | net br
		on br sysctl -qw "net.ipv6.conf.$name.disable_ipv6=1"
		echo "link set $name promisc on arp off" | net br
	done
	on br sysctl -qw net.ipv4.ip_forward=0
	echo "neigh replace fe80::1 lladdr 02:00:00:00:02:06 dev wan" | net cpe
	echo "neigh replace 203.0.113.1 lladdr 02:00:00:00:02:04 dev eth0" | net srv
}

ce_up() {
	net cpe <<-EOF2
		addr add $LINE_CE/128 dev wan nodad
		link add mape-wan mtu 1460 type ip6tnl mode ipip6 local $LINE_CE remote $LINE_BR encaplimit none dev wan
		addr add $LINE_IPV4/32 dev mape-wan
		link set mape-wan up
		route add default dev mape-wan
	EOF2
}

ce_down() {
	net cpe <<-EOF2
		link del mape-wan
		addr del $LINE_CE/128 dev wan
	EOF2
}

lwaftr() {
	LINE_RULE=
	"line_$1"
	text="$1 $2"
	ce_up
	plane_load "$2" ${LINE_RULE:+--rule "$LINE_RULE"}
	relay_up "$LINE_PSID"

	measure_ports 20
	expect "$text: connections at once" alive -eq "$LINE_COUNT"
	expect "$text: ports at once" outside_ports -eq "$LINE_COUNT"
	plane_forget
	traffic lan2 icmp --to "$SERVER" --count 5
	expect "$text: ping" answered -eq 5
	next_server
	traffic lan2 bulk --to "$fresh:7000" --bytes 50000
	expect "$text: TCP upload" equal = true
	traffic lan2 probe --to "$SERVER:7998" --wait 10
	expect "$text: closed port: error" error = '"3/3"'
	relay_settled in-ipv6-packets "$LINE_COUNT"
	check "$text: packets from the CE" "$(relay_count in-ipv6-packets)" -gt "$LINE_COUNT"
	check "$text: dropped by the relay" "$(relay_count drop-no-source-softwire-ipv6-packets)" -eq 0

	# Known bad: ports of conntrack's choice, and the port set of another line.
	plane_unload
	on cpe nft 'table ip bad { chain c { type nat hook postrouting priority srcnat; oifname "mape-wan" masquerade; }; }'
	next_server
	traffic lan1 hold --to "$fresh:7000" --count 20 --from "$LAN_SOURCES" --wait 1 --again 0
	expect "$text: masquerade instead of our rules" alive -lt 20
	relay_settled drop-no-source-softwire-ipv6-packets 1
	check "$text: masquerade: dropped by the relay" "$(relay_count drop-no-source-softwire-ipv6-packets)" -gt 0
	relay_down
	plane_unload
	plane_load "$2" ${LINE_RULE:+--rule "$LINE_RULE"}
	relay_up $((LINE_PSID + 1))
	traffic lan2 probe --to "$SERVER:7000" --wait 2
	expect "$text: a relay with another PSID" answered = false
	relay_down
	plane_unload
	ce_down
}

if ! command -v snabb >/dev/null; then
	echo "note  SKIPPED: a second border relay was not tested: MAPE_LWAFTR names no program"
	exit 0
fi
uname -r
trap 'relay_down; topology_down' EXIT
topology_up
serve_start
relay_links
[ $# -gt 0 ] || set -- v6plus:netdev ocn:postrouting lw4o6:netdev lw4o6:postrouting
each_case lwaftr "$@"
check_finish
