#!/bin/sh
# A line that no built-in rule knows, from a real DNS server and a real HTTPS server with a private
# CA: nothing is sent while provisioning is off; the line comes up with the answer, follows a change
# within its lifetime, and outlives garbage, a dead server, a wrong certificate and a boot without a
# server. The router is the stand-in for netifd, in this machine's own namespace.
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2034,SC2317 # read by what is sourced; functions are called through others
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./provider.sh
. ./https.sh

PREFIX_NOW=$LINE_PREFIX
DNS=2600:10:ffff::53
WEB=2600:10:ffff::443
ASKED='GET /rule.cgi?vendorid=020000-mape_rs&product=mape-rs&version=0_1_0&capability=map_e,hubspoke HTTP/1.1'
WORK=/tmp/provision

third() {
	LINE_IPV4=106.82.50.97 LINE_CE=2600:10:3261:6400:0:6a52:3261:64 LINE_BR=2600:10:ffff::66
	rule=106.82.0.0/16
}

# What odhcp6c's script does at an event: it reads our file, with the rules of DHCPv6 in MAPE, and
# the order of the mechanisms, if it was requested, in OPTION_111.
odhcp6c() {
	INTERFACE=wan6 MAPE=$2 AFTR=${3:-} OPTION_111=${4:-} sh -c '. /etc/odhcp6c.user.d/mape-rs' dhcpv6.script wan "$1"
}

# A power failure: no process cleans up, and memory is lost.
router_kill() {
	kill -9 "$router_process"
	wait "$router_process" 2>/dev/null || :
	ip link del mape-wan 2>/dev/null || :
	ip -6 addr flush dev wan scope global
	nft flush ruleset
	rm -rf /var/run/mape-rs
}

# The next try, now: what is waited for is forgotten.
try_now() {
	rm -f /var/run/mape-rs/wan.pause
	: >"$WORK/netifd.log"
	ubus -S call service set '{"name": "mape-rs-wan", "instances": {"wan": {"command":
		["/usr/sbin/mape-proto", "provision", "wan", "0"], "respawn": ["0", "60", "0"]}}}'
}

nothing_runs() {
	ubus -S call service list | grep -q '"running":false'
}

sides_up
certificates
on br nft -f - <<-EOF
	table inet sent {
		counter seen { }
		chain input {
			type filter hook input priority 0;
			iifname cpe meta l4proto != icmpv6 counter name seen
		}
	}
EOF
trap end EXIT
first
answer
dns_start --txt-record=4over6.info,"v=v6mig-1 url=https://vne.example.jp/rule.cgi t=b"
https_start ours

echo "== provisioning off"
network
router_start
within 20 "off: the prefix is in no rule" sh -c 'ubus -S call network.interface.wan status | grep -q MAPE_PREFIX_NOT_IN_RULES'
mape-proto detect >"$WORK/detect" || :
check "detect does not know the line" "$(head -n 1 "$WORK/detect")" = "line: unknown (confidence: low)"
mape-proto doctor wan >"$WORK/doctor" || :
check "doctor: contract" "$(grep -c '^FAIL  contract' "$WORK/doctor")" -eq 1
sleep 5
check "off: packets sent" "$(sent)" -eq 0
check "off: questions to the resolver" "$(grep -c query "$WORK/dns.log")" -eq 0
check "off: services of procd" "$(ubus -S call service list)" = ""

echo "== detect asks with --ask"
mape-proto detect --ask --ca "$WORK/ours.pem" >"$WORK/detect" || :
check "detect --ask" "$(head -n 1 "$WORK/detect")" = "line: MAP-E (confidence: high)"
within 10 "what it asked" asked "$(echo "$ASKED" |
	sed 's/map_e,hubspoke/464xlat,dslite,ipip,lw4o6,map_e,map_t,hubspoke/')"

echo "== DHCPv6 says a rule"
third
relay 3
odhcp6c bound "type=map-e,ealen=24,prefix4len=16,prefix6len=32,ipv4prefix=106.82.0.0,\
ipv6prefix=2600:10::,offset=4,psidlen=0,psid=0,br=$LINE_BR,"
works "DHCPv6"
check "source of the rule" "$(status | grep -c '"rule_source":"dhcpv6"')" -eq 1
mape-proto detect >"$WORK/detect" || :
check "detect by DHCPv6" "$(head -n 1 "$WORK/detect")" = "line: MAP-E (confidence: high)"
mape_rule=$(cat /var/run/mape-rs/wan6.s46)
odhcp6c updated "$mape_rule" aftr.example.net 0040005e
mape-proto detect >"$WORK/detect" || :
check "detect, DS-Lite first" "$(grep -c "^line: DS-Lite" "$WORK/detect")" -eq 1
odhcp6c updated "$mape_rule" aftr.example.net 005e0040
mape-proto detect >"$WORK/detect" || :
check "detect, MAP-E first" "$(grep -c "^line: MAP-E" "$WORK/detect")" -eq 1
odhcp6c updated "$mape_rule"
check "DHCPv6's rule alone, again" "$(cat /var/run/mape-rs/wan6.s46)" = "$mape_rule"
odhcp6c stopped ''
check "an end of DHCPv6 takes nothing away" "$(status | grep -c '"rule_source":"dhcpv6"')" -eq 1

echo "== on"
first
relay 1
network '"provisioning": "hb46pp"' '"provisioning_ca": "'"$WORK"'/ours.pem"'
ubus -S call network reload
works "no built-in rule"
check "source of the rule" "$(status | grep -c '"rule_source":"provisioned"')" -eq 1
check "conflict with DHCPv6" "$(status | grep -c 'the provisioned rule.*106.80.0.0/16.* is used, not the dhcpv6 rule.*106.82.0.0/16')" -eq 1
within 10 "the request" asked "$ASKED"
check "question for TXT" "$(grep -c 'query\[TXT\] 4over6.info from 2600:10:3261:6400::1$' "$WORK/dns.log")" -ge 1
check "the answer in flash" "$(grep -c 106.80.0.0/16 /etc/mape-rs/wan.json)" -eq 1
within 20 "no process waits" nothing_runs

echo "== a rule changes within its lifetime"
second
relay 2
answer
# The lifetime, and what a slow machine takes.
wait_for 100 line_is "$LINE_IPV4" || :
works "changed"

echo "== garbage"
kept=$(ls -i /etc/mape-rs/wan.json)
echo '{"order": ["map_e"], "map_e": {"br": "::1", "rules": [{}' >"$WORK/www/rule.cgi"
within 100 "garbage is reported" said MAPE_PROVISIONING_BAD_ANSWER
works "garbage"
check "flash is not written" "$(ls -i /etc/mape-rs/wan.json)" = "$kept"

echo "== the server is dead"
web_stop
try_now
within 60 "death is reported" said MAPE_PROVISIONING_NO_ANSWER
works "dead"

echo "== another authority's certificate"
answer
https_start others
try_now
within 60 "the certificate is reported" said MAPE_PROVISIONING_CERTIFICATE
works "wrong certificate"
check "what the stranger was asked" "$(grep -c rule "$WORK/web.log")" -eq "$(requests)"
web_stop

echo "== a boot without a server"
router_kill
router_start
works "after a boot"
check "source of the rule" "$(status | grep -c '"rule_source":"provisioned"')" -eq 1
mape-proto doctor wan >"$WORK/doctor" || :
check "doctor: provisioning" "$(grep -c '^FAIL  provisioning' "$WORK/doctor")" -le 1
check "doctor: interface" "$(grep -c '^ok    interface' "$WORK/doctor")" -eq 1

echo "== nothing is announced any more"
dns_stop
dns_start
try_now
within 60 "the end is reported" said MAPE_PROVISIONING_NO_SERVICE
within 30 "what was provisioned ends" line_is_not_up
check "flash is empty" "$(cat /etc/mape-rs/wan.json 2>/dev/null)" = ""
judge_report
check "violations" "$(judge_violations)" -eq 0
check_finish
