# shellcheck shell=sh
# The provider's DNS server: dnsmasq. Source it after topology.sh.
#
# The caller sets DNS and WEB (the servers' addresses) and WORK (a directory).
# shellcheck disable=SC2154

dns_start() {
	touch "$WORK/dns.log"
	dns_starts=$(dns_ready)
	ip netns exec "$LAB_NS-br" dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --group= \
		--no-resolv --no-hosts --bind-interfaces --listen-address="$DNS" --log-queries \
		--log-facility="$WORK/dns.log" --local=/info/ --local=/jp/ \
		--host-record="vne.example.jp,$WEB" "$@" &
	dns_process=$!
	wait_for 60 sh -c "[ \"\$(grep -c 'cleared cache' $WORK/dns.log)\" -gt $dns_starts ]"
}

# How often it was ready.
dns_ready() {
	grep -c 'cleared cache' "$WORK/dns.log" || :
}

dns_stop() {
	kill "$dns_process"
	wait "$dns_process" 2>/dev/null || :
}
