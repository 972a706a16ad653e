#!/bin/sh
# Checks the feed without SDK: make itself reads each Makefile, with stand-ins for what it includes.
set -eu
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/include" "$work/feeds/packages/lang/rust"
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

failed=0
for makefile in */Makefile; do
	package=${makefile%/*}
	said=$(make --silent --no-print-directory --warn-undefined-variables -C "$package" TOPDIR="$work" \
		INCLUDE_DIR="$work/include" PKG_BUILD_DIR=build PKG_INSTALL_DIR=install 2>&1) || failed=1
	echo "$said"
	for line in "package $package " 'title MAP-E' 'depends @(mipsel||x86_64) +firewall4' \
		'compile cargo install --path build/crates/mape-proto --no-default-features'; do
		case "$said" in
		*"$line"*) ;;
		*)
			echo "FAILED: $makefile: no \"$line\"" >&2
			failed=1
			;;
		esac
	done
done
exit "$failed"
