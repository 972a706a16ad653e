#!/bin/sh
# First boot of an OpenWrt image that has kmod-ip6-tunnel, kmod-nft-netdev and
# kmod-nf-conntrack-netlink: adds the feed of mape-rs and its key, and installs the packages as soon
# as the router has IPv6.
#
# Firmware selector: paste it as "Script to run on first boot".
# Image builder: files/etc/uci-defaults/99-mape-rs
# owut: --init-script FILE
# Its progress: logread -e mape-rs. See docs/install.md.

# The line: without these lines you set it up yourself.
uci -q show network | grep -q "\.proto='mape'\$" || uci -q batch <<-EOT
	set network.wan4=interface
	set network.wan4.proto=mape
	commit network
EOT

# The network starts after this script, so a hook does the rest. The hook deletes itself when it has
# succeeded.
mkdir -p /etc/hotplug.d/iface
cat >/etc/hotplug.d/iface/99-mape-rs-install <<'EOT'
#!/bin/sh
feed=https://mape-rs.github.io/mape-rs
packages='mape-rs luci-app-mape luci-i18n-mape-ja'

# add_feed FILE LINE: unless a former first boot has done it.
add_feed() {
	grep -qsxF "$2" "$1" || echo "$2" >>"$1"
}

install_packages() {
	if [ -x /usr/bin/apk ]; then
		wget -q -O /tmp/mape-rs.pem "$feed/mape-rs.pem" || return
		cp /tmp/mape-rs.pem /etc/apk/keys/
		add_feed /etc/apk/repositories.d/customfeeds.list "$feed/apk/\${APK_ARCH}/packages.adb"
		apk update
		# shellcheck disable=SC2086
		apk add $packages
	else
		wget -q -O /tmp/mape-rs.pub "$feed/mape-rs.pub" || return
		opkg-key add /tmp/mape-rs.pub
		# shellcheck source=/dev/null
		. /etc/openwrt_release
		add_feed /etc/opkg/customfeeds.conf "src/gz mape $feed/opkg/$DISTRIB_ARCH"
		opkg update
		# shellcheck disable=SC2086
		opkg install $packages
	fi
}

[ "$ACTION" = ifup ] && mkdir /tmp/mape-rs-install 2>/dev/null && {
	# Without IPv6, or before the clock is right for the server's certificate, it tries again:
	# after 15 s, then after twice as long each time, up to an hour.
	pause=15
	until install_packages; do
		sleep "$pause"
		pause=$((pause < 1800 ? pause * 2 : 3600))
	done
	rm -f /etc/hotplug.d/iface/99-mape-rs-install
	# netifd reads its protocols when it starts.
	service network restart
} </dev/null 2>&1 | logger -t mape-rs &
EOT
exit 0
