//! `setup` and `renew`: what netifd calls to bring an interface up or in line.
//!
//! Each call decides what the interface should be ([`decide`]), applies it ([`apply()`]), and
//! reports what came of it ([`report`]).

use std::thread::sleep;
use std::time::{Duration, Instant};

use mape_core::{Code, Failure};
use mape_firewall::{Env, State};
use mape_nft::InterfaceName;
use mape_system::logger;
use mape_ubus::UbusError;

use super::apply::{self, Before, Detection, apply};
use super::bus::{Bus, read_dump};
use super::decide::{self, Target};
use super::dump::Dump;
use super::fingerprint::Outcome;
use super::interface_cache::InterfaceCache;
use super::invocation::Invocation;
use super::provisioning::schedule::schedule_if_due;
use super::teardown::take_down;
use super::{call_lock, ce_alias, dhcpv6, log_scope, report, rivals};

/// How often a call that waits for a cause without event looks for a change.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// It is time for another attempt.
    Over,
    /// netifd has ended; its successor makes a call of its own.
    Pointless,
}

/// Brings the interface up. What cannot be done yet is reported, and the interface stays pending.
/// If no event is sure to follow when the cause ends, the attempt is repeated: this returns when
/// the interface is up, or when an event will start the next call.
///
/// **netifd is never asked to restart the interface**, as it would loop on a cause that lasts, or
/// leave the interface down for ever.
///
/// # Errors
/// The reason that was reported to netifd and logged.
pub fn setup(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    options: &str,
) -> Result<(), Failure> {
    log_scope::of_options(interface, options);
    let _lock = call_lock::hold(&env.run, interface);
    until_up_or_an_event(&mut Invocation::new(bus, env, interface), options)
}

/// Brings the interface up if it is not, and changes it if the line has changed.
///
/// **An interface that works stays as it is while something is wrong.**
///
/// # Errors
/// The reason that was reported to netifd and logged.
pub fn renew(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    options: &str,
) -> Result<(), Failure> {
    log_scope::of_options(interface, options);
    let _lock = call_lock::hold(&env.run, interface);
    let mut call = Invocation::new(bus, env, interface);
    let mut last_line = String::new();
    loop {
        let failure = match is_up(&mut call) {
            Ok(false) => return until_up_or_an_event(&mut call, options),
            Ok(true) => match keep_up(&mut call, options) {
                Err(failure) if failure.needs_polling() => failure,
                done => return done,
            },
            Err(failure) => {
                report::failure(&mut call, &failure, &mut last_line);
                failure
            }
        };
        if wait(&mut call, options) == Wait::Pointless {
            return Err(failure);
        }
    }
}

fn until_up_or_an_event(call: &mut Invocation<'_>, options: &str) -> Result<(), Failure> {
    let mut last_line = String::new();
    loop {
        let Err(failure) = attempt(call, options) else { return Ok(()) };
        report::failure(call, &failure, &mut last_line);
        if !failure.is_retried() || wait(call, options) == Wait::Pointless {
            return Err(failure);
        }
    }
}

/// One attempt to bring up an interface that is down.
fn attempt(call: &mut Invocation<'_>, options: &str) -> Result<(), Failure> {
    let mut cache = call.cache();
    options.clone_into(&mut cache.options);
    cache.settled = false;
    call.keep(&cache);
    let dump = read_dump(call.bus).inspect_err(|_| {
        // Any decision differs from this one and ends the wait.
        cache.outcome = Outcome::default();
        call.keep(&cache);
    })?;
    schedule_if_due(call.bus, call.env, call.interface, &dump);
    dhcpv6::log_unusable(call.env, &dump);
    let decision = call.decide(&dump, options, &cache);
    cache.outcome = decide::outcome(&decision);
    let done = decision
        .and_then(|target| bring_up(call, &mut cache, &dump, &target, options, Before::Down));
    cache.settled = true;
    call.keep(&cache);
    finish(call, done)
}

/// Brings an interface that is up in line with the options and the line.
///
/// **A target that is in force is not applied again**: the CE address is put back if it is lost,
/// and rule and warning are published, but the tunnel stays. **A failure takes the tunnel down only
/// if the network withdrew the rule.**
fn keep_up(call: &mut Invocation<'_>, options: &str) -> Result<(), Failure> {
    let mut cache = call.cache();
    options.clone_into(&mut cache.options);
    let dump = read_dump(call.bus)?;
    let decision = call.decide(&dump, options, &cache);
    cache.outcome = decide::outcome(&decision);
    let done = match decision {
        Ok(target) if is_in_force(call, &cache, &dump, &target) => {
            cache.applied = Some(target.fingerprint());
            let ce = target.plan.ce();
            if ce_alias::is_lost(call.env, call.interface, ce) {
                log::warn!("the CE address {ce} is lost; it is put back");
                ce_alias::add(call, &dump, &target.uplink.interface, ce)
                    .map(|()| Detection::Running(ce))
            } else {
                report::publish_rule(call, &mut cache, &target);
                report::publish_warning(call, &dump, &target);
                Ok(Detection::Over)
            }
        }
        Ok(target) => bring_up(call, &mut cache, &dump, &target, options, Before::Up),
        Err(failure) => {
            let withdrawn = failure.is_without_rule()
                && decide::is_withdrawn(call.env, call.interface, &cache, options);
            if withdrawn {
                take_down(call, &mut cache);
            }
            Err(failure)
        }
    };
    cache.settled = true;
    call.keep(&cache);
    schedule_if_due(call.bus, call.env, call.interface, &dump);
    let done = finish(call, done);
    if let Err(failure) = &done {
        // The cache holds no applied target once the tunnel was taken down.
        report::failure_while_up(call, failure, call.cache().applied.is_some());
    }
    done
}

/// Ends what still runs while the tunnel carries packets: duplicate address detection. If another
/// device has the CE address, the tunnel is taken down.
///
/// **The cache is written before this and read again after it**: the loader and provisioning write
/// it as soon as the tunnel is up.
fn finish(call: &mut Invocation<'_>, done: Result<Detection, Failure>) -> Result<(), Failure> {
    let Detection::Running(ce) = done? else { return Ok(()) };
    let Err(failure) = ce_alias::wait(call, ce) else { return Ok(()) };
    if call.is_orphan() {
        // netifd has ended, and the interface is its successor's.
        return Err(failure);
    }
    if failure.code != Code::CeInUse {
        log::warn!("{}", failure.line());
        return Ok(());
    }
    let mut cache = call.cache();
    take_down(call, &mut cache);
    cache.ce_was_in_use = true;
    call.keep(&cache);
    Err(failure)
}

/// Checks a target, claims its line, and applies it. Before the line is claimed nothing is touched,
/// since it may be another interface's.
fn bring_up(
    call: &mut Invocation<'_>,
    cache: &mut InterfaceCache,
    dump: &Dump,
    target: &Target,
    options: &str,
    before: Before,
) -> Result<Detection, Failure> {
    report::conflicts(target);
    let rules = apply::check(call.env, call.interface, target)?;
    let Target { config, uplink, plan, .. } = target;
    rivals::claim(call.env, dump, call.interface, config, &uplink.interface, plan.ce())
        .inspect_err(|failure| cache.outcome = Outcome::failed(failure))?;
    let detection = apply(call, cache, dump, target, &rules, before)?;
    match &target.warning {
        Some(warning) => report::warning(call, warning),
        None => options.clone_into(&mut cache.good_options),
    }
    Ok(detection)
}

/// Whether the target is what the interface runs with, and the loader can open it.
fn is_in_force(
    call: &Invocation<'_>,
    cache: &InterfaceCache,
    dump: &Dump,
    target: &Target,
) -> bool {
    let own = dump.interface(call.interface.as_str());
    let is_applied = match &cache.applied {
        Some(applied) => *applied == target.fingerprint(),
        // An earlier version of this program wrote the cache: netifd shows what that applied.
        None => cache.settled && own.is_some_and(|own| target.is_shown_in(cache, &own.data)),
    };
    is_applied && State::is_usable(&call.env.run, call.interface)
}

fn is_up(call: &mut Invocation<'_>) -> Result<bool, Failure> {
    let dump = read_dump(call.bus)?;
    Ok(dump.interface(call.interface.as_str()).is_some_and(|it| it.up))
}

/// Waits until the retry delay is over, or until another decision is made than that of the last
/// attempt.
fn wait(call: &mut Invocation<'_>, options: &str) -> Wait {
    let cache = call.cache();
    let end = Instant::now() + call.env.retry_delay;
    while Instant::now() < end {
        sleep(POLL_INTERVAL.min(end.saturating_duration_since(Instant::now())));
        match read_dump(call.bus) {
            Err(UbusError::ObjectNotFound(_)) => return Wait::Pointless,
            _ if call.is_orphan() => return Wait::Pointless,
            // netifd is busy, or ubusd was started again.
            Err(_) => {}
            Ok(dump) => {
                let decision = logger::without_debug(|| call.decide(&dump, options, &cache));
                if decide::outcome(&decision) != cache.outcome {
                    break;
                }
            }
        }
    }
    Wait::Over
}

/// One attempt of [`setup`], without the waiting.
#[cfg(test)]
pub(super) fn attempt_once(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    options: &str,
) -> Result<(), Failure> {
    attempt(&mut Invocation::new(bus, env, interface), options)
}
