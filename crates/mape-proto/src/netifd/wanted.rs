//! What an interface should be, from its options and what netifd knows at this moment.

use mape_core::{DEFAULT_UPLINK_MTU, Plan, TUNNEL_OVERHEAD, plan};
use mape_nft::Line;
use serde_json::{Value, json};

use super::Bus;
use super::config::Config;
use super::facts::Facts;
use super::memory::Memory;
use super::options::OptionError;
use super::uplink::{Uplink, choose};
use crate::failure::Failure;

/// Options, uplink and plan that fit each other.
pub(super) struct Wanted {
    pub(super) config: Config,
    pub(super) uplink: Uplink,
    pub(super) plan: Plan,
    /// What is wrong with the newest options, where older ones are used in their place.
    pub(super) warning: Option<Failure>,
}

/// Works it out. Where the options themselves are wrong and older ones were not, the older ones
/// stay in force: a typing error must not cut a line that works.
pub(super) fn wanted(
    bus: &mut dyn Bus,
    facts: &Facts,
    options: &str,
    memory: &Memory,
) -> Result<Wanted, Failure> {
    let current = memory.prefix.parse().ok();
    let mut of = |options: &str| -> Result<Wanted, Failure> {
        let config = Config::parse(options)?;
        let uplink = choose(&config, facts, current)?;
        let mut request = config.request(uplink.prefix);
        request.uplink_mtu = uplink_mtu(bus, &uplink)?;
        if let Some(mtu) = config.mtu {
            let uplink_mtu = request.uplink_mtu;
            let room = uplink_mtu.saturating_sub(TUNNEL_OVERHEAD);
            if mtu > room {
                return Err(OptionError::MtuTooLarge { mtu, uplink_mtu, room }.into());
            }
            request.uplink_mtu = mtu + TUNNEL_OVERHEAD;
        }
        let plan = plan(&request)?;
        // Whether ports are left is known only now.
        Line::new(&plan, &[])?;
        Ok(Wanted { config, uplink, plan, warning: None })
    };
    let failure = match of(options) {
        Err(failure) if failure.is_of_options() => failure,
        other => return other,
    };
    let older = &memory.good_options;
    if older.is_empty() || older == options {
        return Err(failure);
    }
    match of(older) {
        Ok(wanted) => Ok(Wanted { warning: Some(failure), ..wanted }),
        Err(_) => Err(failure),
    }
}

/// The dump does not say it. A device that netifd does not know has the usual one.
fn uplink_mtu(bus: &mut dyn Bus, uplink: &Uplink) -> Result<u16, Failure> {
    let status = bus.call("network.device", "status", &json!({ "name": uplink.device }))?;
    let mtu = status.get("mtu").and_then(Value::as_u64);
    Ok(mtu.map_or(DEFAULT_UPLINK_MTU, |mtu| mtu.try_into().unwrap_or(u16::MAX)))
}

/// The outcome as text: as long as it stays the same there is nothing to do.
pub(super) fn outcome(wanted: &Result<Wanted, Failure>) -> String {
    match wanted {
        Ok(Wanted { uplink, plan, warning, .. }) => {
            let warning = warning.as_ref().map_or_else(String::new, Failure::line);
            let Uplink { interface, device, .. } = uplink;
            let (rule, prefix, mtu) = (plan.rule(), plan.end_user_prefix(), plan.mtu());
            format!("{interface} {device} {prefix} {rule} {mtu} {warning}")
        }
        Err(failure) => failure.line(),
    }
}
