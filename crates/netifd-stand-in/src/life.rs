//! How an interface comes up and goes down: netifd's states and transitions.

use std::time::{Duration, Instant};

use crate::config::Section;
use crate::device::Device;
use crate::event::Happened;
use crate::interface::{Interface, Protocol, State, Then};
use crate::ip::Settings;
use crate::netifd::{Command, Netifd};

impl Netifd {
    /// Asks the protocol to do something; whether it took it.
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

    /// Replaces the addresses and remembers what that changed.
    pub(crate) fn update_ip(&mut self, name: &str, settings: Settings, keep: bool) {
        let updated = self.apply_ip(name, settings, keep);
        if let Some(interface) = self.interfaces.get_mut(name) {
            interface.updated = updated;
        }
    }

    /// `up`: from now on it also starts by itself.
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

    /// `down`: from now on it does not start by itself.
    pub(crate) fn set_down(&mut self, name: &str) {
        if let Some(interface) = self.interfaces.get_mut(name) {
            interface.autostart = false;
            self.tear_down(name, false);
        }
    }

    /// Sets off the teardown. By force the device goes before the script has run.
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

    /// Whether a setup can be tried: true starts one, false tears down.
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

    /// The protocol says that the interface is up, or that something of it changed.
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

    /// The protocol lost its connection: the device goes, and the setup goes on.
    pub(crate) fn link_lost(&mut self, name: &str) {
        if self.state(name) == Some(State::Up) {
            self.mark_down(name);
            if let Some(interface) = self.interfaces.get_mut(name) {
                interface.state = State::Setup;
            }
        }
    }

    /// The protocol is done with the teardown. Whatever starts by itself starts at once: there is
    /// no back-off.
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
            // A teardown that began while it was up has said so before: hooks hear it twice.
            State::Up | State::Teardown => self.happened(name, Happened::Down),
            State::Setup => self.happened(name, Happened::UpFailed),
        }
        self.flush_ip(name);
        self.flush_state(name);
    }

    /// Device and data go.
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

    /// What was to be done once it is down.
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

    /// Sets what comes after it is down, and takes it down.
    fn then(&mut self, name: &str, then: Then) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        interface.then = then;
        if interface.state == State::Down {
            self.after_down(name);
        } else {
            self.tear_down(name, false);
        }
    }

    /// A new handler state for the section as it is now.
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

    /// Makes the interface available if what it needs is there.
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

    /// An alias gets the device of the interface it names, or loses it.
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

    /// Adds an interface, or gives one that is there another section. It is left alone if nothing
    /// in there concerns its protocol, but counts as available again.
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

    /// It is no longer configured.
    pub(crate) fn unconfigure(&mut self, name: &str) {
        self.then(name, Then::Remove);
    }

    /// Forgets it.
    pub(crate) fn remove(&mut self, name: &str) {
        self.happened(name, Happened::Free);
        if let Some(mut interface) = self.interfaces.remove(name) {
            interface.kill_processes();
        }
    }

    /// Tells everybody what happened to an interface: who depends on it, the hooks, who shares its
    /// device.
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
