//! Chooses the uplink, and the one of its prefixes that is the end-user prefix.

use mape_core::{Failure, Plan, PlanError, PrefixRank, Quoted, ReceivedPrefix};
use mape_provision::{Decision, Source};

use super::config::Config;
use super::dump::{Candidate, Dump, InterfaceDump};
use super::error::UplinkError;
use super::fixed_ipv4::FixedIpv4Contract;
use super::taken::Taken;

/// An interface with the end-user prefix.
#[derive(Clone, Debug)]
pub struct Uplink {
    /// The interface.
    pub interface: String,
    /// Its network device.
    pub device: String,
    /// The prefix the plan is made from.
    pub prefix: ReceivedPrefix,
    /// Whether neighbours on the link ask for the CE address. They do not if the prefix was
    /// delegated, since the provider then sends all of it to this router.
    pub is_ce_on_link: bool,
}

/// Chooses among all prefixes of all interfaces that are up, or those of `tunlink`.
///
/// [`PrefixRank`] tells which is the best. A prefix whose line another interface has
/// [taken](Taken) is passed over. `current` is the prefix that the interface has been set up with.
///
/// # Errors
/// [`UplinkError`], or the most specific reason why a prefix has no plan.
pub fn choose(
    config: &Config,
    dump: &Dump,
    current: Option<ReceivedPrefix>,
    taken: &Taken,
) -> Result<Uplink, Failure> {
    if let Some(name) = &config.tunlink {
        if dump.interface(name).is_none() {
            return Err(UplinkError::Unknown(Quoted::new(name)).into());
        }
    }
    let mut best: Option<(Uplink, PrefixRank)> = None;
    let mut reason: Option<(u8, Failure)> = None;
    for interface in dump.interfaces() {
        let name = &interface.name;
        if let Some(why) = why_no_candidate(config, dump, interface) {
            log::debug!("uplink {name}: not considered, {why}");
            continue;
        }
        let Some(device) = interface.device.as_deref() else {
            log::debug!("uplink {name}: not considered, it has no device");
            continue;
        };
        log::debug!("uplink {name}: considered, its device is {device}");
        for refused in interface.unusable_prefixes() {
            log::debug!("prefix on {name}: not considered, {refused}");
        }
        let is_current = |candidate: &Candidate| current == Some(candidate.prefix);
        let prefixes = interface.prefixes();
        let uplink_in_use = prefixes.iter().any(is_current);
        for candidate in &prefixes {
            let no_line = |fixed: &FixedIpv4Contract| fixed.rule(candidate.prefix).is_none();
            let prefix = candidate.prefix;
            if config.fixed.as_ref().is_some_and(no_line) {
                log::debug!("prefix {prefix} on {name}: dropped, it is not one of the contract");
                continue;
            }
            match config
                .sources(prefix)
                .decide_and_tell(&mut |source, plan| tell(prefix, source, plan))
            {
                Ok(Decision { plan, .. }) => {
                    if let Some(by) = taken.by_another(config, &interface.name, plan.ce()) {
                        log::debug!("prefix {prefix} on {name}: dropped, {by}");
                        reason = Some((u8::MAX, by.into()));
                        continue;
                    }
                    let rank = PrefixRank {
                        preferred: candidate.preferred > 0,
                        reaches_br: interface.has_ipv6_default_route(),
                        rule_len: plan.rule().ipv6().prefix_len(),
                        uplink_in_use,
                        lifetime: candidate.preferred,
                        in_use: is_current(candidate),
                        delegated: candidate.delegated,
                    };
                    log_rank(prefix, name, &rank);
                    if best.as_ref().is_none_or(|(_, best)| rank.is_better_than(best)) {
                        let (interface, device) = (interface.name.clone(), device.to_owned());
                        let is_ce_on_link =
                            !candidate.delegated || dump.is_on_link(&device, plan.ce());
                        let uplink = Uplink { interface, device, prefix, is_ce_on_link };
                        best = Some((uplink, rank));
                    }
                }
                Err(error) => {
                    log::debug!("prefix {prefix} on {name}: dropped, no source has a plan");
                    let line = error.line();
                    let failure = Failure::from(error);
                    let telling = how_telling(&failure, line.map(mape_core::LineKind::name));
                    if reason.as_ref().is_none_or(|(most, _)| telling > *most) {
                        reason = Some((telling, failure));
                    }
                }
            }
        }
    }
    if let Some((best, _)) = best {
        log::debug!("chosen: prefix {} on {} ({})", best.prefix, best.interface, best.device);
        return Ok(best);
    }
    match (reason, &config.tunlink) {
        (Some((telling, failure)), _) if telling > 0 => Err(failure),
        (_, Some(name)) => Err(UplinkError::NotYetOn(Quoted::new(name)).into()),
        (_, None) => Err(UplinkError::NoIpv6Yet.into()),
    }
}

/// Logs what a source of rules has for a prefix.
fn tell(prefix: ReceivedPrefix, source: Source, plan: Result<&Plan, &PlanError>) {
    let source = source.name();
    match plan {
        Ok(plan) => log::debug!("rule source {source}: {} covers {prefix}", plan.rule()),
        Err(error) => log::debug!("rule source {source}: dropped, {error}"),
    }
}

/// Logs what the choice between the prefixes compares, in the order in which it counts.
fn log_rank(prefix: ReceivedPrefix, interface: &str, rank: &PrefixRank) {
    let deprecated = if rank.preferred { "preferred" } else { "deprecated" };
    let route = if rank.reaches_br { "a" } else { "no" };
    let delegated = if rank.delegated { "delegated" } else { "of an address" };
    let in_use = if rank.in_use {
        ", in use"
    } else if rank.uplink_in_use {
        ", on the uplink in use"
    } else {
        ""
    };
    log::debug!(
        "prefix {prefix} on {interface}: {deprecated}, {route} default route, rule length {}, \
         {} s left, {delegated}{in_use}",
        rank.rule_len,
        rank.lifetime
    );
}

/// Whether an interface may be the uplink.
pub(super) fn is_candidate(config: &Config, dump: &Dump, interface: &InterfaceDump) -> bool {
    why_no_candidate(config, dump, interface).is_none()
}

/// Returns why an interface cannot be the uplink. One of ours is none, nor is an alias with a CE
/// address, which would keep a prefix alive that the line no longer has.
fn why_no_candidate(
    config: &Config,
    dump: &Dump,
    interface: &InterfaceDump,
) -> Option<&'static str> {
    let name = &interface.name;
    if dump.is_ours(name) {
        Some("it is of proto mape")
    } else if dump.is_our_alias(name) {
        Some("it holds the CE address of an interface of proto mape")
    } else if config.tunlink.as_ref().is_some_and(|tunlink| tunlink != name) {
        Some("the option tunlink names another one")
    } else if !interface.up {
        Some("it is down")
    } else if interface.device.as_deref() == Some("lo") {
        Some("it is the loopback device")
    } else {
        None
    }
}

/// Ranks a refusal by what it says about the line: 0 for prefixes that no line has, such as the
/// unique local one of a LAN.
fn how_telling(failure: &Failure, line: Option<&str>) -> u8 {
    if !failure.is_without_rule() {
        return 3;
    }
    match line {
        Some("local") => 0,
        None => 1,
        Some(_) => 2,
    }
}

#[cfg(test)]
mod tests;
