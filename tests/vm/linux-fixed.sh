#!/bin/sh
# A fixed-IPv4 contract on plain Linux. `watch` sends the tunnel's address to the provider's update
# server by HTTP, from that address only, when the line comes up and when the prefix changes, also
# if the last update was refused. A refusal and a dead server are explained and take nothing down.
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
. ./update-server.sh

LINE_PREFIX=2600:10:3261:6400::/56
# All ports.
LINE_IPV4=192.0.2.10 LINE_PSID=0 LINE_A=0 LINE_K=0 LINE_BR=2600:10:ffff::64
WEB=2600:10:ffff::80
WORK=/tmp/linux-fixed
# 192.0.2.10 behind one zero octet.
CE=2600:10:3261:6400:c0:2:a00:0
OTHER_CE=2600:10:3262:7700:c0:2:a00:0
ASKED='user=lab-1&pass=p%20w%261'
CONFIG=/etc/mape-rs.conf

# configured PASSWORD: the contract; `watch` starts again.
configured() {
	linux_watch_stop
	cat >"$CONFIG" <<-EOF2
		provider v6plus-static
		ipaddr 192.0.2.10
		peeraddr $LINE_BR
		update_user lab-1
		update_password '$1'
		update_url http://[$WEB]/update
	EOF2
	linux_watch
}

# follows TEXT
follows() {
	linux_wait 40 linux_has_line || cat "$WATCH_LOG"
	linux_right "$1"
	linux_traffic "$1"
}

# moved CE PREFIX/64 OLD/64: the line has another prefix.
moved() {
	linux_relay_down
	LINE_CE=$1 LINE_PREFIX=${2%/*}/56
	linux_relay
	linux_advertise "$3" 0 "$2" 14400
}

# The server writes its log when it has time.
updated() {
	[ "$(updates "$1" "$2" "[$WEB]")" -ge 1 ]
}

logged() {
	grep -q "$1" "$WATCH_LOG"
}

finish() {
	code=$?
	set +e
	linux_watch_stop
	linux_silence
	web_stop
	topology_down
	rm -rf "$CONFIG" "$WORK"
	exit "$code"
}

uname -r
mkdir -p "$WORK/www"
LINE_CE=$CE
topology_up
serve_start
linux_uplink eth0
net br <<-EOF2
	addr add $WEB/128 dev lo nodad
EOF2
linux_relay
count_updates $CE $OTHER_CE
trap finish EXIT
web_start "$ASKED"

echo "== there is no prefix yet"
configured 'p w&1'
linux_wait 20 logged MAPE_NO_IPV6_YET || :
check "no prefix: packets sent" "$(sent)" -eq 0

echo "== it is there"
linux_advertise 2600:10:3261:6400::/64 14400
follows "updated"
linux_wait 20 updated $CE 200 || :
check "updated: from the address, with user and password" "$(updates $CE 200 "[$WEB]")" -eq 1
mape doctor
check "updated: doctor" "$(echo "$said" | grep -c '^ok    update: .* knows the address')" -eq 1
on cpe ip link delete mape-wan
follows "repaired"
check "repaired: no second update" "$(wc -l <"$WORK/web.log")" -eq 1

echo "== another prefix"
moved $OTHER_CE 2600:10:3262:7700::/64 2600:10:3261:6400::/64
follows "moved"
linux_wait 20 updated $OTHER_CE 200 || :
check "moved: updated, from the new address" "$(updates $OTHER_CE 200 "[$WEB]")" -eq 1

echo "== the server refuses"
configured 'wrong-one'
linux_wait 20 logged 'refused the call with status 403' || :
follows "refused"
mape status
check "refused: status" "$(echo "$said" | grep -c 'update  .* refused the call with status 403')" -eq 1
check "refused: next step" "$(echo "$said" | grep -c 'check update_user and update_password')" -eq 1
mape doctor
check "refused: doctor" "$(echo "$said" | grep -c '^FAIL  update: .*refused the call with status 403')" -eq 1
check "refused: the password is nowhere in the log" "$(grep -c wrong-one "$WATCH_LOG" || :)" -eq 0
before=$(wc -l <"$WORK/web.log")
on cpe ip link delete mape-wan
follows "refused and repaired"
check "refused: not sent at each event" "$(wc -l <"$WORK/web.log")" -eq "$before"

echo "== another prefix, while the last update waits for an hour"
moved $CE 2600:10:3261:6400::/64 2600:10:3262:7700::/64
follows "moved again"
refused() {
	[ "$(grep -c "^$CE .* 403 " "$WORK/web.log")" -ge 1 ]
}
linux_wait 20 refused || :
check "moved again: sent at once" "$(grep -c "^$CE .* 403 " "$WORK/web.log")" -eq 1

echo "== the server is dead, and comes back"
web_stop
configured 'p w&1'
linux_wait 30 logged 'cannot be reached' || cat "$WATCH_LOG"
follows "dead"
web_start "$ASKED"
mape up
linux_wait 20 updated $CE 200 || :
check "alive: updated by up" "$(updates $CE 200 "[$WEB]")" -eq 1
mape status
check "alive: nothing left to say" "$(echo "$said" | grep -c '^  update ' || :)" -eq 0
linux_watch_stop
mape down
check "updates from any other address" "$(updates_astray)" -eq 0
check "updates were counted" "$(sent)" -gt 0
no_violation "all of it"
check_finish
