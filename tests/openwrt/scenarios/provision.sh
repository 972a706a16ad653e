# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # read by what is sourced
# Provisioning by the root's own `uclient-fetch` and TLS library, under its own procd: without any
# authority, with the one of `provisioning_ca`, with a bundle as the package ca-bundle installs it,
# with another authority's bundle, and after a boot whose clock stands in 1970. Wants
# `uclient-fetch` with `libustream-ssl` in the root, and no `curl`.

for provision_file in bin/uclient-fetch usr/lib/libustream-ssl.so; do
	if ! ls "$ROOT/$provision_file"* >/dev/null 2>&1 && ! ls "$ROOT/lib/${provision_file##*/}"* >/dev/null 2>&1; then
		echo "FAIL  the root has no /$provision_file"
		exit 77
	fi
done
check "no curl in the root" "$(router sh -c 'command -v curl' || :)" = ""

# That of labwan.sh.
DNS=2404:1a8:7f01:a::3
WEB=2600:10:ffff::443
WORK=/tmp/provision
rm -rf "$WORK"
mkdir -p "$WORK/www"
# shellcheck source=/dev/null
. ../dns.sh
# shellcheck source=/dev/null
. ../https.sh
(cd "$WORK" && certificates)

# provision_boot [OPTION...]: boots with what the flash holds, and the interface as given.
provision_boot() {
	router_boot "option proto 'mape'" "option provisioning 'hb46pp'" "$@"
	echo "nameserver $DNS" | router_write /tmp/resolv.conf
	cp "$WORK/ours.pem" "$ROOT/tmp/lab/ours.pem"
	uplink_ra
}

provision_end() {
	router_kill
	for link in lan1 lan2 lan3 lan4 wan; do ip link set "$link" down; done
	rm -rf "$ROOT/etc/ssl" "$ROOT/etc/mape-rs"
}

# bundle AUTHORITY: what the package ca-bundle installs.
bundle() {
	mkdir -p "$ROOT/etc/ssl/certs"
	cp "$WORK/$1.pem" "$ROOT/etc/ssl/certs/ca-certificates.crt"
	ln -sf /etc/ssl/certs/ca-certificates.crt "$ROOT/etc/ssl/cert.pem"
}

provision_works() {
	within 30 "$1: up" wan_has "$LINE_IPV4"
	within 15 "$1: ping from LAN and router" opened
	check "$1: source of the rule" "$(if_status wan | grep -c '"rule_source": "provisioned"')" -eq 1
	# The server writes its log when it has time.
	within 20 "$1: the server was asked" provision_asked
}

provision_asked() {
	[ "$(requests)" -gt "$provision_before" ]
}

# provision_fails TEXT: the certificate is reported, and nothing is sent to the server.
provision_fails() {
	within 60 "$1: logged" provision_logged
	within 10 "$1: shown" wan_says 'certificate of the server vne.example.jp could not be verified'
	router_log | grep MAPE_PROVISIONING_CERTIFICATE | tail -n 1
	no_busy_loop "$1" 20
	check "$1: what the server was asked" "$(($(requests) - provision_before))" -eq 0
}

provision_logged() {
	router_log | grep -q MAPE_PROVISIONING_CERTIFICATE
}

net br <<-EOT
	addr replace $DNS/128 dev lo nodad
	addr replace $WEB/128 dev lo nodad
EOT
first
relay_up
answer
dns_start --txt-record=4over6.info,"v=v6mig-1 url=https://vne.example.jp/rule.cgi t=b"
https_start ours

provision_before=$(requests)
provision_boot
provision_fails "no authority"
provision_end

provision_before=$(requests)
provision_boot "option provisioning_ca '/tmp/lab/ours.pem'"
provision_works "provisioning_ca"
provision_end

bundle others
provision_before=$(requests)
provision_boot
provision_fails "another authority's bundle"
provision_end

bundle ours
provision_before=$(requests)
provision_boot
provision_works "bundle"
provision_end

# No battery holds the clock. NTP sets it later. The next request comes 10 to 30 minutes after the
# one that failed (HB46PP 3.6).
bundle ours
provision_now=$(date +%s)
provision_before=$(requests)
date -s @86400 >/dev/null
provision_boot
provision_fails "a clock in 1970"
date -s "@$((provision_now + 60))" >/dev/null
# The uplink speaks again, as its route lives for 30 minutes.
for _ in 1 2 3; do
	sleep 620
	uplink_ra
done
provision_works "the clock is right"

# With an answer in flash the line waits for no clock.
router_kill
for link in lan1 lan2 lan3 lan4 wan; do ip link set "$link" down; done
date -s @86400 >/dev/null
provision_boot
within 30 "a clock in 1970, a kept answer: up" wan_has "$LINE_IPV4"
within 15 "a clock in 1970, a kept answer: ping from LAN and router" opened
no_violation "a clock in 1970, a kept answer"
provision_end
date -s "@$((provision_now + 4000))" >/dev/null
kill "$web_process"
dns_stop
