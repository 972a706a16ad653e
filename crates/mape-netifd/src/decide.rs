//! Decides what an interface should be, from its options and netifd's dump. Nothing is changed.

use mape_core::{DEFAULT_UPLINK_MTU, Failure, IntoVec as _, Plan, Quoted};
use mape_firewall::Env;
use mape_firewall::forwards::pool;
use mape_nft::{Dataplane, InterfaceName};
use mape_provision::{Conflict, Decision, Mode, Source};
use mape_system::json;
use serde_json::Value;

use super::bus::Bus;
use super::config::{Config, UPNP_HINT};
use super::dump::Dump;
use super::fingerprint::{Fingerprint, Outcome};
use super::interface_cache::InterfaceCache;
use super::interface_data::InterfaceData;
use super::learned_rules::with_learned_rules;
use super::options::{OptionError, planned_uplink_mtu};
use super::provisioning::store::Store;
use super::rivals;
use super::uplink::{Uplink, choose};

/// What an interface should be: options, uplink and plan that fit each other.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) uplink: Uplink,
    pub(super) plan: Plan,
    /// Whose rule the plan is made from.
    pub(super) source: Source,
    /// Rules of other sources that contradict it.
    pub(super) conflicts: Vec<Conflict>,
    /// The failure of the newest options, if older ones are used in their place.
    pub(super) warning: Option<Failure>,
}

/// Returns the target of the options.
///
/// **Last known good configuration**: if the newest options are invalid or produce no plan, and the
/// last ones that came up do, those stay in force, and the target carries the failure as a warning.
/// Neither a typing error nor another line's provider, rule or uplink cuts a line that works.
pub(super) fn decide(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    dump: &Dump,
    options: &str,
    cache: &InterfaceCache,
) -> Result<Target, Failure> {
    let current = cache.prefix.parse().ok();
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
        // Only the plan says whether ports are left.
        Dataplane::new(&plan, &[])?;
        enough_for_upnp(&plan, config.upnp_ports)?;
        Ok(Target { config, uplink, plan, source, conflicts, warning: None })
    };
    let failure = match of(options) {
        // The options are not the cause of such a failure.
        Err(failure) if !failure.needs_polling() => failure,
        other => return other,
    };
    let older = &cache.good_options;
    if older.is_empty() || older == options {
        return Err(failure);
    }
    match of(older) {
        Ok(target) => Ok(Target { warning: Some(failure), ..target }),
        Err(_) => Err(failure),
    }
}

/// Checks that the port set leaves the ports for UPnP, and one at least for everything else.
fn enough_for_upnp(plan: &Plan, count: u16) -> Result<(), OptionError> {
    let found: usize = pool(plan, count).iter().map(|range| range.ports().len()).sum();
    if found >= count.into() || plan.port_set().parameters().psid_len() == 0 {
        return Ok(());
    }
    let value = Quoted::new(&count.to_string());
    Err(OptionError::Bad { name: "upnp_ports", value, hint: UPNP_HINT })
}

/// Returns the failure of a line without a rule while a server is asked for one: the reason is why
/// there is no answer yet.
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

/// Returns the MTU of a device, which the dump does not have. For a device that netifd does not
/// know it is the usual one.
pub(super) fn uplink_mtu(bus: &mut dyn Bus, device: &str) -> Result<u16, Failure> {
    let status =
        bus.call("network.device", "status", &json::object(vec![("name", device.into())]))?;
    let mtu = status.get("mtu").and_then(Value::as_u64);
    Ok(mtu.map_or(DEFAULT_UPLINK_MTU, |mtu| mtu.try_into().unwrap_or(u16::MAX)))
}

/// What a decision came to, for comparison with another one.
pub(super) fn outcome(decision: &Result<Target, Failure>) -> Outcome {
    match decision {
        Ok(target) => Outcome::target(target.fingerprint(), target.warning.as_ref()),
        Err(failure) => Outcome::failed(failure),
    }
}

/// Whether the rule in force was a provisioning server's, and the network says that there is none
/// any more. A request that failed says nothing of the kind.
pub(super) fn is_withdrawn(
    env: &Env,
    interface: &InterfaceName,
    cache: &InterfaceCache,
    options: &str,
) -> bool {
    let mode = Config::parse(options).map_or(Mode::Off, |config| config.provisioning);
    let published = cache.last_published.as_ref().and_then(|it| it.rule_source.as_deref());
    let was_answered = published == Some(Source::Provisioned.name());
    was_answered && mode != Mode::Off && Store::new(env, interface).rules(&mode).is_empty()
}

impl Target {
    /// What the tunnel and the rules depend on. The reason why older options are used is no part of
    /// it.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new(&self.uplink, &self.plan, self.warning.is_some())
    }

    /// What is published of the rule, in the update and whenever it changes.
    pub(super) fn published_rule(&self) -> InterfaceData {
        let conflicts: Vec<String> = self.conflicts.iter().map(ToString::to_string).into_vec();
        InterfaceData {
            rule: Some(self.plan.rule().to_string()),
            rule_source: Some(self.source.name().to_owned()),
            layout: Some(self.plan.rule().layout().name().to_owned()),
            rule_conflicts: Some(conflicts),
            ..InterfaceData::default()
        }
    }

    /// Whether the data of an interface that is up shows this target, made from the options that
    /// came up.
    pub(super) fn is_shown_in(&self, cache: &InterfaceCache, data: &InterfaceData) -> bool {
        let Self { uplink, plan, warning, .. } = self;
        let is = |shown: &Option<String>, value: &str| shown.as_deref() == Some(value);
        (warning.is_some() || cache.good_options == cache.options)
            && is(&data.uplink, &uplink.interface)
            && is(&data.end_user_prefix, &plan.end_user_prefix().to_string())
            && is(&data.rule, &plan.rule().to_string())
            && data.mtu == Some(plan.mtu())
    }
}
