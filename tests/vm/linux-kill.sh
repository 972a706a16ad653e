#!/bin/sh
# kill -9 before and after every call of another program, in `up`, in `down` and when the prefix has
# changed: the next `up` ends in the right state, and `down` leaves the machine as it was.
# Arguments: before, half (in the middle of what ip is to do), after; all by default.
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

# Programs that kill their caller at call number KILL_AT: before it is done, after it, or (half;
# then only calls of `ip -batch` count) when its first line is done.
killers() {
	mkdir -p /tmp/kill
	for program in ip nft; do
		cat >"/tmp/kill/$program" <<-EOF
			#!/bin/sh
			PATH=\${PATH#*:}
			case "\$KILL_WHEN \$1" in
			before*|after*|'half -batch') ;;
			*) exec $program "\$@" ;;
			esac
			count=\$((\$(cat /tmp/kill/count) + 1))
			echo \$count >/tmp/kill/count
			[ "\$count" -eq "\$KILL_AT" ] || exec $program "\$@"
			case "\$KILL_WHEN" in
			half) head -n 1 | $program -batch - ;;
			after) $program "\$@" || : ;;
			esac
			kill -9 \$PPID
		EOF
		chmod +x "/tmp/kill/$program"
	done
}

# killed AT WHEN WORD: whether the call came to its end first.
killed() {
	echo 0 >/tmp/kill/count
	killed_status=0
	on cpe env "KILL_AT=$1" "KILL_WHEN=$2" "PATH=/tmp/kill:$PATH" mape-proto "$3" \
		>/tmp/kill/said 2>&1 || killed_status=$?
	[ "$killed_status" -eq 137 ]
}

# The line is complete; in few words, since it is asked often.
right() {
	mape up >/dev/null
	right=$(on cpe mape-proto status 2>&1 | head -n 1)
	right_ce=$(on cpe ip -6 address show dev eth0 | grep -c '/128')
	right_routes=$(on cpe ip -4 route show default dev mape-wan | wc -l)
	if [ "$status $right_ce $right_routes ${right%%,*}" != "0 1 1 wan: up" ]; then
		check "$1: $status $right_ce $right_routes $right" wrong = right
		on cpe mape-proto status || :
	fi
	points=$((points + 1))
}

# clean TEXT: down, and everything is as before.
clean() {
	mape down >/dev/null
	linux_state >/tmp/after
	cmp -s /tmp/before /tmp/after || linux_same "$1" /tmp/before /tmp/after
}

# each_point TEXT PREPARE WORD: kills WORD at each of its calls in turn; PREPARE goes before.
each_point() {
	points=0
	calls=0
	for when in $whens; do
		# Undisturbed, to know how many calls there are.
		$2
		killed 0 "$when" "$3" || :
		calls=$((calls + $(cat /tmp/kill/count)))
		at=1
		while :; do
			$2
			killed "$at" "$when" "$3" || break
			right "$1, killed $when call $at"
			# Every other time from a clean machine, otherwise from the state that the
			# kill has left.
			[ $((at % 2)) -eq 0 ] || clean "$1, killed $when call $at, down"
			at=$((at + 1))
		done
	done
	check "$1: calls" "$calls" -gt 5
	check "$1: kills" "$points" -eq "$calls"
}

from_nothing() {
	on cpe mape-proto down >/dev/null
}

from_up() {
	on cpe mape-proto up >/dev/null
}

# The other line's numbers are up, and the prefix is this one's.
from_another() {
	on cpe mape-proto up --config /tmp/another.conf >/dev/null
}

# Not at a call: in its own work too, such as writing its files. Whenever that is, the end is the
# same.
any_moment() {
	for moment in 05 1 15 2 3 4 6 8; do
		for word in up down; do
			ip netns exec "$LAB_NS-cpe" mape-proto "$word" >/dev/null 2>&1 &
			sleep "0.$moment"
			kill -9 $! 2>/dev/null || :
			wait $! 2>/dev/null || :
			right "$word killed after 0.$moment s"
		done
		clean "killed after 0.$moment s, down"
	done
}

uname -r
whens=${*:-before half after}
trap 'linux_silence; topology_down' EXIT
linux_v6plus eth0
linux_state >/tmp/before
killers
echo 'prefix 2400:4050:80ba:2200::/56' >/tmp/another.conf
timed each_point "from nothing" from_nothing up
timed each_point "down" from_up down
timed each_point "another prefix" from_another up
timed any_moment
mape up
linux_right "at last"
linux_traffic "at last"
clean "at last, down"
linux_same "at last, down" /tmp/before /tmp/after

# Files of a call that was killed, half of a journal, and none at all.
mape up
head -c 40 "$STATE_DIR/wan.linux" >/tmp/half
cp /tmp/half "$STATE_DIR/wan.linux"
mape up
linux_right "half a journal"
rm -rf "$STATE_DIR"
mape up
linux_right "no journal"
# Nothing proves that the CE address is ours now, so it stays. All else goes.
mape down >/dev/null
check "no journal, down: CE addresses that stay" "$(on cpe ip -6 address show dev eth0 | grep -c "$LINE_CE/128")" -eq 1
on cpe ip -6 address del "$LINE_CE/128" dev eth0
linux_state >/tmp/after
linux_same "no journal, down, address deleted" /tmp/before /tmp/after
check_finish
