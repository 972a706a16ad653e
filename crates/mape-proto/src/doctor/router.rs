//! The checks of a router, in the order in which things depend on each other.
//!
//! They send nothing except what [`ActiveProbes`] allows.

use std::net::SocketAddrV4;

use mape_core::Failure;
use mape_firewall::Env;
use mape_import::Router;
use mape_nft::InterfaceName;

use super::context::Context;
use super::finding::Report;
use super::{kernel, line, probe, uplink};

/// What a diagnosis may send; by default nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ActiveProbes {
    /// Target of a TCP connection and of pings with the tunnel's MTU.
    pub target: Option<SocketAddrV4>,
    /// Asks an NTT home gateway on the uplink whether it provides IPv4 over IPv6.
    pub gateway: bool,
}

/// Checks everything from the uplink to the LAN. `only` names an interface; without it the first of
/// proto `mape` is checked. `None` means that there is no interface of that name.
///
/// # Errors
/// netifd does not answer, or the configuration cannot be read.
pub fn doctor(
    env: &Env,
    only: Option<&InterfaceName>,
    probes: &ActiveProbes,
) -> Result<Option<Report>, Failure> {
    let dump = mape_netifd::status::dump_or_failure(env)?;
    let router = Router::read(env.clone())?;
    let dhcp = router.directories().read("dhcp").ok().flatten();
    let mut interfaces = mape_netifd::status::Report::collect(env, only).interfaces;
    interfaces.retain(|it| only.is_some() || dump.is_ours(&it.interface));
    if only.is_some_and(|name| !dump.is_ours(name.as_str())) {
        return Ok(None);
    }
    let interface = interfaces.into_iter().next();
    let context = Context { env, dump, router, dhcp, interface };
    let mut checks = uplink::checks(&context, probes.gateway);
    checks.extend(kernel::check(&env.proc));
    checks.extend(line::checks(&context));
    checks
        .extend(probes.target.into_iter().flat_map(|target| probe::checks(target, context.mtu())));
    let interface = context.interface.map(|interface| interface.interface);
    Ok(Some(Report::new(interface, checks)))
}
