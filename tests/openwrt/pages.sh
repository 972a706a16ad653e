#!/bin/sh
# The machine's program for `cargo xtask openwrt pages`: a router with LuCI on which our package has
# just been installed, a line without IPv4 as yet, and a device of the LAN that plays. The machine's
# network device, eth0, is a port of the router's LAN. Ends when /tmp/pages-end is there.
#
# shellcheck source-path=SCRIPTDIR
set -eu
cd "$(dirname "$0")"
# shellcheck source=../vm/check.sh
. ../check.sh
# shellcheck source=../vm/topology.sh
. ../topology.sh
# shellcheck source=../vm/judge.sh
. ../judge.sh
# shellcheck source=../vm/lines.sh
. ../lines.sh
# shellcheck source=../vm/plane.sh
. ../plane.sh
# shellcheck source=router.sh
. ./router.sh
# shellcheck source=line.sh
. ./line.sh

# As a boot does, with procd in charge of all: what is applied in LuCI reaches netifd and firewall4
# through it. The handler is not there yet, so netifd does not know the protocol.
# shellcheck disable=SC2317 # router_start calls it
router_services() {
	mv "$ROOT/lib/netifd/proto/mape.sh" "$ROOT/tmp/lab/mape.sh"
	router ubusd >/dev/null 2>&1 &
	wait_for 60 router sh -c '[ -S /var/run/ubus/ubus.sock ] || [ -S /var/run/ubus.sock ]'
	router procd -S -s /var/run/ubus/ubus.sock >/tmp/procd.log 2>&1 &
	wait_for 60 router ubus list service >/dev/null
	router /etc/init.d/firewall boot >/tmp/firewall.log 2>&1 || :
	router /etc/init.d/network start
	wait_for 60 router ubus list network.interface >/dev/null
	wait_for 60 ip addr show dev br-lan
	service rpcd '"/sbin/rpcd","-t","30"'
	service uhttpd '"/usr/sbin/uhttpd","-f","-h","/www","-r","OpenWrt","-x","/cgi-bin","-u","/ubus","-t","120",
		"-T","60","-A","1","-n","10","-N","100","-o","/cgi-bin/luci","-O","/usr/share/ucode/luci/uhttpd.uc",
		"-p","0.0.0.0:80"'
}

# service NAME WORDS: run and kept by procd.
# shellcheck disable=SC2317
service() {
	router ubus call service set "{\"name\":\"$1\",\"instances\":{\"instance1\":{\"command\":[$2],\"respawn\":[],\"stderr\":true}}}"
}

# The test's own way in: shell text of a request, with the functions of router.sh.
way_in() {
	mkdir -p /tmp/www/cgi-bin
	cat >/tmp/www/cgi-bin/shell <<-'EOF'
		#!/bin/sh
		printf 'Content-Type: text/plain\r\n\r\n'
		cd /lab/openwrt
		head -c "$CONTENT_LENGTH" >/tmp/shell.$$
		( . ../topology.sh; . ./router.sh; . /tmp/shell.$$ ) 2>&1 </dev/null
		echo "status $?"
		rm /tmp/shell.$$
	EOF
	chmod 755 /tmp/www/cgi-bin/shell
	httpd -p 8081 -h /tmp/www
}

# shellcheck disable=SC2317 # wait_for calls it
answers() {
	wget -q -O /dev/null http://127.0.0.1/luci-static/resources/luci.js &&
		router ubus -S list luci.mape >/dev/null
}

router_prepare
ip netns attach "$LAB_NS-cpe" $$
topology_links
serve_start
line_v6plus
relay_up
# As set up: LuCI warns on every page of a root without password. Each user's is `mape`.
# shellcheck disable=SC2016 # a hash and not variables
sed -i 's|^root:[^:]*:|root:$1$mapelab$PSxzXE8qCMohXdapLyBhW1:|' "$ROOT/etc/shadow"
hostname OpenWrt
# Where LuCI finds the leases.
router_write /etc/config/dhcp <<-'EOF'
	config dnsmasq
		option leasefile '/tmp/dhcp.leases'
EOF
network_config | sed -e "/ports 'lan4'/a\\		list ports 'eth0'" -e "/interface 'wan'\$/,\$d" | router_start
uplink_pd 56
local_serve lan1 25565
mv "$ROOT/tmp/lab/mape.sh" "$ROOT/lib/netifd/proto/mape.sh"
router /usr/share/mape-rs/package installed
way_in
wait_for 120 answers
echo "== ready"
until [ -e /tmp/pages-end ]; do sleep 1; done
# A case without traffic has nothing to judge.
judge_report
check "packets that the border relay found wrong" "$(judge_violations)" -eq 0
router_log | grep -v ' user.notice ' | tail -n 20
check_finish
