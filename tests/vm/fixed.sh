#!/bin/sh
# Fixed-IPv4 contracts. The router sends the tunnel's address to the provider's update server by
# HTTP, from that address only, when the line comes up and when the address changes. No other server
# gets a request. A refusal is explained and takes nothing down.
# A real web server checks user and password, and the relay counts requests from other addresses.
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2034,SC2317 # read by what is sourced; functions are called through others
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./provider.sh
. ./update-server.sh

LINE_PREFIX=2600:10:3261:6400::/56
OTHER_PREFIX=2600:10:3262:7700::/56
PREFIX_NOW=$LINE_PREFIX
# All ports.
LINE_IPV4=192.0.2.10 LINE_PSID=0 LINE_A=0 LINE_K=0 LINE_BR=2600:10:ffff::64
DNS=2600:10:ffff::53
WEB=2600:10:ffff::80
WORK=/tmp/fixed
# 192.0.2.10 behind one zero octet.
CE=2600:10:3261:6400:c0:2:a00:0
OTHER_CE=2600:10:3262:7700:c0:2:a00:0
ASKED='user=lab-1&pass=p%20w%261'
CONTRACT='"ipaddr": "192.0.2.10", "peeraddr": "'$LINE_BR'"'

# line_of CE: the relay's end of the tunnel.
line_of() {
	LINE_CE=$1
	on br ip link del ce 2>/dev/null || :
	relay ''
}

# configured PROVIDER OPTION...: the contract with these options, from now on.
configured() {
	provider=$1
	shift
	: >"$WORK/netifd.log"
	network '"provider": "'"$provider"'"' "$CONTRACT" "$@"
	ubus -S call network reload
}

is_updated() {
	[ "$(updates "$@")" -ge 1 ]
}

calls() {
	wc -l <"$WORK/web.log"
}

warning_is() {
	status | grep -q "\"warning\":{\"code\":\"$1\""
}

no_warning() {
	! status | grep -q MAPE_PROVISIONING
}

device() {
	cat /sys/class/net/mape-wan/ifindex
}

sides_up
net br <<-EOF
	route add $OTHER_PREFIX via fe80::2 dev cpe
EOF
count_updates $CE $OTHER_CE
trap end EXIT
# By itself the kernel would take the uplink's other address.
for address in $CE $OTHER_CE; do
	ip addrlabel add prefix "$address/128" label 99
done
dns_start --host-record=fcs.enabler.ne.jp,$WEB
web_start "$ASKED"

echo "== no update server configured"
line_of $CE
PREFIX_NOW=''
network '"provider": "v6plus-static"' "$CONTRACT"
router_start
PREFIX_NOW=$LINE_PREFIX
configured v6plus-static
works "not configured"
sleep 5
check "not configured: packets sent" "$(sent)" -eq 0
check "not configured: names asked for" "$(grep -c query "$WORK/dns.log" || :)" -eq 0

echo "== there is no address yet"
PREFIX_NOW=''
configured v6plus-static '"update_user": "lab-1"' '"update_password": "p w&1"'
within 60 "no prefix: not up" line_is_not_up
sleep 5
check "no prefix: packets sent" "$(sent)" -eq 0

echo "== it is there"
PREFIX_NOW=$LINE_PREFIX
configured v6plus-static '"update_user": "lab-1"' '"update_password": "p w&1"'
works "updated"
within 60 "updated: the address, from it, with user and password" is_updated $CE 200 fcs.enabler.ne.jp
before=$(calls)
ubus -S call network.interface.wan renew
sleep 5
check "updated once" "$(calls)" -eq "$before"
check "updated once, one call" "$before" -eq 1
within 60 "updated: no warning" no_warning

echo "== another address"
PREFIX_NOW=$OTHER_PREFIX
line_of $OTHER_CE
configured v6plus-static '"update_user": "lab-1"' '"update_password": "p w&1"'
works "moved"
within 60 "moved: updated, from the new address" is_updated $OTHER_CE 200 fcs.enabler.ne.jp
check "moved: calls" "$(calls)" -eq 2

echo "== the server refuses"
configured v6plus-static '"update_user": "lab-1"' '"update_password": "wrong-one"' '"log_level": "debug"'
within 60 "refused: the code in the log" said 'MAPE_PROVISIONING_UPDATE: the update server fcs.enabler.ne.jp refused the call with status 403, so the provider may not know the address'
within 60 "refused: the code in ifstatus" warning_is MAPE_PROVISIONING_UPDATE
check "refused: next step" "$(grep -c 'check update_user and update_password' "$WORK/netifd.log")" -ge 1
check "refused: the log has what was considered" "$(grep -c 'not considered, it is' "$WORK/netifd.log")" -ge 1
check "refused: the password is nowhere in the log" "$(grep -c wrong-one "$WORK/netifd.log" || :)" -eq 0
index=$(device)
works "refused"
mape-proto doctor wan >"$WORK/doctor" || :
check "refused: doctor" "$(grep -c '^FAIL  interface.*refused the call with status 403' "$WORK/doctor")" -eq 1
ubus -S call network.interface.wan renew
sleep 5
works "refused and renewed"
check "refused: the same tunnel" "$(device)" = "$index"

echo "== with the right password again"
configured v6plus-static '"update_user": "lab-1"' '"update_password": "p w&1"'
works "right again"
within 60 "right again: no warning" no_warning
check "right again: the server knows it" "$(updates $OTHER_CE 200 fcs.enabler.ne.jp)" -eq 1

echo "== another provider's server, which is dead"
web_stop
configured ocn-static '"update_user": "lab-1"' '"update_password": "p w&1"' '"update_url": "http://vne.example.jp/update"'
within 60 "dead: the code in ifstatus" warning_is MAPE_PROVISIONING_UPDATE
within 60 "dead: the code in the log" said 'MAPE_PROVISIONING_UPDATE: the update server vne.example.jp cannot be reached'
index=$(device)
works "dead"
web_start "$ASKED"
ubus -S call service set '{"name": "mape-rs-wan", "instances": {"wan": {"command":
	["/usr/sbin/mape-proto", "provision", "wan", "0"], "respawn": ["0", "60", "0"]}}}'
within 60 "alive: updated" is_updated $OTHER_CE 200 vne.example.jp
within 60 "alive: no warning" no_warning
works "alive"
check "the same tunnel to the end" "$(device)" = "$index"

check "calls from any other address" "$(updates_astray)" -eq 0
check "calls were counted" "$(sent)" -gt 0
judge_report
check "violations" "$(judge_violations)" -eq 0
check_finish
