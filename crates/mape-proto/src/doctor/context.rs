//! The state of the router that all checks use, read once.

use mape_firewall::Env;
use mape_import::Router;
use mape_kernel::device::Device;
use mape_netifd::status::InterfaceStatus;
use mape_netifd::{Dump, InterfaceDump};
use mape_uci::Package;

/// The state that all checks use.
pub(super) struct Context<'env> {
    pub(super) env: &'env Env,
    pub(super) dump: Dump,
    pub(super) router: Router,
    pub(super) dhcp: Option<Package>,
    /// The interface of proto `mape`, if there is one.
    pub(super) interface: Option<InterfaceStatus>,
}

impl Context<'_> {
    pub(super) fn own(&self) -> Option<&InterfaceDump> {
        self.dump.interface(&self.interface.as_ref()?.interface)
    }

    /// That of the tunnel.
    pub(super) fn mtu(&self) -> Option<u16> {
        Device::find(&self.env.devices, &self.interface.as_ref()?.device)?.mtu
    }

    /// The interface that has the line's prefix, or should have it.
    pub(super) fn uplink(&self) -> Option<&InterfaceDump> {
        let published = self.own().and_then(|own| own.data.uplink.as_deref());
        published.and_then(|name| self.dump.interface(name)).or_else(|| {
            let mut candidates = self.dump.interfaces().filter(|it| {
                it.proto == "dhcpv6"
                    || (it.has_ipv6_default_route() && !self.dump.is_ours(&it.name))
            });
            candidates.next()
        })
    }
}
