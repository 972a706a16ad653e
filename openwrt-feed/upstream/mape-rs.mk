# SPDX-License-Identifier: MIT OR Apache-2.0
#
# For net/mape-rs of openwrt/packages: the package of openwrt-feed/mape-rs from a released archive.
# docs/upstream.md tells what else a pull request needs.

include $(TOPDIR)/rules.mk

PKG_NAME:=mape-rs
PKG_VERSION:=0.1.0
PKG_RELEASE:=1

PKG_SOURCE:=$(PKG_NAME)-$(PKG_VERSION).tar.gz
PKG_SOURCE_URL:=https://codeload.github.com/mape-rs/mape-rs/tar.gz/v$(PKG_VERSION)?
# Of the archive, which exists once the version is tagged.
PKG_HASH:=skip

PKG_MAINTAINER:=The mape-rs developers <mape-rs@users.noreply.github.com>
PKG_LICENSE:=MIT Apache-2.0
PKG_LICENSE_FILES:=LICENSE-MIT LICENSE-APACHE

PKG_BUILD_DEPENDS:=rust/host
PKG_BUILD_PARALLEL:=1

include $(INCLUDE_DIR)/package.mk
include ../../lang/rust/rust-package.mk

# Unwinding would cost a third of the program.
CARGO_PKG_VARS+=CARGO_PROFILE_RELEASE_PANIC=abort

define Package/mape-rs
  SECTION:=net
  CATEGORY:=Network
  TITLE:=MAP-E for Japanese fibre lines
  URL:=https://github.com/mape-rs/mape-rs
  DEPENDS:=$(RUST_ARCH_DEPENDS) +firewall4 +kmod-ip6-tunnel +kmod-nft-netdev +kmod-nf-conntrack-netlink
  CONFLICTS:=mape
endef

define Package/mape-rs/description
  IPv4 over IPv6 with every port of the line: netifd's protocol mape, the rules for
  firewall4, and mape-proto, which shows what the line is and which ports are in use.
endef

# Kept over a sysupgrade; the build writes the list that the repository has in files/lib/upgrade.
define Package/mape-rs/conffiles
/etc/mape-rs/
endef

define Build/Compile
	$(call Build/Compile/Cargo,crates/mape-proto,--no-default-features)
endef

define Package/mape-rs/install
	$(CP) $(PKG_BUILD_DIR)/files/etc $(PKG_BUILD_DIR)/files/lib $(PKG_BUILD_DIR)/files/usr $(1)/
	$(RM) -r $(1)/lib/upgrade
	$(INSTALL_DIR) $(1)/usr/sbin
	$(INSTALL_BIN) $(PKG_INSTALL_DIR)/bin/mape-proto $(1)/usr/sbin/
endef

define Package/mape-rs/postinst
#!/bin/sh
[ -n "$${IPKG_INSTROOT}" ] || /usr/share/mape-rs/package installed
endef

define Package/mape-rs/prerm
#!/bin/sh
[ -n "$${IPKG_INSTROOT}" ] || [ "$${PKG_UPGRADE}" = 1 ] || /usr/share/mape-rs/package removed
endef

$(eval $(call BuildPackage,mape-rs))
