#!/bin/sh
# Port forwards of plain Linux: to a LAN host and to the machine itself, from outside, from the LAN
# and from the machine; `watch` follows the file; the machine's own firewall is looked at; `down`
# closes the ports.
#
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2317 # functions are called through others
set -eu
cd "$(dirname "$0")"
. ./check.sh
. ./topology.sh
. ./judge.sh
. ./lines.sh
. ./plane.sh
. ./linux.sh

FORWARDS=/etc/mape-rs.forwards
SCRIPTS=/etc/mape-rs.d

# called WORDS: an event script was called with these words and variables since the last call.
called() {
	touch /tmp/called
	grep -qx "$1 *" /tmp/called
}

check_called() {
	linux_wait 5 called "$2" || :
	check "$1: $2" "$(grep -cx "$2 *" /tmp/called)" -eq 1
	rm -f /tmp/called
}

# answered TEXT NAMESPACE PORT true|false
answered() {
	for protocol in tcp udp; do
		seconds=1
		[ "$4" = false ] || seconds=10
		traffic "$2" probe --protocol "$protocol" --to "$LINE_IPV4:$3" --wait "$seconds"
		expect "$1: $protocol from $2" answered = "$4"
	done
}

# everywhere TEXT PORT: from outside, from a neighbour of the host in the LAN, from the machine.
everywhere() {
	for place in srv lan1 cpe; do
		answered "$1" "$place" "$2" true
	done
}

# port_of NAME: its external port.
port_of() {
	on cpe mape-proto forward list | sed -n "s/^$1.* $LINE_IPV4:\([0-9]*\) -> .*/\1/p"
}

# leads_to NAME HOST
leads_to() {
	on cpe mape-proto forward list | grep -q "^$1.* -> $2:.*, published\$"
}

# kept HOST: connections to it that arrived at the shared address.
kept() {
	on cpe conntrack -L --dst-nat 2>/dev/null | grep -c "src=$1 dst=[0-9.]* sport=7000" || :
}

doctored() {
	on cpe mape-proto doctor --json | tr '{' '\n' | sed -n "s/.*\"check\":\"$1\",\"fine\":\([a-z]*\).*/\1/p" | head -n 1
}

uname -r
trap 'local_stop; linux_watch_stop; rm -rf "$FORWARDS" "$SCRIPTS"; linux_silence; topology_down' EXIT
mkdir -p "$SCRIPTS"
cat >"$SCRIPTS/10-log" <<'EOF2'
#!/bin/sh
echo "$1 $ACTION $INTERFACE $DEVICE$FORWARD $PROTO $OLD_PORT $NEW_IPV4:$NEW_PORT" | tr -s ' ' >>/tmp/called
EOF2
chmod +x "$SCRIPTS/10-log"
rm -f /tmp/called
linux_v6plus eth0
on cpe sysctl -qw net.bridge.bridge-nf-call-iptables=0 2>/dev/null || :
linux_state >/tmp/before
local_serve lan2 7000
local_serve lan3 7000
local_serve cpe 7001

# Before the line is up, a forward waits.
cat >"$FORWARDS" <<-EOF2
	# The LAN's servers.
	forward web
		dest_ip 192.168.1.12
		dest_port 7000
EOF2
mape forward list
check "before up: waits" "$(echo "$said" | grep -c '^web: .*, waiting')" -eq 1
mape up --dry-run
check "dry run: the rule is in it" "$(echo "$said" | grep -c ': 192.168.1.12 . 7000')" -ge 1
mape up
check "up: exit status" "$status" -eq 0
check "up: said" "$(echo "$said" | grep -c 'forward web: published at ')" -eq 1
check "up: scripts" "$(grep -cx 'iface ifup wan mape-wan :' /tmp/called)" -eq 1
web=$(port_of web)
check_called "up" "mape published wan web tcp udp $LINE_IPV4:$web"
check "web: $web is one of the set" "$(line_ports | grep -cx "$web")" -eq 1
everywhere web "$web"
mape status
check "status: has it" "$(echo "$said" | grep -c "forward .* $LINE_IPV4:$web -> 192.168.1.12:7000, published")" -eq 1
check "doctor: has it" "$(doctored servers)" = true

# To the machine itself, by the command.
mape forward add 192.168.1.1:7001 --name self
check "self: exit status" "$status" -eq 0
everywhere self "$(port_of self)"
free=$(line_ports | grep -vx -e "$web" -e "$(port_of self)" | head -n 1)
mape forward add 192.168.1.12:7000 --name named --port "$free"
everywhere named "$free"
mape forward remove named
answered "named is gone" srv "$free" false
mape forward add 192.168.1.12:7000 --port 80
check "a port outside the set: exit status" "$status" -eq 2
check "the user's comment stays" "$(grep -c "^# The LAN's servers" "$FORWARDS")" -eq 1

# No outgoing connection gets a published port.
measure_ports 20 $((LINE_COUNT - 2))
expect "ports left" outside_ports -eq $((LINE_COUNT - 2))

# The machine's own firewall.
on cpe nft 'add table inet own; add chain inet own forward { type filter hook forward priority 0; policy drop; }'
check "a chain that drops: servers" "$(doctored servers)" = false
answered "a chain that drops" srv "$web" false
advice=$(on cpe mape-proto doctor | sed -n 's/.*nft \(insert rule .* ct status dnat accept\).*/\1/p' | head -n 1)
on cpe nft "$advice"
on cpe nft 'add rule inet own forward ct state established,related accept'
check "a chain with the rule of doctor: servers" "$(doctored servers)" = true
answered "a chain with the rule of doctor" srv "$web" true
on cpe nft delete table inet own

# `watch` follows the file.
linux_watch
linux_wait 20 grep -q ' up, ' "$WATCH_LOG" || cat "$WATCH_LOG"
answered "watch" srv "$web" true
check "connections to lan2" "$(kept 192.168.1.12)" -ge 1
sed -i 's/192\.168\.1\.12/192.168.1.13/' "$FORWARDS"
linux_wait 10 leads_to web 192.168.1.13 || :
check "another host: the same port" "$(port_of web)" -eq "$web"
check "another host: connections to the old one" "$(kept 192.168.1.12)" -eq 0
everywhere "another host" "$web"
printf 'forward bad\n\tdest_ip 192.168.1\n' >>"$FORWARDS"
linux_wait 10 grep -q 'forward bad: refused, .*line [0-9]*: ' "$WATCH_LOG" || cat "$WATCH_LOG"
check "a wrong line: said" "$(grep -c 'forward bad: refused, .*line [0-9]*: the option dest_ip cannot be' "$WATCH_LOG")" -eq 1
everywhere "a wrong line" "$web"
rm -f /tmp/called
is_withdrawn() {
	grep -q 'forward web: withdrawn' "$WATCH_LOG"
}
mv "$FORWARDS" /tmp/forwards
linux_wait 10 is_withdrawn || cat "$WATCH_LOG"
answered "no file" srv "$web" false
check_called "no file" "mape withdrawn wan web tcp udp $web :"
check "no file: connections" "$(kept 192.168.1.13)" -eq 0
mv /tmp/forwards "$FORWARDS"
linux_wait 10 leads_to web 192.168.1.13 || :
check "the file is back: the same port" "$(port_of web)" -eq "$web"
everywhere "the file is back" "$web"
linux_right "watch"
linux_traffic "watch"

# A script that hangs is killed after its time, and the line is looked after.
printf '#!/bin/sh\nexec sleep 600\n' >"$SCRIPTS/20-hangs"
chmod +x "$SCRIPTS/20-hangs"
is_up() {
	on cpe ip link show up mape-wan && on cpe mape-proto status | grep -q '^wan: up'
}
for round in 1 2; do
	on cpe ip link delete mape-wan
	linux_wait 30 is_up || cat "$WATCH_LOG"
	linux_right "a script that hangs, $round"
done
check "a script that hangs: the other one" "$(grep -cx 'iface ifup wan mape-wan :' /tmp/called)" -eq 2
check "a script that hangs: said" "$(grep -c '20-hangs did not end within 10 seconds and was killed' "$WATCH_LOG")" -ge 1
rm "$SCRIPTS/20-hangs"
linux_watch_stop

# `down` closes the ports, and the next `up` opens the same ones.
rm -f /tmp/called
mape down
check_called "down" "iface ifdown wan mape-wan :"
check "down: rules" "$(on cpe nft list ruleset | grep -c '192.168.1.13' || :)" -eq 0
answered "down" srv "$web" false
mape up
check "up again: the same port" "$(port_of web)" -eq "$web"
everywhere "up again" "$web"
rm "$FORWARDS"
mape up
mape down
no_violation "all of it"
linux_state >/tmp/after
linux_same "down" /tmp/before /tmp/after
check_finish
