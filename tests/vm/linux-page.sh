#!/bin/sh
# Every command of docs/apu2-alpine.md, in its order, on a machine that has only what Alpine has:
# busybox, iproute2, nft, OpenRC (Debian's). `apk`, `setup-apkcache` and `lbu` are stand-ins. A
# package is what the APKBUILD's package step has made; apk wants its key, keeps it in a cache if
# there is one, and runs its scripts. lbu puts /etc on the disk, where the cache is too
# (/media/usb). There the first half ends; the second ("again") is run when the machine has booted,
# with that /etc and that cache and nothing else.
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

# blocks LANGUAGE: the text of the page's blocks in it, each after a line "==".
blocks() {
	awk -v fence="\`\`\`$1" '/^```/ { if (inside) inside = 0; else if ($0 == fence) { inside = 1; print "=="; next } }
		inside' page.md
}

stand_ins() {
	mkdir -p /tmp/bin
	cat >/tmp/bin/apk <<-'EOF2'
		#!/bin/sh -e
		case $1 in
		add)
			[ -e /etc/apk/keys/mape-rs.rsa.pub ] || { echo "$2: UNTRUSTED signature" >&2; exit 99; }
			tar -C / -xf "$2"
			if grep -qx mape-rs /etc/apk/world; then
				/scripts/.post-upgrade
			else
				echo mape-rs >>/etc/apk/world
			fi
			[ ! -e /etc/apk/cache ] || cp "$2" /etc/apk/cache/
			;;
		del)
			for script in /scripts/.pre-deinstall; do
				[ ! -e "$script" ] || "$script"
			done
			cd /package && find . -type f | while read -r file; do rm "/$file"; done
			sed -i "/^$2\$/d" /etc/apk/world
			;;
		esac
	EOF2
	cat >/tmp/bin/setup-apkcache <<-'EOF2'
		#!/bin/sh -e
		mkdir -p "$1"
		ln -s "$1" /etc/apk/cache
	EOF2
	cat >/tmp/bin/lbu <<-'EOF2'
		#!/bin/sh -e
		mkdir -p /keep/page
		tar -C / -cf /keep/page/etc.tar etc
	EOF2
	chmod +x /tmp/bin/*
	# The boot medium, and what the reader has copied to the machine.
	mkdir -p /keep/page/usb /media /etc/apk/keys
	ln -sfn /keep/page/usb /media/usb
	page=$PWD
	(cd /package && tar -cf "$page/mape-rs.apk" -- *)
	: >mape-rs.rsa.pub
	# Alpine's iproute2 takes the place of busybox's `ip`; OpenRC looks into /bin first.
	rm -f /bin/ip
	PATH=/tmp/bin:$PATH
}

# OpenRC as after a boot of an installed system.
openrc_boot() {
	for directory in exclusive daemons failed hotplugged inactive options scheduled started starting \
		stopping tmp wasinactive; do
		mkdir -p "/run/openrc/$directory"
	done
	touch /run/openrc/softlevel
	mkdir -p /var/log /etc/runlevels/default /etc/sysctl.d /etc/network/if-pre-up.d /etc/network/if-up.d \
		/etc/network/if-down.d /etc/network/if-post-down.d
}

is_up() {
	on cpe mape-proto status | grep -q '^wan: up'
}

# The processes that watch.
watchers() {
	for process in /proc/[0-9]*; do
		case $(tr '\0' ' ' 2>/dev/null <"$process/cmdline") in
		'/usr/sbin/mape-proto watch '*) echo "${process#/proc/}" ;;
		esac
	done
}

# How many of these processes there are.
watching() {
	watchers | wc -l
}

# The process that has watched runs the file of the new package.
is_new() {
	[ "$(readlink "/proc/$watcher/exe")" = /usr/sbin/mape-proto ]
}

tunnel() {
	on cpe cat /sys/class/net/mape-wan/ifindex
}

# What has to be true before a command is run, as a reader sees it on the screen.
before() {
	case $1 in
	'mape-proto status') linux_wait 30 is_up || : ;;
	'apk add'*)
		watcher=$(watchers)
		index=$([ -z "$watcher" ] || tunnel)
		;;
	# The service runs when it is removed from the runlevel.
	'rc-update del'*)
		on cpe rc-service mape-rs start
		linux_wait 30 is_up || :
		check "before it is taken off: watch" "$(watching)" -eq 1
		;;
	ping*) linux_wait 20 on cpe ping -c 1 -W 1 "$SERVER" || : ;;
	esac
}

# The commands behind number $commands, to the end or to the one that keeps what is in /etc.
run_page() {
	blocks sh | grep -v '^==' | tail -n "+$((commands + 1))" >/tmp/commands
	while read -r command <&3; do
		printf '$ %s\n' "$command"
		before "$command"
		code=0
		on cpe sh -c "$command" 3<&- || code=$?
		check "exit status" "$code" -eq 0
		commands=$((commands + 1))
		case $command in
		'apk add'*)
			[ -n "$watcher" ] || continue
			linux_wait 30 is_new || cat /var/log/mape-rs.log
			linux_wait 30 is_up || cat /var/log/mape-rs.log
			check "upgraded: program" "$(readlink "/proc/$watcher/exe")" = /usr/sbin/mape-proto
			check "upgraded: process" "$(watchers)" = "$watcher"
			linux_right "upgraded"
			check "upgraded: the same tunnel" "$(tunnel)" -eq "$index"
			;;
		'rc-service mape-rs start')
			linux_wait 30 is_up || cat /var/log/mape-rs.log
			linux_right "the service"
			linux_traffic "the service"
			;;
		'mape-proto up --dry-run') check "dry run: nothing is changed" "$(on cpe ip link show type ip6tnl | grep -c mape-wan)" -eq 1 ;;
		'rc-service mape-rs restart')
			linux_wait 30 is_up || cat /var/log/mape-rs.log
			check "input chain" "$(on cpe nft list chain inet filter input | grep -c 'mape-rs wan')" -eq 1
			;;
		'mape-proto forward list')
			port=$(on cpe mape-proto forward list | sed -n "s/^minecraft .* $LINE_IPV4:\([0-9]*\) -> .*/\1/p")
			check "forwards: $port is one of the set" "$(line_ports | grep -cx "$port")" -eq 1
			local_serve lan2 25565,443
			for open in "$port" 5696; do
				traffic srv probe --protocol tcp --to "$LINE_IPV4:$open" --wait 10
				expect "forwards: port $open" answered = true
			done
			local_stop
			;;
		'rc-service mape-rs stop')
			check "stopped: tunnels" "$(on cpe ip -o link show type ip6tnl | grep -c mape-wan || :)" -eq 0
			check "stopped: input chain" "$(on cpe nft list chain inet filter input | grep -c 'mape-rs wan' || :)" -eq 0
			;;
		'apk del'*)
			check "taken off: tunnels" "$(on cpe ip -o link show type ip6tnl | grep -c mape-wan || :)" -eq 0
			check "taken off: watch" "$(watching)" -eq 0
			;;
		'ping'*) no_violation ping ;;
		'lbu commit') return ;;
		esac
	done 3</tmp/commands
}

# The machine's own boot: what diskless Alpine unpacks, then its runlevels boot and default.
boot() {
	rm mape-rs.apk mape-rs.rsa.pub
	tar -C / -xf /keep/page/etc.tar
	while read -r package; do
		check "kept: key of $package" "$(find /etc/apk/keys -name "$package.*" | wc -l)" -eq 1
		tar -C / -xf "/etc/apk/cache/$package.apk"
	done </etc/apk/world
	# A file that was changed is not replaced by the package's.
	tar -C / -xf /keep/page/etc.tar
	on cpe sh -c 'cat /etc/sysctl.d/*.conf | sysctl -p -' >/dev/null
	on cpe ifup -a
	linux_wait 20 linux_has_prefix 240b:10:3261:6400
	for service in /etc/runlevels/default/*; do
		on cpe rc-service "${service##*/}" start
	done
	linux_wait 30 is_up || cat /var/log/mape-rs.log
	linux_right "after a boot"
	linux_traffic "after a boot"
}

# A firewall that drops, and the page's text block about it.
firewall() {
	on cpe nft -f - <<-'EOF2'
		table inet filter {
			chain input {
				type filter hook input priority filter; policy drop;
				ct state established,related accept
				icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
			}
		}
	EOF2
	blocks text | grep -e input_chain >>/etc/mape-rs.conf
}

uname -r
# What other scripts in this machine find again.
finish() {
	on cpe rc-service mape-rs stop >/dev/null 2>&1 || :
	local_stop
	linux_silence
	topology_down
	mv /tmp/kept /usr/sbin/mape-proto
	rm -rf /etc/apk /media/usb /etc/network /etc/sysctl.d /etc/mape-rs /etc/mape-rs.conf /etc/mape-rs.forwards /var/lib/mape-rs /etc/init.d /etc/runlevels \
		/run/openrc /var/run/ifstate /var/run/mape-rs /var/run/*.pid
}
trap finish EXIT
mv /usr/sbin/mape-proto /tmp/kept
stand_ins
openrc_boot
line_v6plus
topology_up
serve_start
linux_uplink eth0
on cpe ip link set eth0 down
on cpe sysctl -qw net.ipv6.conf.eth0.accept_ra=1 net.ipv4.ip_forward=0
linux_relay
linux_advertise 240b:10:3261:6400::/64 14400
commands=0
if [ "${1-}" = again ]; then
	check "another boot" "$(cat /proc/sys/kernel/random/boot_id)" != "$(cat /keep/page/boot)"
	commands=$(cat /keep/page/commands)
	timed boot
	firewall
	timed run_page
	check "commands on the page" "$commands" -eq "$(blocks sh | grep -vc '^==')"
	check "commands on the page" "$commands" -ge 20
	check "left: programs and files" "$(find / -xdev -path /package -prune -o \( -path '*mape*' -a -type f \) -print | grep -vc -e ^/proc -e ^/sys -e '^/tmp/' -e ^/keep/ -e ^/s6/ -e ^/systemd/ -e /lab/ -e /var/log/ -e '/etc/mape-rs.conf' || :)" -eq 0
else
	# The page's first text block.
	blocks text | sed -n '2,/^==/p' | grep -v '^==' >/etc/network/interfaces
	on cpe ifup eth0
	linux_wait 20 linux_has_prefix 240b:10:3261:6400
	timed run_page
	check "kept" "$(tar -tf /keep/page/etc.tar | grep -c -x -e etc/runlevels/default/mape-rs -e etc/mape-rs.conf -e etc/sysctl.d/mape-rs.conf -e etc/network/interfaces)" -eq 4
	echo "$commands" >/keep/page/commands
	cat /proc/sys/kernel/random/boot_id >/keep/page/boot
fi
check_finish
