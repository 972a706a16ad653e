# shellcheck shell=sh
# What Docker leaves on a machine, without Docker: its bridge, and its chains as iptables-nft writes
# them. Source it after topology.sh.

# docker_nat PORT INSIDE: the bridge, and a container at 172.17.0.2 that publishes its port INSIDE
# as PORT.
docker_nat() {
	net cpe <<-EOF
		link add docker0 type bridge
		link set docker0 addrgenmode none
		addr add 172.17.0.1/16 dev docker0
		link set docker0 up
	EOF
	on cpe nft -f - <<-EOF
		table ip nat {
			chain DOCKER {
				iifname "docker0" counter return
				iifname != "docker0" tcp dport $1 counter dnat to 172.17.0.2:$2
			}
			chain PREROUTING {
				type nat hook prerouting priority dstnat; policy accept;
				fib daddr type local counter jump DOCKER
			}
			chain POSTROUTING {
				type nat hook postrouting priority srcnat; policy accept;
				oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade
			}
		}
	EOF
}
