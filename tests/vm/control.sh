# shellcheck shell=sh
# Rulesets whose result is known, to test the tests with. Source it after topology.sh.
# Written by hand in the shape that the generator's output should have, but sharing nothing with it.

# Any port: what a line without MAP-E rules does. The judge must object.
control_masquerade() {
	cat <<-EOF
		table inet control {
			chain srcnat {
				type nat hook postrouting priority srcnat; policy accept;
				oifname "mape-wan" meta l4proto { tcp, udp, icmp } snat ip to $LINE_IPV4
			}
		}
	EOF
}

# Two-stage NAT without ICMP errors, guards and reserved ports. The judge must be content.
# (`udp` would turn a checksum of 0, "not computed", into a wrong one; `th` leaves it alone.)
control_two_stage() {
	m=$((16 - LINE_A - LINE_K))
	count=$((((1 << LINE_A) - 1) << m))
	# The first inside port: after a block of the set in the middle, clear of the next one.
	base=$(((1 << (LINE_A - 1)) << (16 - LINE_A) | LINE_PSID << m))
	base=$((base + (1 << m)))
	outward=$(line_ports | awk -v base=$base '{ printf "%d : %d, ", base + NR - 1, $1 }')
	inward=$(line_ports | awk -v base=$base '{ printf "%d : %d, ", $1, base + NR - 1 }')
	cat <<-EOF
		table inet control {
			chain srcnat {
				type nat hook postrouting priority srcnat; policy accept;
				oifname "mape-wan" meta l4proto { tcp, udp, icmp } snat ip to $LINE_IPV4:$base-$((base + count - 1))
			}
		}
		table netdev control {
			map outward { type inet_service : inet_service; elements = { $outward } }
			map inward { type inet_service : inet_service; elements = { $inward } }
			map outward_id { typeof icmp id : icmp id; elements = { $outward } }
			map inward_id { typeof icmp id : icmp id; elements = { $inward } }
			chain in {
				type filter hook ingress device "mape-wan" priority -500; policy accept;
				ip frag-off & 0x1fff != 0 accept
				ip protocol tcp tcp dport set tcp dport map @inward
				udp checksum 0 th dport set udp dport map @inward accept
				ip protocol udp udp dport set udp dport map @inward
				icmp type echo-reply icmp id set icmp id map @inward_id
			}
			chain out {
				type filter hook egress device "mape-wan" priority 0; policy accept;
				ip frag-off & 0x1fff != 0 accept
				ip protocol tcp tcp sport set tcp sport map @outward
				udp checksum 0 th sport set udp sport map @outward accept
				ip protocol udp udp sport set udp sport map @outward
				icmp type echo-request icmp id set icmp id map @outward_id
			}
		}
	EOF
}

control_unload() {
	on cpe nft flush ruleset
	on cpe conntrack -F >/dev/null 2>&1
}
