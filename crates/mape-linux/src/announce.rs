//! The events of a line for the scripts of this machine, with the names that netifd's have.
//!
//! They are collected while the line's lock is held, and announced after its release: a script may
//! call this program, and what it starts in the background must not inherit the lock.

use mape_firewall::{Env, PendingEvents, scripts};
use mape_nft::{DeviceName, InterfaceName};

use crate::desired::DesiredLine;

/// What has become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It came up, with a new tunnel.
    Up,
    /// It is up with other numbers.
    Update,
    /// It was taken down.
    Down,
}

impl Action {
    /// Returns the action of a line that is up now. `None` if it was up in the same way.
    pub(super) fn of(old: Option<&DesiredLine>, new: &DesiredLine, is_new: bool) -> Option<Self> {
        match old {
            None => Some(Self::Up),
            Some(old) if old != new => Some(Self::Update),
            Some(_) => is_new.then_some(Self::Up),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Up => "ifup",
            Self::Update => "ifupdate",
            Self::Down => "ifdown",
        }
    }
}

/// The events of one call.
#[derive(Default)]
pub(super) struct Announcements {
    /// Those of the port forwards.
    pub(super) forwards: Vec<PendingEvents>,
    /// That of the line.
    pub(super) line: Option<Action>,
}

impl Announcements {
    /// Runs the scripts.
    pub(super) fn tell(self, env: &Env, name: &InterfaceName) {
        if let Some(action) = self.line {
            let device = DeviceName::of_interface(name);
            let variables = [
                ("ACTION", action.name()),
                ("INTERFACE", name.as_str()),
                ("DEVICE", device.as_str()),
            ];
            scripts::announce(&env.hotplug, "iface", &variables);
        }
        for events in self.forwards {
            events.announce(env);
        }
    }
}
