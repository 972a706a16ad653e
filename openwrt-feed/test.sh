#!/bin/sh
# Checks the feed without SDK: make itself reads each Makefile, with stand-ins for what it includes.
set -eu
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/include" "$work/feeds/packages/lang/rust" "$work/feeds/luci"
: >"$work/rules.mk"
: >"$work/include/package.mk"
# What the real ones define, as far as the packages use it.
cat >"$work/feeds/packages/lang/rust/rust-package.mk" <<'EOT'
RUST_ARCH_DEPENDS:=@(mipsel||x86_64)
define Build/Compile/Cargo
cargo install --path $(PKG_BUILD_DIR)/$(1) $(2)
endef
define BuildPackage
$(eval $(call Package/$(1)))
all:
	@echo 'package $(1) $(PKG_VERSION)-r$(PKG_RELEASE)'
	@echo 'title $(TITLE)'
	@echo 'depends $(DEPENDS)'
	@echo 'compile $(strip $(Build/Compile))'
endef
EOT

cat >"$work/feeds/luci/luci.mk" <<'EOT'
all:
	@echo 'package $(PKG_NAME) $(PKG_VERSION)-r$(PKG_RELEASE)'
	@echo 'title $(LUCI_TITLE)'
	@echo 'depends $(LUCI_DEPENDS)'
	@echo 'provides $(PKG_PROVIDES)'
	@echo 'architecture $(LUCI_PKGARCH) $(LUCI_DESCRIPTION) $(LUCI_URL)'
	@echo 'maintainer $(LUCI_MAINTAINER), translations $(if $(filter $(PKG_VERSION)-r$(PKG_RELEASE),$(PKG_PO_VERSION)),follow,lag)'
EOT

# check PACKAGE LINE...: make says each of them.
check() {
	package=$1
	shift
	said=$(make --silent --no-print-directory --warn-undefined-variables -C "$package" TOPDIR="$work" \
		INCLUDE_DIR="$work/include" PKG_BUILD_DIR=build PKG_INSTALL_DIR=install 2>&1) || failed=1
	echo "$said"
	for line in "package ${package##*/} " 'title MAP-E' "$@"; do
		case "$said" in
		*"$line"*) ;;
		*)
			echo "FAILED: $package: no \"$line\"" >&2
			failed=1
			;;
		esac
	done
}

# defined MAKEFILE PART: the lines of a definition.
defined() {
	sed -n "/^define Package\/mape-rs\/$2\$/,/^endef/p" "$1"
}

fail() {
	echo "FAILED: $1" >&2
	failed=1
}

# same WHAT OURS THEIRS
same() {
	if [ -z "$2" ] || [ "$2" != "$3" ]; then fail "upstream: another $1: $3"; fi
}

failed=0
check mape-rs 'depends @(mipsel||x86_64) +firewall4' \
	'compile cargo install --path build/crates/mape-proto --no-default-features'
check luci-app-mape 'depends +luci-base ' ' +mape-rs' 'provides luci-proto-mape' 'architecture all ' \
	'maintainer The mape-rs developers' 'translations follow'
# Those for the repositories of OpenWrt and LuCI lie in their trees there, and say the same.
mkdir -p "$work/packages/lang/rust" "$work/packages/net/mape-rs" "$work/luci/applications/luci-app-mape"
cp "$work/feeds/packages/lang/rust/rust-package.mk" "$work/packages/lang/rust/"
cp "$work/feeds/luci/luci.mk" "$work/luci/"
cp upstream/mape-rs.mk "$work/packages/net/mape-rs/Makefile"
cp upstream/luci-app-mape.mk "$work/luci/applications/luci-app-mape/Makefile"
check mape-rs
ours=$said
check "$work/packages/net/mape-rs"
same package "$ours" "$said"
for part in description postinst prerm; do
	same "$part" "$(defined mape-rs/Makefile "$part")" "$(defined upstream/mape-rs.mk "$part")"
done
for line in PKG_SOURCE:= PKG_SOURCE_URL:= PKG_HASH:= 'include ../../lang/rust/rust-package.mk'; do
	grep -q "^$line" upstream/mape-rs.mk || fail "upstream/mape-rs: no $line"
done
# LuCI numbers its packages itself, and has one maintainer for all.
check luci-app-mape
ours=$(echo "$said" | sed '1d; /^maintainer /d')
said=$(make --silent --no-print-directory -C "$work/luci/applications/luci-app-mape" TOPDIR="$work" PKG_NAME=luci-app-mape)
same luci-app-mape "$ours" "$(echo "$said" | sed '1d; /^maintainer /d')"

# OpenWrt treats every such file in a feed as a package, whether the feed is this directory or the
# whole clone.
for feed in . ..; do
	found=$(find -L "$feed" -maxdepth 5 -name target -prune -o -name Makefile -exec grep -l 'call BuildPackage' {} + |
		sed 's|/Makefile$||; s|.*/||' | sort | tr '\n' ' ')
	case $feed:$found in
	'.:luci-app-mape mape-rs ' | '..:luci-app-mape luci-app-mape mape-rs ') ;;
	*) fail "packages in $feed: $found" ;;
	esac
done
exit "$failed"
