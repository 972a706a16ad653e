# shellcheck shell=sh
# Variables are shared with plane.sh and the script; arguments are optional:
# shellcheck disable=SC2034,SC2154,SC2119,SC2120
# The loader and what it reads. Source it after plane.sh.

STATE=$(mktemp -d)

# The rules of the two lines, as netifd's handler would have left them.
state_rule() {
	case $plane_name in
	v6plus) echo ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,offset=4,psidlen=8,br=2404:9200:225:100::64,layout=draft03 ;;
	ocn) echo ipv6=2400:4050:8000::/33,ipv4=153.242.0.0/15,ea=23,offset=6,psidlen=6,br=2001:380:a120::9,layout=draft03 ;;
	esac
}

# state_write EDGE [RESERVED]
state_write() {
	cat >"$STATE/wan.json" <<-EOF2
		{"schema":1,"interface":"wan","device":"mape-wan","prefix":"$LINE_PREFIX","rule":"$(state_rule)","mtu":1460,"reserved":"${2:-}","edge":"$1"}
	EOF2
}

# loader [OPTION...]: sets `said`, and `loader_status`.
loader() {
	loader_status=0
	said=$(on cpe mape-proto firewall --state-dir "$STATE" "$@" 2>&1) || loader_status=$?
	echo "$said"
}

# says TEXT WORDS: in what the loader printed.
says() {
	check "$plane_name $1: lines of the loader with '$2'" "$(echo "$said" | grep -c "$2")" -gt 0
}
