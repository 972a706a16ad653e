//! What happens when an interface goes up, down, or changes.

use std::io::Write;

use mape_nft::InterfaceName;
use serde_json::{Value, json};

use super::life::is_alive;
use super::memory::Memory;
use super::update;
use super::wanted::{outcome, wanted};
use super::{Bus, Facts, InterfaceFacts, Places, facts, interface_object, notify, set_data};
use crate::failure::Failure;
use crate::firewall;

/// An event of netifd's, as hotplug passes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `ifup`, `ifupdate`, `ifdown` …
    pub action: String,
    /// The interface's name.
    pub interface: String,
}

/// For one of our interfaces: brings the rules in line. For another one: asks netifd to renew those
/// of ours to which it makes a difference, and no other, so that events alone cannot keep a failing
/// interface busy.
///
/// # Errors
/// Netifd or nft refused; it has been reported to netifd where that is possible.
pub fn hotplug(
    bus: &mut dyn Bus,
    places: &Places,
    event: &Event,
    log: &mut dyn Write,
) -> Result<(), Failure> {
    let facts = facts(bus)?;
    let ours = |name: &str| {
        facts.interfaces().any(|interface| interface.proto == "mape" && interface.name == name)
    };
    if ours(&event.interface) {
        return match event.interface.parse() {
            Ok(interface) => load(bus, places, &facts, &interface, log),
            Err(_) => Ok(()),
        };
    }
    if event.action == "ifdown" && facts.interface(&event.interface).is_none() {
        return removed(places, &event.interface, log);
    }
    let alias_of = event.interface.strip_suffix('_');
    if alias_of.is_some_and(ours) || !matches!(event.action.as_str(), "ifup" | "ifupdate") {
        return Ok(());
    }
    for interface in facts.interfaces().filter(|facts| facts.proto == "mape" && facts.autostart) {
        if changes(bus, places, &facts, interface) {
            // netifd refuses where it is not the time, and then does it by itself.
            let _ = bus.call(&interface_object(&interface.name), "renew", &json!({}));
        }
    }
    Ok(())
}

/// The section was deleted from the configuration: nothing of the interface stays.
fn removed(places: &Places, interface: &str, log: &mut dyn Write) -> Result<(), Failure> {
    let Ok(interface) = interface.parse::<InterfaceName>() else { return Ok(()) };
    if Memory::forget(&places.firewall.state, &interface) {
        let _ = write!(log, "{}", firewall::load(&places.firewall)?);
    }
    Ok(())
}

/// Loads the rules and shows the edge in use.
fn load(
    bus: &mut dyn Bus,
    places: &Places,
    facts: &Facts,
    interface: &InterfaceName,
    log: &mut dyn Write,
) -> Result<(), Failure> {
    let report = firewall::load(&places.firewall).map_err(|error| {
        let failure = Failure::from(error);
        let mut memory = Memory::read(&places.firewall.state, interface);
        memory.doubt();
        let _ = memory.write(&places.firewall.state, interface);
        let _ = notify(bus, &update::error(interface, &failure));
        let _ = set_data(bus, interface, "warning", failure.data());
        failure
    })?;
    let _ = write!(log, "{report}");
    let Some(edge) = report.edge_of(interface) else { return Ok(()) };
    let shown = facts.interface(interface.as_str()).and_then(|facts| facts.data.get("edge"));
    if shown.and_then(Value::as_str) != Some(edge.name()) {
        set_data(bus, interface, "edge", json!(edge.name()))?;
    }
    Ok(())
}

/// Whether another call of the handler would come to another result than the last one.
fn changes(bus: &mut dyn Bus, places: &Places, facts: &Facts, interface: &InterfaceFacts) -> bool {
    let Ok(name) = interface.name.parse::<InterfaceName>() else { return false };
    let directory = &places.firewall.state;
    let memory = Memory::read(directory, &name);
    let died = !memory.settled && !is_alive(directory, &name);
    died || outcome(&wanted(bus, facts, &memory.options, &memory)) != memory.outcome
}
