//! What an interface should be, from its options and what netifd knows at this moment.

use mape_core::{DEFAULT_UPLINK_MTU, Failure, Plan, Quoted};
use mape_firewall::Env;
use mape_firewall::forwards::pool;
use mape_nft::{Dataplane, InterfaceName};
use mape_provision::{Conflict, Decision, Mode, Source};
use serde_json::{Value, json};

use super::bus::Bus;
use super::config::{Config, UPNP_HINT};
use super::dump::Dump;
use super::interface_cache::InterfaceCache;
use super::interface_data::InterfaceData;
use super::options::{OptionError, planned_uplink_mtu};
use super::provisioning::store::Store;
use super::uplink::{Uplink, choose};
use super::{dhcpv6, rivals};

/// Options, uplink and plan that fit each other.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) uplink: Uplink,
    pub(super) plan: Plan,
    /// Whose rule the plan is made from.
    pub(super) source: Source,
    /// Who says otherwise.
    pub(super) conflicts: Vec<Conflict>,
    /// What is wrong with the newest options, where older ones are used in their place.
    pub(super) warning: Option<Failure>,
}

/// Works it out. Where nothing comes of the options, and something of older ones that were right,
/// the older ones stay in force: neither a typing error nor another line's provider, rule or uplink
/// must cut a line that works.
pub(super) fn wanted(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    dump: &Dump,
    options: &str,
    memory: &InterfaceCache,
) -> Result<Target, Failure> {
    let current = memory.prefix.parse().ok();
    let taken = rivals::taken(env, dump, interface);
    let mut of = |options: &str| -> Result<Target, Failure> {
        let config = with_learned_rules(Config::parse(options)?, env, interface, dump);
        let uplink = match choose(&config, dump, current, &taken) {
            Err(failure) if config.provisioning != Mode::Off => {
                return Err(asked_and_not_known(failure, &Store::new(env, interface)));
            }
            other => other?,
        };
        let mut sources = config.sources(uplink.prefix);
        let request = &mut sources.request;
        request.uplink_mtu = uplink_mtu(bus, &uplink.device)?;
        if let Some(mtu) = config.mtu {
            request.uplink_mtu = planned_uplink_mtu(mtu, request.uplink_mtu)?;
        }
        let Decision { plan, source, conflicts } = sources.decide()?;
        // Whether ports are left is known only now.
        Dataplane::new(&plan, &[])?;
        enough_for_upnp(&plan, config.upnp_ports)?;
        Ok(Target { config, uplink, plan, source, conflicts, warning: None })
    };
    let failure = match of(options) {
        // Of such causes the options are none.
        Err(failure) if !failure.needs_polling() => failure,
        other => return other,
    };
    let older = &memory.good_options;
    if older.is_empty() || older == options {
        return Err(failure);
    }
    match of(older) {
        Ok(wanted) => Ok(Target { warning: Some(failure), ..wanted }),
        Err(_) => Err(failure),
    }
}

/// The options with what a server of the provider's and the line's DHCPv6 have said.
pub(super) fn with_learned_rules(
    config: Config,
    env: &Env,
    interface: &InterfaceName,
    dump: &Dump,
) -> Config {
    let rules = Store::new(env, interface).rules(&config.provisioning);
    config.with_provisioned(rules).with_dhcpv6(dhcpv6::rules(env, dump))
}

/// The set is what the line has, and one port at least is for outgoing connections.
fn enough_for_upnp(plan: &Plan, count: u16) -> Result<(), OptionError> {
    let found: usize = pool(plan, count).iter().map(|range| range.ports().len()).sum();
    if found >= count.into() || plan.port_set().parameters().psid_len() == 0 {
        return Ok(());
    }
    let value = Quoted::new(&count.to_string());
    Err(OptionError::Bad { name: "upnp_ports", value, hint: UPNP_HINT })
}

/// Nobody has a rule, and one is being asked for: then the reason is why there is no answer yet.
fn asked_and_not_known(mut failure: Failure, store: &Store<'_>) -> Failure {
    if failure.is_without_rule() {
        let (why, next) = store.failure_reason().unwrap_or_else(|| {
            let why = "the answer of provisioning is not there yet";
            (why.to_owned(), "wait a minute; if it stays, see `logread`".to_owned())
        });
        failure.message += ", and ";
        failure.message += &why;
        failure.hint = next;
    }
    failure
}

/// The dump does not say it. A device that netifd does not know has the usual one.
pub(super) fn uplink_mtu(bus: &mut dyn Bus, device: &str) -> Result<u16, Failure> {
    let status = bus.call("network.device", "status", &json!({ "name": device }))?;
    let mtu = status.get("mtu").and_then(Value::as_u64);
    Ok(mtu.map_or(DEFAULT_UPLINK_MTU, |mtu| mtu.try_into().unwrap_or(u16::MAX)))
}

/// The outcome as text: as long as it stays the same there is nothing to do. Two rules may describe
/// one mapping, as an aggregate and as a piece of it.
pub(super) fn outcome(wanted: &Result<Target, Failure>) -> String {
    match wanted {
        Ok(wanted) => {
            let warning = wanted.warning.as_ref().map_or_else(String::new, Failure::line);
            wanted.in_force() + &warning
        }
        Err(failure) => failure.line(),
    }
}

impl Target {
    /// What the tunnel depends on, as text: what is wrong with the newest options does not matter
    /// as long as the older ones are in force.
    pub(super) fn in_force(&self) -> String {
        let Self { uplink, plan, warning, .. } = self;
        let Uplink { interface, device, .. } = uplink;
        let (prefix, mtu, ipv4) = (plan.end_user_prefix(), plan.mtu(), plan.ipv4());
        let (ce, br, set) = (plan.ce(), plan.br(), plan.port_set());
        let (psid, parameters) = (set.psid(), set.parameters());
        let (offset, psid_len) = (parameters.offset(), parameters.psid_len());
        let options = if warning.is_some() { "older" } else { "newest" };
        format!(
            "{interface} {device} {prefix} {ipv4} {offset} {psid}/{psid_len} {ce} {br} {mtu} \
             {options} "
        )
    }

    /// What is told about the rule, in the update and whenever it changes.
    pub(super) fn about_the_rule(&self) -> InterfaceData {
        let conflicts: Vec<String> = self.conflicts.iter().map(ToString::to_string).collect();
        InterfaceData {
            rule: Some(self.plan.rule().to_string()),
            rule_source: Some(self.source.name().to_owned()),
            layout: Some(self.plan.rule().layout().name().to_owned()),
            rule_conflicts: Some(conflicts),
            ..InterfaceData::default()
        }
    }
}
