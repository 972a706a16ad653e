//! Provisioning on a router: who is asked when, and what becomes of the answer.
//!
//! Nothing waits in memory. `mape-proto provision IFACE UNTIL` asks what is due and ends; procd, which
//! starts it again when the wait is over, is told how long that is. Set-up and hotplug only start it
//! where the line's prefixes are not those that were asked for.

use std::io::Write;

use mape_core::ReceivedPrefix;
use mape_nft::InterfaceName;
use mape_provision::{Effect, Machine, Mode};

use super::config::Config;
use super::hotplug::renew_if_changed;
use super::memory::Memory;
use super::{Bus, Facts, Places, facts};
use crate::failure::Failure;
use crate::provision::Fetcher;
use crate::status::uptime;

mod line;
mod options;
pub(super) mod store;
mod timer;

pub(super) use line::Asker;
pub(super) use options::{identity, mode};

use store::{Store, Trouble};

/// Asks what is due for an interface, keeps the answer, has the interface renewed where that makes a
/// difference, and arranges the next try. `until` is the time this call was arranged for, in seconds
/// since the machine's start; 0 for at once.
///
/// # Errors
/// netifd does not answer.
pub fn provision(
    bus: &mut dyn Bus,
    places: &Places,
    interface: &InterfaceName,
    until: u64,
    log: &mut dyn Write,
) -> Result<(), Failure> {
    let facts = facts(bus)?;
    let store = Store::new(places, interface);
    let Some(config) = wish(places, &facts, interface) else {
        timer::stop(bus, interface);
        store.forget();
        return Ok(());
    };
    let asker = Asker::of(&config, &facts);
    let prefixes = asker.prefixes.clone();
    let (cached, pause) = (store.cached(), store.pause());
    let Some(mut machine) = Machine::new(config.provisioning.clone(), prefixes, cached, pause)
    else {
        return Ok(());
    };
    let fetcher = Fetcher::find(config.authority.clone());
    let mut trouble = store.last_trouble();
    let mut news = false;
    let next = asker.run(&mut machine, fetcher.as_ref(), log, |effect, machine, log| {
        news |= matches!(effect, Effect::Apply | Effect::Withdraw(_));
        trouble = tell(&effect, machine, log);
    });
    if let Err(error) = store.keep(&machine, trouble) {
        let _ = writeln!(log, "the answer of provisioning cannot be kept: {error}");
    }
    renew_if_changed(bus, places, interface, news);
    if !asker.prefixes.is_empty() && next != until {
        timer::arrange(bus, interface, next, now(), log);
    }
    Ok(())
}

/// Starts [`provision`] where the line is not the one that was asked for last, and forgets what was
/// answered where the user asks no more. It does not wait for anything.
pub(super) fn look(
    bus: &mut dyn Bus,
    places: &Places,
    interface: &InterfaceName,
    facts: &Facts,
    log: &mut dyn Write,
) {
    let store = Store::new(places, interface);
    let Some(config) = wish(places, facts, interface) else {
        if store.forget() {
            timer::stop(bus, interface);
        }
        return;
    };
    let asker = Asker::of(&config, facts);
    if !asker.prefixes.is_empty() && is_due(&store, &config.provisioning, &asker.prefixes) {
        timer::arrange(bus, interface, 0, 0, log);
    }
}

/// Seconds since the machine's start: a clock that does not jump when the time becomes known.
pub(super) fn now() -> u64 {
    uptime("/proc".as_ref()).unwrap_or(0)
}

/// Whether nothing is known of this line, or the next try is over the time.
fn is_due(store: &Store<'_>, mode: &Mode, prefixes: &[ReceivedPrefix]) -> bool {
    !store.pause().is_some_and(|pause| {
        pause.source == mode.key() && pause.prefixes == prefixes && pause.until > now()
    })
}

/// Why the last try for an interface gave nothing, and what to do: `None` where nothing is asked, or
/// all went well.
pub(crate) fn trouble(places: &Places, interface: &InterfaceName) -> Option<(String, String)> {
    Store::new(places, interface).trouble()
}

/// The configuration of an interface that is to be asked for.
fn wish(places: &Places, facts: &Facts, interface: &InterfaceName) -> Option<Config> {
    let name = interface.as_str();
    facts.interface(name).filter(|it| facts.is_ours(name) && it.autostart)?;
    let memory = Memory::read(&places.firewall.state, interface);
    let read = |options: &str| Config::parse(options).ok();
    let config = read(&memory.options).or_else(|| read(&memory.good_options))?;
    (config.provisioning != Mode::Off).then_some(config)
}

/// Puts the outcome of a try into the log; what is wrong is kept for whoever looks.
fn tell(effect: &Effect, machine: &Machine, log: &mut dyn Write) -> Option<Trouble> {
    let failure: Failure = match effect {
        Effect::Unchanged => return None,
        Effect::Apply => {
            let rules = machine.answer().and_then(|answer| answer.map_e());
            let count = rules.map_or(0, |map_e| map_e.rules.len());
            // Whoever reads the log knows already where this fails.
            let _ = writeln!(log, "provisioning: {count} rules");
            return None;
        }
        Effect::Withdraw(why) => why.clone().into(),
        Effect::Keep(why) => why.clone().into(),
    };
    let _ = writeln!(log, "{}", failure.line());
    Trouble::of(&failure)
}
