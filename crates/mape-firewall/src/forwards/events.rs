//! Runs hotplug scripts when a published port is added, moved or removed.

use std::net::SocketAddrV4;
use std::path::Path;
use std::time::Duration;

use mape_core::{IntoVec as _, PortRange};
use mape_system::program::{Command, End, Program};

use super::port_store::PortStore;
use super::section::Forward;

/// Timeout of a script, which may contact a slow server, such as one for dynamic DNS.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The change of one forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The section.
    pub forward: String,
    name: Option<String>,
    protocols: String,
    /// The number of ports.
    count: u32,
    /// Address and first port before.
    pub old: Option<SocketAddrV4>,
    /// Address and first port now.
    pub new: Option<SocketAddrV4>,
}

impl Change {
    /// Returns the changes in the order of the sections; removed forwards come last.
    pub(super) fn between(old: &PortStore, new: &PortStore, forwards: &[&Forward]) -> Vec<Self> {
        let present = forwards.iter().map(|forward| Self {
            forward: forward.section.clone(),
            name: forward.name.clone(),
            protocols: forward.protocols(),
            count: forward.dest_ports.count(),
            old: old.at(&forward.key),
            new: new.at(&forward.key),
        });
        let is_gone = |key: &str| forwards.iter().all(|it| it.key != key);
        let gone = old.forwards.iter().filter(|(key, _)| is_gone(key)).map(|(key, stored)| Self {
            forward: stored.section.as_ref().unwrap_or(key).clone(),
            name: stored.name.clone(),
            protocols: stored.protocols.clone(),
            count: stored.count.unwrap_or(1),
            old: old.at(key),
            new: None,
        });
        present.chain(gone).filter(|change| change.old != change.new).into_vec()
    }

    fn action(&self) -> &'static str {
        match (self.old, self.new) {
            (Some(_), Some(_)) => "moved",
            (None, _) => "published",
            (Some(_), None) => "withdrawn",
        }
    }

    /// Returns the message for the log. `waits` says that the host's address is not known, so that
    /// nothing arrives at the port yet.
    #[must_use]
    pub fn line(&self, waits: bool) -> String {
        let from = self.old.map(|old| format!(" from {old}")).unwrap_or_default();
        let to = self.new.map(|new| format!(" to {new}")).unwrap_or_default();
        let text = format!("forward {}: {}", self.forward, self.action());
        match (self.old, self.new) {
            (_, Some(new)) if waits => {
                format!("forward {}: has {new}, and waits for its host", self.forward)
            }
            (Some(_), Some(_)) => text + &from + &to,
            (None, Some(new)) => format!("{text} at {new}"),
            _ => text + &from,
        }
    }
}

/// Runs the scripts in `/etc/hotplug.d/mape`, one call for each change, which is described in the
/// environment. Does nothing if the hotplug program is absent. After a call that had to be killed,
/// the remaining calls are skipped, because each would take as long.
pub fn announce(hotplug: &Path, interface: &str, changes: &[Change]) {
    announce_within(TIMEOUT, hotplug, interface, changes);
}

fn announce_within(timeout: Duration, hotplug: &Path, interface: &str, changes: &[Change]) {
    if !hotplug.exists() {
        return;
    }
    for change in changes {
        let mut command = Command::new(hotplug);
        command.arg("mape").env("ACTION", change.action()).env("INTERFACE", interface);
        command.env("FORWARD", &change.forward).env("PROTO", &change.protocols);
        command.env("COUNT", &change.count.to_string());
        command.env("NAME", change.name.as_deref().unwrap_or_default());
        for (prefix, place) in [("OLD", change.old), ("NEW", change.new)] {
            let ip = place.map(|place| place.ip().to_string()).unwrap_or_default();
            let port = place.map(|place| place.port().to_string()).unwrap_or_default();
            command.env(&format!("{prefix}_IPV4"), &ip).env(&format!("{prefix}_PORT"), &port);
        }
        if !run(command, timeout) {
            return;
        }
    }
}

/// The same for the ports of UPnP: `PORTS` lists them, such as `63056-63071`.
pub fn announce_pool(hotplug: &Path, interface: &str, pool: &[PortRange]) {
    if hotplug.exists() {
        let ports: Vec<String> = pool.iter().map(ToString::to_string).into_vec();
        let mut command = Command::new(hotplug);
        command.arg("mape").env("ACTION", "upnp").env("INTERFACE", interface);
        command.env("PORTS", &ports.join(" "));
        run(command, TIMEOUT);
    }
}

/// Whether the script ended by itself. Its exit status is ignored.
fn run(command: Command, timeout: Duration) -> bool {
    #[cfg(feature = "linux")]
    if Path::new(command.program()).is_dir() {
        return crate::scripts::run(&command);
    }
    let ended = Program::new(command, timeout).silent().run();
    !ended.is_ok_and(|ended| matches!(ended.end, End::Deadline(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executable::executable;
    use crate::scratch::Scratch;

    #[test]
    fn a_script_that_hangs_costs_its_time_once() {
        let directory = std::env::temp_dir().join(format!("mape-events-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let directory = Scratch::of(directory);
        let (hotplug, log) = (directory.join("hotplug-call"), directory.join("ran"));
        let change = |forward: &str| Change {
            forward: forward.to_owned(),
            name: None,
            protocols: "tcp".to_owned(),
            count: 1,
            old: None,
            new: Some("192.0.2.1:5696".parse().unwrap()),
        };
        let ran = |rest: &str| {
            let text = format!("#!/bin/sh\necho $ACTION $FORWARD >>{}\n{rest}\n", log.display());
            executable(&hotplug, &text);
            let changes = [change("one"), change("two")];
            announce_within(Duration::from_secs(2), &hotplug, "wan", &changes);
            directory.ran()
        };
        assert_eq!(ran("exit 1"), "published one\npublished two\n");
        assert_eq!(ran("sleep 30"), "published one\n");
    }
}
