//! The events of an interface, for dependent interfaces and for the hotplug hooks.

/// An event of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Down,
    Up,
    /// A setup ended without the interface coming up.
    UpFailed,
    Update,
    /// It is no longer configured.
    Free,
}

impl Happened {
    /// Returns the hook's `ACTION`, or `None` if no hook is called.
    pub(crate) const fn action(self) -> Option<&'static str> {
        match self {
            Self::Down => Some("ifdown"),
            Self::Up => Some("ifup"),
            Self::UpFailed => Some("ifup-failed"),
            Self::Update => Some("ifupdate"),
            Self::Free => None,
        }
    }
}
