//! Telling whom it concerns that a published port is there, has moved or is gone.

use std::net::SocketAddrV4;
use std::path::Path;
use std::process::{Command, Stdio};

use mape_core::PortRange;

use super::forward::Forward;
use super::kept::Kept;

/// What happened to one forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The section.
    pub(crate) forward: String,
    name: Option<String>,
    protocols: String,
    /// Address and port before.
    pub(crate) old: Option<SocketAddrV4>,
    /// Address and port now.
    pub(crate) new: Option<SocketAddrV4>,
}

impl Change {
    /// In the order of the sections; what is gone comes last.
    pub(super) fn between(old: &Kept, new: &Kept, forwards: &[&Forward]) -> Vec<Self> {
        let present = forwards.iter().map(|forward| Self {
            forward: forward.section.clone(),
            name: forward.name.clone(),
            protocols: forward.protocols(),
            old: old.at(&forward.key),
            new: new.at(&forward.key),
        });
        let is_gone = |key: &str| forwards.iter().all(|it| it.key != key);
        let gone = old.forwards.iter().filter(|(key, _)| is_gone(key)).map(|(key, kept)| Self {
            forward: kept.section.as_ref().unwrap_or(key).clone(),
            name: kept.name.clone(),
            protocols: kept.protocols.clone(),
            old: old.at(key),
            new: None,
        });
        present.chain(gone).filter(|change| change.old != change.new).collect()
    }

    fn action(&self) -> &'static str {
        match (self.old, self.new) {
            (Some(_), Some(_)) => "moved",
            (None, _) => "published",
            (Some(_), None) => "withdrawn",
        }
    }

    /// For the log.
    pub(crate) fn line(&self) -> String {
        let from = self.old.map(|old| format!(" from {old}")).unwrap_or_default();
        let to = self.new.map(|new| format!(" to {new}")).unwrap_or_default();
        let text = format!("forward {}: {}", self.forward, self.action());
        match (self.old, self.new) {
            (Some(_), Some(_)) => text + &from + &to,
            (None, Some(new)) => format!("{text} at {new}"),
            _ => text + &from,
        }
    }
}

/// Runs the scripts in `/etc/hotplug.d/mape`, one call for each change, with what it is about in the environment.
/// Where there is no such program, nobody is told.
pub(crate) fn announce(hotplug: &Path, interface: &str, changes: &[Change]) {
    if !hotplug.exists() {
        return;
    }
    for change in changes {
        let mut command = Command::new(hotplug);
        command.arg("mape").env("ACTION", change.action()).env("INTERFACE", interface);
        command.env("FORWARD", &change.forward).env("PROTO", &change.protocols);
        command.env("NAME", change.name.as_deref().unwrap_or_default());
        for (prefix, place) in [("OLD", change.old), ("NEW", change.new)] {
            let ip = place.map(|place| place.ip().to_string()).unwrap_or_default();
            let port = place.map(|place| place.port().to_string()).unwrap_or_default();
            command.env(format!("{prefix}_IPV4"), ip).env(format!("{prefix}_PORT"), port);
        }
        run(&mut command);
    }
}

/// The same for the ports that UPnP may give away: `PORTS` has them, like `63056-63071`.
pub(crate) fn announce_pool(hotplug: &Path, interface: &str, pool: &[PortRange]) {
    if hotplug.exists() {
        let ports: Vec<String> = pool.iter().map(ToString::to_string).collect();
        let mut command = Command::new(hotplug);
        command.arg("mape").env("ACTION", "upnp").env("INTERFACE", interface);
        run(command.env("PORTS", ports.join(" ")));
    }
}

/// A script's failure is its own.
fn run(command: &mut Command) {
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}
