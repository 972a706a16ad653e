#!/bin/sh
# In the place of mape-proto: what a test has put down for this command, or else the program itself.
world=/tmp/lab/fixture/world
case " $* " in
*' --dry-run '*)
	[ ! -d "$world" ] || exec /usr/sbin/mape-proto.real "$@" --nft-program=true "--root=$world/root" \
		"--state-dir=$world/state" "--device-dir=$world/sys" "--recorded=$world/recorded"
	exec /usr/sbin/mape-proto.real "$@"
	;;
esac
answer=/tmp/lab/fixture/$1
case " $* " in *' --masked '*) answer=$answer.masked ;; esac
case " $* " in *' --ranges '*) answer=$answer.ranges ;; esac
case " $* " in *' --history '*) answer=$answer.history ;; esac
[ -f "$answer" ] || exec /usr/sbin/mape-proto.real "$@"
cat "$answer"
[ ! -f "$answer.status" ] || exit "$(cat "$answer.status")"
