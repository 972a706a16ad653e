# shellcheck shell=sh
# firewall4's table for a router with LAN ports and an uplink, in its own shape, for tests without
# firewall4. Source it after topology.sh.
#
# With `flow_offloading`, firewall4 puts the physical devices of all its zones into the flowtable: a
# bridge's ports in place of the bridge, and the uplink. A tunnel is not among them. The rule that
# adds flows is the first one of `forward`.
#
# Also here: which packets take the usual path. Those of offloaded flows do not pass `forward`.

# shellcheck disable=SC2034 # read by the scripts that source this
FW4_DEVICES='"lan1", "lan2", "lan3", "lan4", "wan"'

# fw4_table [DEVICES]: the table, with flow offload between these devices.
fw4_table() {
	fw4_flowtable='' fw4_offload=''
	if [ -n "${1:-}" ]; then
		fw4_flowtable="flowtable ft { hook ingress priority filter; devices = { $1 }; }"
		fw4_offload="meta l4proto { tcp, udp } flow offload @ft;"
	fi
	cat <<-EOF
		table inet fw4
		delete table inet fw4
		table inet fw4 {
			$fw4_flowtable
			chain forward {
				type filter hook forward priority filter; policy drop;
				$fw4_offload
				ct state vmap { established : accept, related : accept }
				iifname "lan" jump forward_lan
				iifname { "wan", "mape-wan" } jump forward_wan
				jump handle_reject
			}
			chain handle_reject {
				meta l4proto tcp reject with tcp reset
				reject with icmpx type port-unreachable
			}
			chain forward_lan {
				oifname { "wan", "mape-wan" } jump accept_to_wan
				oifname "lan" accept
			}
			chain forward_wan {
				ct status dnat accept
				jump handle_reject
			}
			chain accept_to_wan {
				meta nfproto ipv4 ct state invalid drop
				accept
			}
			chain srcnat {
				type nat hook postrouting priority srcnat; policy accept;
				oifname { "wan", "mape-wan" } jump srcnat_wan
			}
			chain srcnat_wan {
				meta nfproto ipv4 masquerade
			}
			chain mangle_forward {
				type filter hook forward priority mangle; policy accept;
				iifname { "wan", "mape-wan" } tcp flags & (fin | syn | rst) == syn tcp option maxseg size set rt mtu
				oifname { "wan", "mape-wan" } tcp flags & (fin | syn | rst) == syn tcp option maxseg size set rt mtu
			}
		}
	EOF
}

# fw4_load [DEVICES]: as a reload of firewall4 does, in one transaction.
fw4_load() {
	fw4_table "$@" | on cpe nft -f -
}

# talk_and_count: `talk` of plane.sh. Sets path_out (LAN to line) and path_in as well: `offloaded`
# if at most a quarter of the tunnel's packets pass `forward`, `usual` if half of them do. (The
# device joins packets that arrive together, so fewer pass `forward` than it has counted.)
talk_and_count() {
	on cpe nft 'table inet count { }; delete table inet count; table inet count {
		counter out { }; counter in { };
		chain f { type filter hook forward priority -300; policy accept;
			oifname "mape-wan" counter name out; iifname "mape-wan" counter name in; }; }'
	count_out=$(tunnel_packets tx) count_in=$(tunnel_packets rx)
	talk
	count_out=$(($(tunnel_packets tx) - count_out)) count_in=$(($(tunnel_packets rx) - count_in))
	path_out=$(path "$(forwarded out)" "$count_out") path_in=$(path "$(forwarded in)" "$count_in")
	echo "passed forward: $(forwarded out) of $count_out to the line, $(forwarded in) of $count_in from it"
}

# forwarded out|in
forwarded() {
	on cpe nft list counter inet count "$1" | awk '$1 == "packets" { print $2 }'
}

# tunnel_packets tx|rx
tunnel_packets() {
	on cpe cat "/sys/class/net/mape-wan/statistics/$1_packets"
}

# path FORWARDED ALL
path() {
	if [ "$(($1 * 4))" -le "$2" ]; then
		echo offloaded
	elif [ "$(($1 * 2))" -ge "$2" ]; then
		echo usual
	else
		echo partly
	fi
}
