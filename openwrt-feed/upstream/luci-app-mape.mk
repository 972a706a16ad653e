# SPDX-License-Identifier: MIT OR Apache-2.0
#
# For applications/luci-app-mape of openwrt/luci: beside it lie htdocs, po and root of this
# repository's luci-app-mape. docs/upstream.md tells what else a pull request needs.

include $(TOPDIR)/rules.mk

LUCI_TITLE:=MAP-E for Japanese fibre lines
LUCI_DESCRIPTION:=Protocol support, status of line and ports, and diagnosis for mape-rs
LUCI_URL:=https://github.com/mape-rs/mape-rs
LUCI_DEPENDS:=+luci-base +rpcd-mod-file +rpcd-mod-ucode +mape-rs
LUCI_PKGARCH:=all

PKG_LICENSE:=MIT OR Apache-2.0
PKG_MAINTAINER:=The mape-rs developers <mape-rs@users.noreply.github.com>

# The Interfaces page looks for packages by this name.
PKG_PROVIDES:=luci-proto-mape

include ../../luci.mk

# call BuildPackage - OpenWrt buildroot signature
