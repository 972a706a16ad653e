#!/bin/sh
# A plain Linux line that no built-in rule knows, from a real DNS server and a real HTTPS server:
# nothing is sent while provisioning is off; `watch` and `up` ask, follow a change within its
# lifetime, and keep the line over garbage, a dead server and a boot without a server; a server that
# hangs holds up nothing.
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2034,SC2317 # read by what is sourced; functions are called through others
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./linux.sh
. ./provider.sh
. ./https.sh

DNS=2600:10:ffff::53
WEB=2600:10:ffff::443
ASKED='GET /rule.cgi?vendorid=020000-mape_rs&product=mape-rs&version=0_1_0&capability=map_e,hubspoke HTTP/1.1'
WORK=/tmp/linux-provision
ANSWER=/var/lib/mape-rs/wan.json
CONFIG=/etc/mape-rs.conf

# The line of LINE_*, and no other.
is_line() {
	on cpe ip -4 address show dev mape-wan | grep -q "inet $LINE_IPV4/32" &&
		on cpe mape-proto status 2>&1 | grep -q '^wan: up'
}

is_gone() {
	! on cpe ip link show mape-wan 2>/dev/null
}

reported() {
	grep -q "$1" "$WATCH_LOG" &&
		on cpe mape-proto status --json | grep -q "\"provisioning\":{\"code\":\"$1\""
}

# follows SECONDS TEXT
follows() {
	linux_wait "$1" is_line || cat "$WATCH_LOG"
	linux_right "$2"
	linux_traffic "$2"
}

# expected SECONDS TEXT COMMAND...
expected() {
	expected_limit=$1 expected_text=$2
	shift 2
	if linux_wait "$expected_limit" "$@"; then
		check "$expected_text" yes = yes
	else
		check "$expected_text: not in $expected_limit s" no = yes
		tail -n 30 "$WATCH_LOG" || :
		on cpe mape-proto status || :
		tail -n 5 "$WORK/dns.log" "$WORK/web.log" "$WORK/web-error.log" || :
	fi
}

queries() {
	grep -c query "$WORK/dns.log" || :
}

finish() {
	code=$?
	set +e
	linux_watch_stop
	linux_silence
	dns_stop
	web_stop
	topology_down
	rm -rf /var/lib/mape-rs "$CONFIG" /etc/resolv.conf "$WORK"
	exit "$code"
}

uname -r
mkdir -p "$WORK/www"
touch "$WORK/web.log"
first
topology_up
SERVE_SECONDS=$((4 * 86400))
serve_start
linux_uplink eth0
net br <<-EOF2
	addr add $DNS/128 dev lo nodad
	addr add $WEB/128 dev lo nodad
EOF2
linux_relay
(cd "$WORK" && certificates)
on br nft -f - <<-'EOF2'
	table inet sent {
		counter seen { }
		chain input {
			type filter hook input priority 0;
			iifname cpe meta l4proto != icmpv6 counter name seen
		}
	}
EOF2
trap finish EXIT
answer
dns_start --txt-record=4over6.info,"v=v6mig-1 url=https://vne.example.jp/rule.cgi t=b"
https_start ours
printf 'nameserver 127.0.0.1\nnameserver %s\n' "$DNS" >/etc/resolv.conf
linux_advertise 2600:10:3261:6400::/64 14400
linux_wait 20 linux_has_prefix 2600:10:3261:6400

echo "== off"
linux_watch
linux_wait 20 grep -q MAPE_PREFIX_NOT_IN_RULES "$WATCH_LOG" || :
sleep 3
check "off: no rule" "$(grep -c MAPE_PREFIX_NOT_IN_RULES "$WATCH_LOG")" -eq 1
mape up
check "off: up: exit status" "$status" -eq 3
mape detect
check "off: detect" "$(echo "$said" | head -n 1)" = "line: unknown (confidence: low)"
check "off: packets sent" "$(sent)" -eq 0
check "off: queries" "$(queries)" -eq 0
mape detect --ask --ca "$WORK/ours.pem"
check "detect --ask" "$(echo "$said" | head -n 1)" = "line: MAP-E (confidence: high)"
check "detect --ask: next step" "$(echo "$said" | grep -c 'write provisioning hb46pp into /etc/mape-rs.conf')" -eq 1
linux_watch_stop

echo "== on"
printf 'provisioning hb46pp\nprovisioning_ca %s/ours.pem\n' "$WORK" >"$CONFIG"
linux_watch
follows 60 "on"
expected 10 "the request" asked "$ASKED"
check "the query" "$(grep -c 'query\[TXT\] 4over6.info from 2600:10:3261:6400:' "$WORK/dns.log")" -ge 1
check "the answer is kept" "$(grep -c 106.80.0.0/16 $ANSWER)" -eq 1
check "only root may read it" "$(stat -c %a $ANSWER)" -eq 600
mape status
check "status: source" "$(echo "$said" | grep -c 'rule source  *provisioned')" -eq 1
mape detect
check "detect, by the kept answer" "$(echo "$said" | head -n 1)" = "line: MAP-E (confidence: high)"
before=$(requests)
mape up
check "up: not asked again" "$(requests)" -eq "$before"

echo "== the rule changes within its lifetime"
linux_relay_down
second
linux_relay
answer
follows 100 "changed"

echo "== garbage"
kept=$(ls -i $ANSWER)
echo '{"order": ["map_e"], "map_e": {"br": "::1", "rules": [{}' >"$WORK/www/rule.cgi"
expected 100 "garbage is reported" reported MAPE_PROVISIONING_BAD_ANSWER
follows 10 "garbage"
check "garbage: the file is the same" "$(ls -i $ANSWER)" = "$kept"

echo "== the server hangs"
on br nft 'add chain inet sent hang { type filter hook input priority 1; }'
on br nft 'add rule inet sent hang iifname cpe tcp dport 443 drop'
linux_watch_stop
rm -f /var/run/mape-rs/wan.pause
linux_watch
# A request is under way.
asks() {
	pidof curl >/dev/null
}
asks_no_more() {
	! asks
}
expected 20 "hangs: a request is under way" asks
on cpe ip link delete mape-wan
follows 15 "hangs: the line is looked after"
expected 5 "hangs: the request is still under way" asks
on br nft flush chain inet sent hang

echo "== the server is dead"
web_stop
linux_watch_stop
linux_wait 120 asks_no_more || :
rm -f /var/run/mape-rs/wan.pause
linux_watch
expected 60 "death is reported" reported MAPE_PROVISIONING_NO_ANSWER
follows 10 "dead"
mape doctor
check "dead: doctor" "$(echo "$said" | grep -c '^FAIL  provisioning: the server vne.example.jp did not answer')" -eq 1

echo "== a boot without a server"
linux_watch_stop
linux_reboot
linux_watch
linux_wait 30 linux_has_prefix 2600:10:3261:6400 || :
follows 30 "after a boot"
mape status
check "after a boot: source" "$(echo "$said" | grep -c 'rule source  *provisioned')" -eq 1
expected 60 "after a boot: death is reported" reported MAPE_PROVISIONING_NO_ANSWER

echo "== a day without a server"
RA_MIN=200 RA_MAX=600
linux_advertise 2600:10:3261:6400::/64 14400
on br nft -f - <<-'EOF2'
	table inet tries {
		counter tries { }
		chain input {
			type filter hook input priority 0;
			iifname cpe tcp dport 443 tcp flags & (syn | ack) == syn counter name tries
		}
	}
EOF2
sleep 86400
# Every 10 to 30 minutes.
tries=$(on br nft list counter inet tries tries | sed -n 's/.*packets \([0-9]*\).*/\1/p')
check "a day without a server: tries" "$tries" -ge 47
check "a day without a server: tries" "$tries" -le 145
follows 10 "a day without a server"

echo "== a day with it, and a lifetime of an hour"
answer
sed -i 's/"ttl": 60/"ttl": 3600/' "$WORK/www/rule.cgi"
https_start ours
before=$(requests)
sleep 1800
check "it is there again: requests" $(($(requests) - before)) -eq 1
sleep 86400
check "a day with it: requests" $(($(requests) - before)) -ge 24
check "a day with it: requests" $(($(requests) - before)) -le 26
follows 10 "a day with it"
web_stop
linux_watch_stop
mape down

echo "== by hand"
linux_relay_down
first
linux_relay
answer
https_start ours
rm -f /var/run/mape-rs/wan.pause
mape up
check "up: exit status" "$status" -eq 0
linux_right "up"
linux_traffic "up"

echo "== nothing is announced any more"
dns_stop
dns_start
linux_watch
sleep 1
linux_watch_stop
rm -f /var/run/mape-rs/wan.pause
linux_watch
expected 60 "the end of the service" is_gone
expected 10 "the end is reported" reported MAPE_PROVISIONING_NO_SERVICE
check "the end: the answer" "$(cat $ANSWER 2>/dev/null)" = ""
linux_watch_stop

echo "== off again"
dns_stop
dns_start --txt-record=4over6.info,"v=v6mig-1 url=https://vne.example.jp/rule.cgi t=b"
rm -f /var/run/mape-rs/wan.pause
mape up
linux_right "before off"
rm "$CONFIG"
before=$(queries)
linux_watch
sleep 5
check "off again: queries" "$(queries)" -eq "$before"
check "off again: kept files" "$(find /var/lib/mape-rs /var/run/mape-rs -name 'wan.pause' -o -path $ANSWER | wc -l)" -eq 0
check "off again: the line stays" "$(on cpe ip -4 address show dev mape-wan | grep -c "$LINE_IPV4")" -eq 1
linux_watch_stop
mape down
no_violation "all of it"
check_finish
