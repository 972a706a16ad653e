#!/bin/sh
# Stands in for a router's programs: writes each call down in /called, and answers what packages
# ask. Linked as uci, ubus, nft, ifdown, service and others.

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
	remove "$package" "$rest" || :
	if [ "$rest" = "$section" ]; then
		printf "\nconfig %s '%s'\n" "$value" "$section" >>"/etc/config/$package"
	else
		awk -v section="'$section'" -v line="	option ${rest#*.} '$value'" '
			{ print } $1 == "config" && $3 == section { print line }' "/etc/config/$package" >/tmp/uci
		cat /tmp/uci >"/etc/config/$package"
		rm /tmp/uci
	fi
}

# remove PACKAGE SECTION[.OPTION]: takes it away; 1 where there is none.
remove() {
	awk -v section="'${2%%.*}'" -v option="${2#*.}" -v whole="$2" '
		$1 == "config" { here = ($3 == section) }
		here && (index(whole, ".") ? $1 == "option" && $2 == option : 1) { found = 1; next }
		{ print }
		END { exit !found }' "/etc/config/$1" >/tmp/uci || { rm /tmp/uci; return 1; }
	cat /tmp/uci >"/etc/config/$1"
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
'uci set '*) change "$2" ;;
'uci -q show '*) show "$3" ;;
'ubus call network get_proto_handlers') cat /handlers ;;
'ubus call network.interface.'*) [ -e /down ] && echo '"up": false' || echo '"up": true' ;;
'ifdown '*) touch /down ;;
'nft list tables') cat /tables ;;
'logger -t mape-rs') cat >/tmp/log ;;
esac
