//! How an interface comes up and goes down: netifd's states and transitions.

use std::time::{Duration, Instant};

use crate::config::Section;
use crate::device::Device;
use crate::event::Happened;
use crate::interface::{Interface, Protocol, State, Then};
use crate::ip::Settings;
use crate::netifd::{Command, Netifd};

impl Netifd {
    /// Passes a request to the protocol, and returns whether it was accepted.
    pub(crate) fn command(&mut self, name: &str, command: Command) -> bool {
        let Some(interface) = self.interfaces.get(name) else { return false };
        match (&interface.protocol, command) {
            (Protocol::Script(_), command) => self.script_command(name, command),
            (Protocol::Static, Command::Setup) => {
                let settings = Settings::read(&interface.section.clone().into());
                self.update_ip(name, settings, false);
                self.came_up(name);
                true
            }
            (Protocol::Static | Protocol::Unknown, Command::Teardown) => {
                self.went_down(name);
                true
            }
            (Protocol::Unknown, _) | (Protocol::Static, Command::Renew) => false,
        }
    }

    /// Replaces the addresses and records the changes.
    pub(crate) fn update_ip(&mut self, name: &str, settings: Settings, keep: bool) {
        let updated = self.apply_ip(name, settings, keep);
        if let Some(interface) = self.interfaces.get_mut(name) {
            interface.updated = updated;
        }
    }

    /// `up`: the interface also starts by itself from now on.
    pub(crate) fn set_up(&mut self, name: &str) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        if interface.then == Then::Remove {
            return;
        }
        interface.autostart = true;
        if interface.state != State::Down {
            return;
        }
        interface.clear_faults();
        if !interface.available {
            interface.add_fault("interface", "NO_DEVICE", Vec::new());
            return;
        }
        if !self.claim_device(name) {
            return;
        }
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        interface.state = State::Setup;
        if !self.command(name, Command::Setup) {
            self.mark_down(name);
            if let Some(interface) = self.interfaces.get_mut(name) {
                interface.add_fault("interface", "SETUP_FAILED", Vec::new());
            }
        }
    }

    /// `down`: the interface no longer starts by itself.
    pub(crate) fn set_down(&mut self, name: &str) {
        if let Some(interface) = self.interfaces.get_mut(name) {
            interface.autostart = false;
            self.tear_down(name, false);
        }
    }

    /// Starts the teardown. With `force` the device is removed before the script runs.
    pub(crate) fn tear_down(&mut self, name: &str, force: bool) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        let was = interface.state;
        if !matches!(was, State::Up | State::Setup) {
            return;
        }
        interface.state = State::Teardown;
        if interface.dynamic {
            interface.then = Then::Remove;
        }
        if was == State::Up {
            self.happened(name, Happened::Down);
        }
        self.command(name, Command::Teardown);
        if force {
            self.flush_state(name);
        }
    }

    /// Sets whether a setup is possible: true starts one, false tears down.
    pub(crate) fn set_available(&mut self, name: &str, available: bool) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        if interface.available == available {
            return;
        }
        interface.available = available;
        if !available {
            self.tear_down(name, true);
        } else if interface.autostart && self.started {
            self.set_up(name);
        }
    }

    /// Handles the protocol's message that the interface is up, or that it changed.
    pub(crate) fn came_up(&mut self, name: &str) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        match interface.state {
            State::Setup => {
                interface.state = State::Up;
                interface.since = Instant::now();
                self.happened(name, Happened::Up);
                eprintln!("netifd: interface '{name}' is now up");
            }
            State::Up if interface.updated.any() => self.happened(name, Happened::Update),
            _ => {}
        }
    }

    /// Handles the loss of the protocol's connection: the device is removed, and the setup
    /// continues.
    pub(crate) fn link_lost(&mut self, name: &str) {
        if self.state(name) == Some(State::Up) {
            self.mark_down(name);
            if let Some(interface) = self.interfaces.get_mut(name) {
                interface.state = State::Setup;
            }
        }
    }

    /// Handles the end of the teardown. An interface that starts by itself starts immediately,
    /// without a delay.
    pub(crate) fn went_down(&mut self, name: &str) {
        if matches!(self.state(name), None | Some(State::Down)) {
            return;
        }
        self.mark_down(name);
        let is_script =
            self.interfaces.get(name).is_some_and(|interface| interface.handler().is_some());
        if is_script {
            self.drop_device(name);
        }
        self.after_down(name);
    }

    fn mark_down(&mut self, name: &str) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        let was = std::mem::replace(&mut interface.state, State::Down);
        match was {
            State::Down => return,
            // A teardown that began while the interface was up already sent this event: hooks get
            // it twice.
            State::Up | State::Teardown => self.happened(name, Happened::Down),
            State::Setup => self.happened(name, Happened::UpFailed),
        }
        self.flush_ip(name);
        self.flush_state(name);
    }

    /// Removes device and data.
    fn flush_state(&mut self, name: &str) {
        let is_script =
            self.interfaces.get(name).is_some_and(|interface| interface.handler().is_some());
        if is_script {
            self.flush_ip(name);
            self.drop_device(name);
        }
        if let Some(interface) = self.interfaces.get_mut(name) {
            interface.data.clear();
        }
    }

    /// Performs the action that waited until the interface is down.
    fn after_down(&mut self, name: &str) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        match std::mem::replace(&mut interface.then, Then::Nothing) {
            Then::Nothing => {}
            Then::Reload => self.begin_again(name),
            Then::Remove => {
                interface.then = Then::Remove;
                interface.removal = Some(Instant::now() + Duration::from_millis(1));
                return;
            }
        }
        if self.interfaces.get(name).is_some_and(|interface| interface.autostart) {
            self.set_up(name);
        }
    }

    /// Sets the action after the interface is down, and takes it down.
    fn then(&mut self, name: &str, then: Then) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        interface.then = then;
        if interface.state == State::Down {
            self.after_down(name);
        } else {
            self.tear_down(name, false);
        }
    }

    /// Makes the handler state for the current section.
    fn begin_again(&mut self, name: &str) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        interface.available = false;
        interface.kill_processes();
        interface.dependencies.clear();
        interface.clear_faults();
        let section = interface.section.clone();
        let protocol = self.protocol(&section);
        if let Some(interface) = self.interfaces.get_mut(name) {
            interface.protocol = protocol;
            interface.l3 = None;
        }
        self.claim(name);
    }

    /// Makes the interface available if its requirements are met.
    fn claim(&mut self, name: &str) {
        let Some(interface) = self.interfaces.get(name) else { return };
        match (&interface.protocol, interface.alias_of(), interface.device()) {
            (Protocol::Script(handler), ..) if handler.available => self.set_available(name, true),
            (Protocol::Script(_), None, Some(device)) if self.system.has_device(device) => {
                self.set_available(name, true);
            }
            (Protocol::Static, Some(parent), _) => {
                let parent = self.interfaces.get(parent).filter(|parent| parent.state == State::Up);
                if let Some(device) = parent.and_then(|parent| parent.l3.clone()) {
                    self.share_device(name, Some(device));
                }
            }
            (Protocol::Static, None, Some(device)) => {
                let device = Device { name: device.to_owned(), tunnel: None };
                if self.use_device(name, device) {
                    self.set_available(name, true);
                }
            }
            _ => {}
        }
    }

    /// Gives an alias the device of the interface it names, or removes it.
    pub(crate) fn share_device(&mut self, name: &str, device: Option<Device>) {
        let shared = device.map(|device| Device { name: device.name, tunnel: None });
        if shared.is_none() {
            self.set_available(name, false);
        }
        if let Some(interface) = self.interfaces.get_mut(name) {
            interface.l3.clone_from(&shared);
        }
        if shared.is_some() {
            self.set_available(name, true);
        }
    }

    /// Adds an interface, or replaces the section of an existing one. If the change does not
    /// concern its protocol, the interface only becomes available again.
    pub(crate) fn configure(&mut self, name: &str, section: Section, dynamic: bool) {
        let protocol = self.protocol(&section);
        let new = Interface::new(section, protocol, dynamic);
        let Some(old) = self.interfaces.get_mut(name) else {
            self.interfaces.insert(name.to_owned(), new);
            self.claim(name);
            return;
        };
        if old.then == Then::Remove {
            old.then = Then::Nothing;
            old.removal = None;
        }
        let changed =
            old.own_options() != new.own_options() || old.flag("auto") != new.flag("auto");
        if old.flag("auto") != new.flag("auto") {
            old.autostart = new.autostart;
        }
        old.section = new.section;
        old.dynamic = dynamic;
        if changed {
            old.clear_faults();
            self.then(name, Then::Reload);
        } else {
            self.claim(name);
        }
    }

    /// Handles an interface that is no longer configured.
    pub(crate) fn unconfigure(&mut self, name: &str) {
        self.then(name, Then::Remove);
    }

    /// Removes the interface.
    pub(crate) fn remove(&mut self, name: &str) {
        self.happened(name, Happened::Free);
        if let Some(mut interface) = self.interfaces.remove(name) {
            interface.kill_processes();
        }
    }

    /// Passes an event of an interface to dependent interfaces, to the hooks, and to interfaces
    /// that share its device.
    pub(crate) fn happened(&mut self, name: &str, happened: Happened) {
        self.tell_dependents(name, happened);
        self.tell_hooks(name, happened);
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        if happened == Happened::Up {
            interface.faults.clear();
        }
        let device = match happened {
            Happened::Up => interface.l3.clone(),
            Happened::Down | Happened::UpFailed => None,
            Happened::Update | Happened::Free => return,
        };
        for other in self.names() {
            let shares =
                self.interfaces.get(&other).is_some_and(|other| other.alias_of() == Some(name));
            if shares {
                self.share_device(&other, device.clone());
            }
        }
    }
}
