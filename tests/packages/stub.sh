#!/bin/sh
# Stands in for a router's programs: writes each call down in /called, and answers what packages ask.
# Linked as uci, ubus, nft, ifdown and firewall.

name=${0##*/}
echo "$name $*" >>/called

# Sections without lists, as `uci show` prints them.
show() {
	awk -v package="$1" '
		$1 == "config" { section = $3; gsub("\047", "", section); type = $2; gsub("\047", "", type)
			print package "." section "=" type }
		$1 == "option" { value = $0; sub(/^[ \t]*option [^ ]+ /, "", value); print package "." section "." $2 "=" value }
	' "/etc/config/$1"
}

# set PACKAGE.SECTION[.OPTION]=VALUE
change() {
	path=${1%%=*} value=${1#*=}
	package=${path%%.*} rest=${path#*.}
	section=${rest%%.*}
	if [ "$rest" = "$section" ]; then
		remove "$package" "$section"
		printf "\nconfig %s '%s'\n" "$value" "$section" >>"/etc/config/$package"
	else
		# It is the last section, because it was set just before.
		printf "\toption %s '%s'\n" "${rest#*.}" "$value" >>"/etc/config/$package"
	fi
}

# Takes a section away; 1 where there is none.
remove() {
	grep -q "^config [^ ]* '$2'" "/etc/config/$1" || return 1
	awk -v section="'$2'" '$1 == "config" { gone = ($3 == section) } !gone' "/etc/config/$1" >/tmp/uci
	cp /tmp/uci "/etc/config/$1"
	rm /tmp/uci
}

case "$name $*" in
'uci -q batch')
	while read -r word rest; do
		[ "$word" != set ] || change "$rest"
	done
	;;
'uci -q delete '*)
	path=$3
	remove "${path%%.*}" "${path#*.}"
	;;
'uci -q show '*) show "$3" ;;
'ubus call network get_proto_handlers') cat /handlers ;;
'ubus call network.interface.'*) [ -e /down ] && echo '"up": false' || echo '"up": true' ;;
'ifdown '*) touch /down ;;
'nft list tables') cat /tables ;;
esac
