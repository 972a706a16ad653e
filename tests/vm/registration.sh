#!/bin/sh
# Fixed-IPv4 contracts whose papers state the interface identifier: the call of transix (plain HTTP,
# other names in the query) and that of Xpass (HTTPS, basic authentication, the address in the
# query). Both come from the tunnel's address. A server with a certificate of another authority gets
# neither user nor password.
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
. ./update-server.sh

LINE_PREFIX=2600:10:3261:6400::/56
PREFIX_NOW=$LINE_PREFIX
LINE_IPV4=192.0.2.10 LINE_PSID=0 LINE_A=0 LINE_K=0 LINE_BR=2600:10:ffff::64
LINE_CE=2600:10:3261:6400::feed
DNS=2600:10:ffff::53
WEB=2600:10:ffff::80
WORK=/tmp/registration
ASKED='username=lab-1&password=p%20w%261'
NUMBERS='"ipaddr": "192.0.2.10", "peeraddr": "'$LINE_BR'", "interface_id": "::feed"'
CREDENTIALS='"update_user": "lab-1", "update_password": "p w&1"'

# With user and password, and who asked.
HEADERS='%h %>s %{Authorization}i %r'
# What the RFC's encoding of lab-1:p w&1 is, by another program.
BASIC="Basic $(printf 'lab-1:p w&1' | openssl base64)"

has_call() {
	grep -qF "$LINE_CE 200 $BASIC GET /renew?d=h.example&p=x&a=$LINE_CE&u=y HTTP/1.1" "$WORK/web.log"
}

has_plain_call() {
	grep -qF "$LINE_CE update.transix.jp 200 GET /request?$ASKED HTTP/1.0" "$WORK/web.log"
}

warning_is() {
	status | grep -q "\"warning\":{\"code\":\"$1\""
}

no_warning() {
	! status | grep -q MAPE_PROVISIONING
}

sides_up
trap end EXIT
certificates
# By itself the kernel would take the uplink's other address.
ip addrlabel add prefix "$LINE_CE/128" label 99
dns_start --host-record=update.transix.jp,$WEB
echo OK >"$WORK/www/request"
echo OK >"$WORK/www/renew"
web_start "$ASKED"
relay ''

echo "== transix"
network '"provider": "transix-static"' "$NUMBERS" "$CREDENTIALS"
router_start
works "transix"
within 60 "transix: the call, from the address" has_plain_call
within 60 "transix: no warning" no_warning
check "transix: calls" "$(wc -l <"$WORK/web.log")" -eq 1
web_stop

echo "== Xpass, with a certificate of another authority"
: >"$WORK/web.log"
https_start others "$HEADERS"
XPASS='"update_url": "https://vne.example.jp/renew?d=h.example&p=x&a={ce}&u=y"'
: >"$WORK/netifd.log"
network '"provider": "xpass-static"' "$NUMBERS" "$CREDENTIALS" "$XPASS" '"provisioning_ca": "'$WORK/ours.pem'"'
ubus -S call network reload
within 60 "another authority: warning" warning_is MAPE_PROVISIONING_UPDATE
within 60 "another authority: said" said 'cannot be reached: its certificate is not accepted'
works "another authority"
check "another authority: calls" "$(wc -l <"$WORK/web.log")" -eq 0
web_stop

echo "== Xpass"
: >"$WORK/web.log"
https_start ours "$HEADERS"
ubus -S call service set '{"name": "mape-rs-wan", "instances": {"wan": {"command":
	["/usr/sbin/mape-proto", "provision", "wan", "0"], "respawn": ["0", "60", "0"]}}}'
within 60 "Xpass: the call, from the address, with it and the header" has_call
within 60 "Xpass: no warning" no_warning
works "Xpass"
check "the password is nowhere in the log" "$(grep -c 'p w&1\|p%20w' "$WORK/netifd.log" || :)" -eq 0
judge_report
check "violations" "$(judge_violations)" -eq 0
check_finish
