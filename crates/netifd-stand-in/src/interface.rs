//! The state of one interface in netifd.

use std::time::Instant;

use nix::sys::signal::Signal;
use serde_json::{Map, Value};

use crate::config::{self, Kind, OF_EVERY_INTERFACE, Section};
use crate::dependency::Dependency;
use crate::device::Device;
use crate::handler::Handler;
use crate::ip::{Settings, Updated};
use crate::process::Task;

/// The state of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Down,
    /// `pending` in the dump.
    Setup,
    Up,
    Teardown,
}

/// The state of its handler's script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No setup was requested, or the interface is up.
    Idle,
    Setup,
    /// The setup was killed and has not ended yet.
    Aborting,
    Teardown,
}

/// The action after the interface is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    /// Start again with the current section.
    Reload,
    Remove,
}

/// How the interface is configured.
#[derive(Clone, Debug)]
pub(crate) enum Protocol {
    /// By a script.
    Script(Handler),
    /// By the section alone, immediately.
    Static,
    /// The protocol of the section has no handler.
    Unknown,
}

/// An error shown in the dump.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) subsystem: String,
    pub(crate) code: String,
    pub(crate) data: Vec<String>,
}

/// One interface.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "netifd's own flags")]
pub(crate) struct Interface {
    pub(crate) section: Section,
    pub(crate) protocol: Protocol,
    pub(crate) state: State,
    pub(crate) available: bool,
    /// Whether its own device has carrier; true if it has no device.
    pub(crate) link: bool,
    pub(crate) autostart: bool,
    pub(crate) dynamic: bool,
    pub(crate) then: Then,
    pub(crate) since: Instant,
    /// The layer-3 device, if there is one.
    pub(crate) l3: Option<Device>,
    pub(crate) ip: Settings,
    pub(crate) data: Map<String, Value>,
    pub(crate) updated: Updated,
    pub(crate) faults: Vec<Fault>,

    pub(crate) stage: Stage,
    pub(crate) script: Option<Task>,
    /// The process that the handler started through netifd, while the interface is up.
    pub(crate) proto_task: Option<Task>,
    /// The handler ended the process itself.
    pub(crate) proto_task_killed: bool,
    /// Exit status of that process when it ended by itself.
    pub(crate) last_error: Option<i32>,
    pub(crate) renew_pending: bool,
    pub(crate) dependencies: Vec<Dependency>,
    /// When a stopped script or a teardown is killed.
    pub(crate) timeout: Option<Instant>,
    /// When a setup that ended without the interface being up is repeated.
    pub(crate) checkup: Option<Instant>,
    /// When a removed interface is taken down.
    pub(crate) farewell: Option<Instant>,
    /// When a removed interface disappears.
    pub(crate) removal: Option<Instant>,
}

impl Interface {
    pub(crate) fn new(section: Section, protocol: Protocol, dynamic: bool) -> Self {
        let mut interface = Self {
            section,
            protocol,
            state: State::Down,
            available: false,
            link: true,
            autostart: true,
            dynamic,
            then: Then::Nothing,
            since: Instant::now(),
            l3: None,
            ip: Settings::default(),
            data: Map::new(),
            updated: Updated::default(),
            faults: Vec::new(),
            stage: Stage::Idle,
            script: None,
            proto_task: None,
            proto_task_killed: false,
            last_error: None,
            renew_pending: false,
            dependencies: Vec::new(),
            timeout: None,
            checkup: None,
            farewell: None,
            removal: None,
        };
        interface.autostart = interface.flag("auto").unwrap_or(true);
        interface
    }

    /// Returns a text option that every interface can have.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.section.get(name)?.as_str()
    }

    /// Returns a flag of the section.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        config::declared(&self.section, std::iter::once((name, Kind::Flag))).get(name)?.as_bool()
    }

    /// Returns the device of the section: `device` or its older name.
    pub(crate) fn device(&self) -> Option<&str> {
        self.text("device").or_else(|| self.text("ifname"))
    }

    /// Returns the interface whose device this one shares: `@NAME`.
    pub(crate) fn alias_of(&self) -> Option<&str> {
        self.device()?.strip_prefix('@')
    }

    /// Returns its own device, which is neither a tunnel nor another interface's.
    pub(crate) fn own_device(&self) -> Option<&str> {
        let has_none = match &self.protocol {
            Protocol::Static => false,
            Protocol::Script(handler) => handler.no_device,
            Protocol::Unknown => true,
        };
        self.device().filter(|_| !has_none && self.alias_of().is_none())
    }

    pub(crate) const fn handler(&self) -> Option<&Handler> {
        match &self.protocol {
            Protocol::Script(handler) => Some(handler),
            Protocol::Static | Protocol::Unknown => None,
        }
    }

    /// Returns the JSON for the handler: its declared options, and those of every interface.
    pub(crate) fn options(&self) -> Section {
        let own = self.handler().map_or(&[][..], |handler| handler.options.as_slice());
        let own = own.iter().map(|(name, kind)| (name.as_str(), *kind));
        config::declared(&self.section, OF_EVERY_INTERFACE.into_iter().chain(own))
    }

    /// Returns the values that a reload compares: if they are equal, it does not touch the
    /// interface.
    pub(crate) fn own_options(&self) -> Section {
        let own = self.handler().map_or(&[][..], |handler| handler.options.as_slice());
        let own = own.iter().map(|(name, kind)| (name.as_str(), *kind));
        let common = [
            ("proto", Kind::Text),
            ("device", Kind::Text),
            ("ifname", Kind::Text),
            ("zone", Kind::Text),
        ];
        match self.protocol {
            Protocol::Static => self.section.clone(),
            _ => config::declared(&self.section, common.into_iter().chain(own)),
        }
    }

    pub(crate) fn keeps_last_error(&self) -> bool {
        self.handler().is_some_and(|handler| handler.last_error)
    }

    pub(crate) fn clear_faults(&mut self) {
        if !self.keeps_last_error() {
            self.faults.clear();
        }
    }

    pub(crate) fn add_fault(&mut self, subsystem: &str, code: &str, data: Vec<String>) {
        if self.keeps_last_error() {
            self.faults.clear();
        }
        self.faults.push(Fault { subsystem: subsystem.to_owned(), code: code.to_owned(), data });
    }

    /// Adds to the data: existing keys are replaced, others stay.
    pub(crate) fn merge_data(&mut self, fields: &Map<String, Value>) {
        for (name, value) in fields {
            if self.data.insert(name.clone(), value.clone()).as_ref() != Some(value) {
                self.updated.data = true;
            }
        }
    }

    /// Kills its processes.
    pub(crate) fn kill_processes(&mut self) {
        for task in [self.script.take(), self.proto_task.take()].into_iter().flatten() {
            task.signal(Signal::SIGKILL);
        }
    }
}
