# shellcheck shell=sh
# The update server of a fixed-IPv4 contract: lighttpd that checks user and password. Source it
# after provider.sh. The caller sets WEB (the server's address), WORK (a directory) and ASKED (the
# query that is right).
# shellcheck disable=SC2034,SC2154

# web_start QUERY: a server that answers this query with 200, and any other with 403.
web_start() {
	echo OK >"$WORK/www/update"
	cat >"$WORK/web.conf" <<-EOF
		server.modules = ("mod_access", "mod_accesslog")
		server.document-root = "$WORK/www"
		server.bind = "[$WEB]"
		server.port = 80
		server.use-ipv6 = "enable"
		server.errorlog = "$WORK/web-error.log"
		\$HTTP["querystring"] != "$1" { url.access-deny = ("") }
		accesslog.filename = "$WORK/web.log"
		accesslog.format = "%h %{Host}i %>s %r"
	EOF
	: >"$WORK/web.log"
	ip netns exec "$LAB_NS-br" lighttpd -D -f "$WORK/web.conf" &
	web_process=$!
	wait_for 60 on br grep -q ':0050 .* 0A ' /proc/net/tcp6
}

# count_updates ADDRESS...: counts what the update server gets, and what of it is from another
# address than these.
count_updates() {
	on br nft -f - <<-EOF
		table inet sent {
			counter seen { }
			counter stray { }
			set right {
				type ipv6_addr
				elements = { $(echo "$*" | tr ' ' ',') }
			}
			chain input {
				type filter hook input priority 0;
				iifname cpe tcp dport 80 counter name seen
				iifname cpe tcp dport 80 ip6 saddr != @right counter name stray
			}
		}
	EOF
}

updates_astray() {
	on br nft -j list counter inet sent stray | sed 's/.*"packets": \([0-9]*\).*/\1/'
}

# updates CE STATUS SERVER: prints the number of such requests in the server's log.
updates() {
	grep -cF "$1 $3 $2 GET /update?$ASKED HTTP/1.0" "$WORK/web.log" || :
}
