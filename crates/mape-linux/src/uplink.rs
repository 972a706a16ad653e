//! Which device IPv6 comes from, which prefix the line has there, and so which plan.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::Ipv6Net;
use mape_core::{Failure, Plan, PrefixRank, ReceivedPrefix};
use mape_provision::{Conflict, Decision, Source, Sources};

use crate::config::Config;
use crate::error::LinuxError;
use crate::ip::{Device, Ip, Snapshot};
use crate::learned::Learned;

/// An uplink, and the plan for its prefix.
#[derive(Clone, Debug)]
pub struct Found {
    /// The device that has the line's IPv6 prefix.
    pub uplink: String,
    /// The plan for its prefix.
    pub plan: Plan,
    /// Whose rule the plan is made from.
    pub source: Source,
    /// Rules of other sources that contradict it.
    pub conflicts: Vec<Conflict>,
}

/// A prefix that may be the line's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    prefix: ReceivedPrefix,
    deprecated: bool,
    /// Whether a client of DHCPv6 was delegated it.
    delegated: bool,
    /// Seconds left.
    lifetime: u32,
}

/// Finds uplink, prefix and plan. `current` is the end-user prefix of the line that is up: of two
/// prefixes that are equally good it stays, however their lifetimes go up and down.
///
/// # Errors
/// No uplink, no prefix, or what the plan for the best prefix says.
pub fn find(
    config: &Config,
    snapshot: &Snapshot,
    ip: &Ip,
    learned: &Learned,
    current: Option<&str>,
) -> Result<Found, Failure> {
    let device = uplink(config, snapshot)?;
    let uplink = device.ifname.clone();
    log::debug!("uplink {uplink}: chosen");
    let mtu = ip.ipv6_mtu(&uplink).unwrap_or(device.mtu);
    let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
    let sources = |prefix| -> Result<Sources, Failure> {
        let Learned { provisioned, dhcpv6 } = learned.clone();
        Ok(Sources { request: config.request(prefix, mtu)?, provisioned, dhcpv6 })
    };
    if let Some(prefix) = config.prefix {
        return Ok(Found::new(uplink, sources(prefix)?.decide()?));
    }
    let mut best: Option<(Decision, PrefixRank)> = None;
    let mut refused: Option<(Failure, PrefixRank)> = None;
    for candidate in candidates(device, snapshot, config.device().as_str()) {
        // A contract has a line of the provider's, and no unique local prefix is one.
        let prefix = candidate.prefix;
        if config.fixed.as_ref().is_some_and(|fixed| fixed.rule(prefix).is_none()) {
            log::debug!("prefix {prefix}: dropped, it is not one of the contract");
            continue;
        }
        let rank = PrefixRank {
            preferred: !candidate.deprecated,
            reaches_br: is_global(prefix),
            lifetime: candidate.lifetime,
            ..PrefixRank::default()
        };
        match sources(prefix)?.decide() {
            Ok(decision) => {
                let plan = &decision.plan;
                log::debug!(
                    "prefix {prefix}: {}, {} s left, {} rule {}",
                    if candidate.deprecated { "deprecated" } else { "preferred" },
                    candidate.lifetime,
                    decision.source.name(),
                    plan.rule()
                );
                let rank = PrefixRank {
                    rule_len: plan.rule().ipv6().prefix_len(),
                    // `up` moves a line only if its prefix is worse or gone.
                    uplink_in_use: current == Some(plan.end_user_prefix().to_string().as_str()),
                    ..rank
                };
                if best.as_ref().is_none_or(|(_, best)| rank.is_better_than(best)) {
                    best = Some((decision, rank));
                }
            }
            Err(error) => {
                log::debug!("prefix {prefix}: dropped, {error}");
                if refused.as_ref().is_none_or(|(_, best)| rank.is_better_than(best)) {
                    refused = Some((error.into(), rank));
                }
            }
        }
    }
    match (best, refused) {
        (Some((decision, _)), _) => {
            log::debug!("prefix {}: chosen", decision.plan.end_user_prefix());
            Ok(Found::new(uplink, decision))
        }
        (None, Some((failure, _))) => Err(failure),
        (None, None) => Err(LinuxError::NoPrefix { uplink }.into()),
    }
}

impl Found {
    fn new(uplink: String, Decision { plan, source, conflicts }: Decision) -> Self {
        Self { uplink, plan, source, conflicts }
    }
}

/// What may be the line's prefix on the machine's uplink, those in use first.
///
/// # Errors
/// No uplink, or nothing global on it.
pub fn prefixes(ip: &Ip) -> Result<Vec<ReceivedPrefix>, Failure> {
    let config = Config::default();
    let snapshot = ip.snapshot()?;
    let device = uplink(&config, &snapshot)?;
    let mut found = candidates(device, &snapshot, config.device().as_str());
    found.retain(|candidate| is_global(candidate.prefix));
    found.sort_by_key(|candidate| (candidate.deprecated, Reverse(candidate.lifetime)));
    if found.is_empty() {
        return Err(LinuxError::NoPrefix { uplink: device.ifname.clone() }.into());
    }
    Ok(found.into_iter().map(|candidate| candidate.prefix).collect())
}

/// The uplink as a provisioning server and the line's resolvers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requester {
    pub(crate) uplink: String,
    /// Delegated ones first, each once; the same in the same order as long as nothing changes.
    pub(crate) prefixes: Vec<ReceivedPrefix>,
    /// The uplink's own address.
    pub(crate) source: Option<Ipv6Addr>,
    /// The networks of the machine.
    pub(crate) own: Vec<Ipv6Net>,
}

/// Returns the uplink with the prefixes that may be asked for: global ones in use, or the
/// configured one.
///
/// # Errors
/// No uplink.
pub(crate) fn requester(config: &Config, snapshot: &Snapshot) -> Result<Requester, LinuxError> {
    let device = uplink(config, snapshot)?;
    let in_use = |it: &Candidate| !it.deprecated && is_global(it.prefix);
    let mut found = candidates(device, snapshot, config.device().as_str());
    found.sort_by_key(|it| (!it.delegated, it.prefix.net()));
    let mut own: Vec<Ipv6Net> = found.iter().map(|it| it.prefix.net()).collect();
    found.retain(in_use);
    let mut prefixes: Vec<_> = found.iter().map(|candidate| candidate.prefix).collect();
    if let Some(prefix) = config.prefix {
        own.push(prefix.net());
        prefixes = vec![prefix];
    }
    prefixes.dedup();
    let addresses = snapshot.devices.iter().flat_map(|device| &device.addr_info);
    own.extend(addresses.filter_map(|address| match address.local {
        Some(IpAddr::V6(local)) => Ipv6Net::new(local, address.prefixlen).ok(),
        _ => None,
    }));
    let source = device.addr_info.iter().find_map(|address| match address.local {
        Some(IpAddr::V6(local)) if address.preferred_life_time > 0 => {
            (local.segments()[0] >> 13 == 1).then_some(local)
        }
        _ => None,
    });
    Ok(Requester { uplink: device.ifname.clone(), prefixes, source, own })
}

/// The configured device, or that of the best IPv6 default route.
fn uplink<'machine>(
    config: &Config,
    snapshot: &'machine Snapshot,
) -> Result<&'machine Device, LinuxError> {
    let name = if let Some(name) = &config.uplink {
        name.as_str().to_owned()
    } else {
        let tunnel = config.device();
        let defaults = snapshot.routes6.iter().filter(|route| route.is_main_default());
        let defaults = defaults.filter_map(|route| Some((route.metric, route.device()?)));
        let defaults = defaults.inspect(|(metric, device)| {
            log::debug!("uplink {device}: considered, it has a default route of metric {metric}");
        });
        let best = defaults.filter(|(_, device)| *device != tunnel.as_str()).min();
        best.map(|(_, device)| device.to_owned()).ok_or(LinuxError::NoDefaultRoute)?
    };
    let device = snapshot.device(&name).ok_or(LinuxError::NoUplink { uplink: name })?;
    let bridge = device.master.as_deref().and_then(|master| snapshot.device(master));
    match bridge.filter(|bridge| bridge.linkinfo.info_kind == "bridge") {
        Some(bridge) => Err(LinuxError::BridgePort {
            uplink: device.ifname.clone(),
            bridge: bridge.ifname.clone(),
        }),
        None => Ok(device),
    }
}

/// Everything that may be the line's prefix: the /64 of the uplink's addresses and of its on-link
/// routes (from router advertisements), and delegated prefixes, which clients of DHCP leave behind
/// as routes that lead nowhere.
fn candidates(device: &Device, snapshot: &Snapshot, tunnel: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    for address in &device.addr_info {
        let Some(IpAddr::V6(local)) = address.local else { continue };
        let deprecated = address.preferred_life_time == 0;
        // A CE address, which is always added like this, says nothing of the line as it is now.
        if is_link_local(local) || local.is_loopback() || (deprecated && address.prefixlen == 128) {
            log::debug!("address {local}: not considered, it is link-local or a CE address");
            continue;
        }
        if let Ok(prefix) = ReceivedPrefix::new(local, 128) {
            let lifetime = address.valid_life_time;
            found.push(Candidate { prefix, deprecated, delegated: false, lifetime });
        }
    }
    for route in &snapshot.routes6 {
        if route.table.is_some() || route.device() == Some(tunnel) {
            continue;
        }
        let on_link = route.kind.is_none()
            && route.gateway.is_none()
            && route.device() == Some(device.ifname.as_str())
            && route.dst.ends_with("/64");
        let len = route.dst.split_once('/').and_then(|(_, len)| len.parse::<u8>().ok());
        let delegated = route.is_refusal() && len.is_some_and(|len| (32..=64).contains(&len));
        if !(on_link || delegated) || route.dst.starts_with("fe80:") {
            continue;
        }
        if let Ok(prefix) = route.dst.parse() {
            let lifetime = route.expires.and_then(|left| u32::try_from(left).ok());
            let lifetime = lifetime.unwrap_or(u32::MAX);
            // An address of the same prefix knows better whether it is deprecated.
            if found.iter().all(|known: &Candidate| known.prefix != prefix) {
                found.push(Candidate { prefix, deprecated: false, delegated, lifetime });
            }
        }
    }
    found
}

/// Of the global unicast block, `2000::/3`: a ULA is a line's prefix only if a rule says so.
fn is_global(prefix: ReceivedPrefix) -> bool {
    prefix.net().addr().segments()[0] >> 13 == 1
}

fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

#[cfg(test)]
mod tests;
