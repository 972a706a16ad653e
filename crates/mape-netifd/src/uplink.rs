//! Chooses the uplink, and the one of its prefixes that is the end-user prefix.

use mape_core::{Failure, PrefixRank, Quoted, ReceivedPrefix};
use mape_provision::Decision;

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
    for interface in dump.interfaces().filter(|interface| is_candidate(config, dump, interface)) {
        let Some(device) = interface.device.as_deref() else { continue };
        let is_current = |candidate: &Candidate| current == Some(candidate.prefix);
        let prefixes = interface.prefixes();
        let uplink_in_use = prefixes.iter().any(is_current);
        for candidate in &prefixes {
            let no_line = |fixed: &FixedIpv4Contract| fixed.rule(candidate.prefix).is_none();
            if config.fixed.as_ref().is_some_and(no_line) {
                continue;
            }
            match config.sources(candidate.prefix).decide() {
                Ok(Decision { plan, .. }) => {
                    if let Some(by) = taken.by_another(config, &interface.name, plan.ce()) {
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
                    if best.as_ref().is_none_or(|(_, best)| rank.is_better_than(best)) {
                        let (interface, device) = (interface.name.clone(), device.to_owned());
                        best = Some((Uplink { interface, device, prefix: candidate.prefix }, rank));
                    }
                }
                Err(error) => {
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
        return Ok(best);
    }
    match (reason, &config.tunlink) {
        (Some((telling, failure)), _) if telling > 0 => Err(failure),
        (_, Some(name)) => Err(UplinkError::NotYetOn(Quoted::new(name)).into()),
        (_, None) => Err(UplinkError::NoIpv6Yet.into()),
    }
}

/// Whether an interface may be the uplink: not one of ours, and not an alias with a CE address,
/// which would keep a prefix alive that the line no longer has.
pub(super) fn is_candidate(config: &Config, dump: &Dump, interface: &InterfaceDump) -> bool {
    let name = &interface.name;
    config.tunlink.as_ref().is_none_or(|tunlink| tunlink == name)
        && interface.up
        && interface.device.as_deref() != Some("lo")
        && !dump.is_ours(name)
        && !dump.is_our_alias(name)
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
