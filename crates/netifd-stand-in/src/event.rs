//! What happens to an interface, told to whoever depends on it and to the hotplug hooks.

/// Something that happened to an interface.
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
    /// The word in a hook's `ACTION`; `None` where no hook is called.
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
