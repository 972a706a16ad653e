# shellcheck shell=sh
# Packages of OpenWrt itself, with their real names, versions and dependencies, and next to nothing
# in them. Sourced by root.sh, which has set `kind`, `tool` and `release`.
# shellcheck disable=SC2154

# The kernel of each release: `kernel` is its name in /lib/modules, `abi` the version of its
# package.
case "$release" in
23.05) kernel=5.15.167 abi=5.15.167-1-cf2b48ba5fc61db1afcd4b4b8a0a4c50 revision=-1 ;;
24.10) kernel=6.6.86 abi=6.6.86~c3b0a2f5d4e1968b7a60c5d4e3f20b18-r1 revision=-r1 ;;
*) kernel=6.12.63 abi=6.12.63~7f1a5c0e9d2b4836a1c7e5d90f3b2864-r1 revision=-r1 ;;
esac

# pack DIRECTORY NAME VERSION ARCH DEPENDS [FILE...]: one package of empty files.
pack() {
	into=$1 name=$2 version=$3 arch=$4 depends=$5
	shift 5
	build=$work/build
	rm -rf "$build"
	mkdir -p "$into" "$build/data" "$build/control"
	for file; do
		mkdir -p "$build/data/${file%/*}"
		: >"$build/data/$file"
	done
	case "$kind" in
	apk)
		[ "$arch" != all ] || arch=noarch
		"$tool" mkpkg --info "name:$name" --info "version:$version" --info "arch:$arch" \
			${depends:+--info "depends:$depends"} --files "$build/data" --output "$into/$name-$version.apk"
		;;
	*)
		# opkg writes a version as `NAME (=VERSION)`, and a comma between two.
		depends=$(echo "$depends" | sed 's/=\([^ ]*\)/ (=\1)/g; s/ \([^(]\)/, \1/g')
		printf 'Package: %s\nVersion: %s\n%sArchitecture: %s\nInstalled-Size: 1\nDescription: stands for %s\n' \
			"$name" "$version" "${depends:+Depends: $depends
}" "$arch" "$name" >"$build/control/control"
		echo 2.0 >"$build/debian-binary"
		for part in data control; do tar -czf "$build/$part.tar.gz" -C "$build/$part" .; done
		tar -czf "$into/${name}_${version}_$arch.ipk" -C "$build" ./debian-binary ./data.tar.gz ./control.tar.gz
		;;
	esac
}

# What every image has.
pack_base() {
	pack "$1" libc "1.2.5$revision" x86_64 ''
	pack "$1" kernel "$abi" x86_64 ''
	pack "$1" firewall4 "2024.12.18~18fc0ead$revision" x86_64 'kernel'
	for name in luci-base rpcd-mod-file rpcd-mod-ucode; do pack "$1" "$name" "1$revision" x86_64 'libc'; done
	for name in nft-core nf-conntrack nfnetlink; do
		pack "$1" "kmod-$name" "$kernel$revision" x86_64 "kernel=$abi" "lib/modules/$kernel/$name.ko"
	done
}

# pack_modules DIRECTORY [ABI]: those that mape-rs needs and no image has, of the kernel ABI.
pack_modules() {
	directory=$1 needed=kernel=${2:-$abi} place=lib/modules/$kernel
	pack "$directory" kmod-iptunnel6 "$kernel$revision" x86_64 "$needed" "$place/tunnel6.ko"
	pack "$directory" kmod-ip6-tunnel "$kernel$revision" x86_64 "$needed kmod-iptunnel6" "$place/ip6_tunnel.ko"
	pack "$directory" kmod-nft-netdev "$kernel$revision" x86_64 "$needed kmod-nft-core" \
		"$place/nft_dup_netdev.ko" "$place/nft_fwd_netdev.ko"
	pack "$directory" kmod-nf-conntrack-netlink "$kernel$revision" x86_64 \
		"$needed kmod-nf-conntrack kmod-nfnetlink" "$place/nf_conntrack_netlink.ko"
	# OpenWrt signs the index of its packages, and not each .apk.
	[ "$kind" != apk ] || "$tool" mkndx --allow-untrusted --sign-key "$work/openwrt.pem" \
		--output "$directory/packages.adb" "$directory"/*.apk >/dev/null
}

# openwrt_feed DIRECTORY: the modules as a signed feed of OpenWrt's.
openwrt_feed() {
	pack_modules "$1"
	[ "$kind" = opkg ] || return 0
	[ -f "$work/openwrt.sec" ] || "$usign" -G -s "$work/openwrt.sec" -p "$work/openwrt.pub" -c OpenWrt
	for file in "$1"/*.ipk; do
		tar -xzOf "$file" ./control.tar.gz | tar -xzOf - ./control
		printf 'Filename: %s\nSize: %s\nSHA256sum: %s\n\n' "${file##*/}" "$(wc -c <"$file")" \
			"$(sha256sum "$file" | cut -d ' ' -f 1)"
	done >"$1/Packages"
	gzip -9 --keep --force "$1/Packages"
	"$usign" -S -m "$1/Packages" -s "$work/openwrt.sec" -x "$1/Packages.sig"
}
