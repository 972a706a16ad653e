# shellcheck shell=sh
# The provisioning server: lighttpd with a certificate of a private authority. Source it after
# provider.sh.
#
# The caller sets WEB (the server's address), WORK (a directory, which is the working directory of
# `certificates`); `first` and `second` set the line and the rule of the answer.
# shellcheck disable=SC2034,SC2154

# Numbers that no provider uses. A rule of 2600:10::/32 with 24 EA bits takes 0x3261 and 0x64 of it.
LINE_PREFIX=2600:10:3261:6400::/56
LINE_PSID=100 LINE_A=4 LINE_K=8

# The line of the first answer.
first() {
	LINE_IPV4=106.80.50.97 LINE_CE=2600:10:3261:6400:6a:5032:6100:6400 LINE_BR=2600:10:ffff::64
	rule=106.80.0.0/16
}

# The line of another answer, with the same prefix.
second() {
	LINE_IPV4=106.81.50.97 LINE_CE=2600:10:3261:6400:6a:5132:6100:6400 LINE_BR=2600:10:ffff::65
	rule=106.81.0.0/16
}

# What the server answers, from now on.
answer() {
	cat >"$WORK/www/rule.cgi" <<-EOF
		{"enabler_name": "lab", "service_name": "v6", "ttl": 60, "order": ["map_e"],
		"map_e": {"version": 0, "mesh": false, "br": "$LINE_BR", "rules": [
		{"ipv6": "2600:10::/32", "ipv4": "$rule", "ea_length": "24", "psid_offset": 4}]}}
	EOF
}

certificates() {
	for ca in ours others; do
		printf '[req]\ndistinguished_name=dn\n[dn]\n[v3]\nbasicConstraints=critical,CA:TRUE\n' >$ca.cnf
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 \
			-config $ca.cnf -extensions v3 -subj "/CN=$ca" -keyout $ca.key -out $ca.pem 2>/dev/null
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config $ca.cnf \
			-subj /CN=vne.example.jp -keyout web.key -out web.csr 2>/dev/null
		echo 'subjectAltName=DNS:vne.example.jp' >san
		openssl x509 -req -in web.csr -CA $ca.pem -CAkey $ca.key -CAcreateserial -days 9 \
			-extfile san -out web.pem 2>/dev/null
		cat web.key web.pem >server-$ca.pem
	done
}

# https_start CA [FORMAT]: the server with a certificate by this authority, and a log of this format
# (the request alone).
https_start() {
	cat >"$WORK/web.conf" <<-EOF
		server.modules = ("mod_openssl", "mod_accesslog")
		server.document-root = "$WORK/www"
		server.bind = "[$WEB]"
		server.port = 443
		server.use-ipv6 = "enable"
		server.errorlog = "$WORK/web-error.log"
		ssl.engine = "enable"
		ssl.pemfile = "$WORK/server-$1.pem"
		accesslog.filename = "$WORK/web.log"
		accesslog.format = "${2:-%r}"
	EOF
	ip netns exec "$LAB_NS-br" lighttpd -D -f "$WORK/web.conf" &
	web_process=$!
	wait_for 60 on br grep -q ':01BB .* 0A ' /proc/net/tcp6
}

requests() {
	[ -e "$WORK/web.log" ] && wc -l <"$WORK/web.log" || echo 0
}

# The server writes its log when it has time.
asked() {
	grep -qxF "$1" "$WORK/web.log"
}
