//! The state of netifd, and its clock.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use crate::config::Section;
use crate::handler::{self, Handler};
use crate::hotplug::Hotplug;
use crate::interface::{Interface, Protocol, State};
use crate::process::Processes;
use crate::service::Instance;
use crate::system::System;

/// A request to a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Setup,
    Teardown,
    Renew,
}

/// The daemon's state.
#[derive(Debug)]
pub(crate) struct Netifd {
    pub(crate) interfaces: BTreeMap<String, Interface>,
    pub(crate) handlers: BTreeMap<String, Handler>,
    pub(crate) system: System,
    pub(crate) hotplug: Hotplug,
    pub(crate) processes: Processes,
    /// The directory of the handlers.
    directory: PathBuf,
    pub(crate) config: PathBuf,
    /// The processes that procd restarts.
    pub(crate) services: Vec<Instance>,
    /// No interface comes up before all are configured.
    pub(crate) started: bool,
}

impl Netifd {
    pub(crate) fn new(options: &crate::serve::Options, processes: Processes) -> Self {
        Self {
            interfaces: BTreeMap::new(),
            handlers: BTreeMap::new(),
            directory: options.handlers.clone(),
            system: System { dry: options.dry, ..System::default() },
            hotplug: Hotplug::new(options.hotplug.clone()),
            processes,
            config: options.config.clone(),
            services: Vec::new(),
            started: false,
        }
    }

    /// Reads the handlers' descriptions and the configuration, and starts the interfaces that start
    /// by themselves.
    pub(crate) fn start(&mut self) {
        self.handlers = handler::load(&self.directory);
        self.reload();
        self.started = true;
        for name in self.names() {
            if self.interfaces.get(&name).is_some_and(|interface| interface.autostart) {
                self.set_up(&name);
            }
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.interfaces.keys().cloned().collect()
    }

    pub(crate) fn state(&self, name: &str) -> Option<State> {
        self.interfaces.get(name).map(|interface| interface.state)
    }

    /// Returns the protocol of a section.
    pub(crate) fn protocol(&self, section: &Section) -> Protocol {
        match section.get("proto").and_then(Value::as_str) {
            Some("static") => Protocol::Static,
            Some(name) => {
                self.handlers.get(name).cloned().map_or(Protocol::Unknown, Protocol::Script)
            }
            None => Protocol::Unknown,
        }
    }

    /// Returns the time of the next timer, or `None`.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let times = self.interfaces.values();
        times
            .flat_map(|interface| {
                [interface.timeout, interface.checkup, interface.farewell, interface.removal]
            })
            .flatten()
            .chain(self.service_due())
            .min()
    }

    /// Runs the timers that are due.
    pub(crate) fn do_due(&mut self) {
        self.start_due_services();
        let now = Instant::now();
        for name in self.names() {
            let is_due = |time: &mut Instant| *time <= now;
            let Some(interface) = self.interfaces.get_mut(&name) else { continue };
            let farewell = interface.farewell.take_if(is_due).is_some();
            let removal = interface.removal.take_if(is_due).is_some();
            let timeout = interface.timeout.take_if(is_due).is_some();
            let checkup = interface.checkup.take_if(is_due).is_some();
            if farewell {
                self.unconfigure(&name);
            }
            if removal {
                self.remove(&name);
            }
            if timeout {
                self.timeout_ends(&name);
            }
            if checkup {
                self.check_up(&name);
            }
        }
    }
}
