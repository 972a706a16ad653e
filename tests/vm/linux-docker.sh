#!/bin/sh
# Docker beside a line on plain Linux, as docs/plain-linux.md describes it: its chains drop what
# the LAN sends until DOCKER-USER accepts it, containers reach the internet, and a published
# container is reached on a port of `reserved_ports`. The chains are Docker's as iptables-nft writes
# them; Docker itself does not run.
#
# shellcheck source-path=SCRIPTDIR
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./linux.sh
. ./docker.sh

CONFIG=/etc/mape-rs.conf
# One of the set.
PUBLISHED=5700

# docker_answers TEXT true|false NAMESPACE ADDRESS:PORT
docker_answers() {
	seconds=1
	[ "$2" = false ] || seconds=10
	traffic "$3" probe --protocol tcp --to "$4" --wait "$seconds"
	expect "$1" answered = "$2"
}

doctored() {
	on cpe mape-proto doctor --json | tr '{' '\n' |
		sed -n "s/.*\"check\":\"$1\",\"fine\":\([a-z]*\).*/\1/p" | head -n 1
}

uname -r
trap 'local_stop; rm -f "$CONFIG"; linux_silence; topology_down' EXIT
linux_v6plus eth0

# lan4 is the container.
docker_nat "$PUBLISHED" 7000
on cpe ip link set lan4 master docker0
net lan4 <<-EOF2
	addr flush dev eth0
	addr add 172.17.0.2/16 dev eth0
	route add default via 172.17.0.1
EOF2
on cpe nft -f - <<-EOF2
	table ip filter {
		chain DOCKER {
			ip daddr 172.17.0.2 iifname != "docker0" oifname "docker0" tcp dport 7000 counter accept
		}
		chain DOCKER-USER { counter return; }
		chain FORWARD {
			type filter hook forward priority filter; policy drop;
			counter jump DOCKER-USER
			oifname "docker0" ct state established,related counter accept
			oifname "docker0" counter jump DOCKER
			iifname "docker0" oifname != "docker0" counter accept
		}
	}
EOF2
local_serve lan4 7000
mape up
check "up: exit status" "$status" -eq 0

next_server
docker_answers "container, out" true lan4 "$fresh:7000"
docker_answers "LAN, before DOCKER-USER" false lan1 "$fresh:7000"
check "LAN, before DOCKER-USER: doctor" "$(doctored forward)" = false
# As the page has it.
on cpe nft insert rule ip filter DOCKER-USER iifname lan oifname mape-wan accept
on cpe nft insert rule ip filter DOCKER-USER oifname lan ct state established,related accept
docker_answers "LAN" true lan1 "$fresh:7001"
check "LAN: doctor" "$(doctored forward)" = true
docker_answers "published, not reserved" false srv "$LINE_IPV4:$PUBLISHED"
echo "reserved_ports $PUBLISHED" >"$CONFIG"
mape up
check "reserved: exit status" "$status" -eq 0
docker_answers "published" true srv "$LINE_IPV4:$PUBLISHED"
measure_ports 4 $((LINE_COUNT - 1))
expect "no connection gets its port" outside_ports -eq $((LINE_COUNT - 1))
no_violation "docker"
linux_right "docker"
check_finish
