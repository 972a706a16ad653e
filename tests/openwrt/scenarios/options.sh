# shellcheck shell=sh
# shellcheck disable=SC2154
# Each option that cannot be: its code in ifstatus, one log line, no busy loop, and the line that
# works stays up.

# bad_lines; bad_said: log lines with the code that is expected, in all; whether there is a new one.
bad_lines() {
	router_log | grep -c "$bad_code" || :
}

bad_said() {
	[ "$(bad_lines)" -gt "$bad_before" ]
}

# bad CODE OPTION...
bad() {
	# Every OPTION_STEPth, where there is little time.
	bad_count=$((${bad_count:-0} + 1))
	[ $((bad_count % ${OPTION_STEP:-1})) -eq 0 ] || return 0
	bad_code=$1
	shift
	bad_before=$(bad_lines)
	reconfigure "option proto 'mape'" "$@"
	# ifstatus may still say it of the options before.
	within 10 "$*: log" bad_said
	within 10 "$*: $bad_code" wan_says "$bad_code"
	within 10 "$*: stays up" wan_has "$LINE_IPV4"
	sleep 2
	check "$*: log lines" $(($(bad_lines) - bad_before)) -eq 1
	bad_calls=$(setups)
	sleep 3
	check "$*: calls in 3 s" $(($(setups) - bad_calls)) -le 1
}

line_working v6plus
settle
bad MAPE_OPTION_INVALID "option mtu 'large'"
bad MAPE_MTU_TOO_SMALL "option mtu '1279'"
bad MAPE_OPTION_INVALID "option mtu '65536'"
bad MAPE_OPTION_INVALID "option ttl '256'"
bad MAPE_OPTION_INVALID "option ttl '-1'"
bad MAPE_OPTION_INVALID "option encaplimit '256'"
bad MAPE_OPTION_INVALID "option edge 'sharp'"
bad MAPE_OPTION_INVALID "option layout 'draft04'"
bad MAPE_OPTION_INVALID "option provider 'unknown'"
bad MAPE_OPTION_INVALID "option type 'map-t'"
bad MAPE_OPTION_INVALID "option legacymap 'perhaps'"
bad MAPE_OPTION_INVALID "option full_cone '2'"
bad MAPE_OPTION_INVALID "option time_wait 'long'"
bad MAPE_OPTION_INVALID "option upnp_ports '-1'"
bad MAPE_OPTION_INVALID "option provisioning 'yes'"
bad MAPE_OPTION_INVALID "list reserved_ports '65536'"
bad MAPE_OPTION_INVALID "list reserved_ports '9-8'"
bad MAPE_OPTION_INVALID "option rule 'nonsense'"
bad MAPE_OPTION_INVALID "option peeraddr 'relay.example'" "option ip6prefix '240b:10::'" \
	"option ip6prefixlen '31'" "option ipaddr '106.72.0.0'" "option ip4prefixlen '15'" "option ealen '25'"
bad MAPE_OPTION_INVALID "option offset '17'" "option peeraddr '2404:9200:225:100::64'" \
	"option ip6prefix '240b:10::'" "option ip6prefixlen '31'" "option ipaddr '106.72.0.0'" \
	"option ip4prefixlen '15'" "option ealen '25'"
bad MAPE_RULE_INCONSISTENT "option peeraddr '2404:9200:225:100::64'" "option ip6prefix '240b:10::'" \
	"option ip6prefixlen '31'" "option ipaddr '106.72.0.0'" "option ip4prefixlen '15'" \
	"option ealen '25'" "option psidlen '9'"
bad MAPE_RULE_INCONSISTENT "option provider 'v6plus-static'" "option ipaddr '0.0.0.0'" \
	"option peeraddr '2404:9200:225:100::65'"
bad MAPE_RULE_INCONSISTENT "option provider 'v6plus-static'" "option ipaddr '203.0.113.80/29'" \
	"option nat_address '203.0.113.88'" "option peeraddr '2404:9200:225:100::65'"
bad MAPE_OPTION_INVALID "option provider 'transix-static'" "option ipaddr '203.0.113.80'" \
	"option interface_id 'feed'" "option peeraddr '2404:9200:225:100::65'"
bad MAPE_OPTION_INVALID "option provider 'ocn-static'" "option ipaddr '203.0.113.80'" \
	"option peeraddr '2404:9200:225:100::65'" "option update_user 'u'" "option update_password 'p'" \
	"option update_url 'http://vne.example.jp/'" "option update_auth 'digest'"
bad MAPE_TUNLINK_UNKNOWN "option tunlink 'nowhere'"
# Possible, but not on this line.
bad MAPE_NO_IPV6_YET "option tunlink 'loopback'"
bad MAPE_PREFIX_NOT_IN_RULES "option rule 'ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1'"
bad MAPE_PREFIX_NOT_IN_RULES "option provider 'ocn'"
# And the good ones again.
reconfigure
within 15 "good again" opened
# The line works until netifd takes it down.
no_error() { ! wan_says MAPE_; }
within 15 "good again: no error" no_error
check "good again: errors" "$(if_status wan | grep -c MAPE_ || :)" -eq 0
within 15 "good again: up" wan_has "$LINE_IPV4"
no_violation "options"
