//! Errors of netlink.

use std::io;

use nix::errno::Errno;

/// The bytes are no netlink message, or lack what such a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel's answer cannot be understood")]
pub struct Malformed;

/// The kernel did not answer a question.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket cannot be opened.
    #[error("no netlink socket: {}", io::Error::from(*.0))]
    Socket(Errno),
    /// The kernel refuses the request.
    #[error("the kernel refuses: {}", io::Error::from(*.0))]
    Refused(Errno),
    /// What was listed changed at the same time, so that something may be missing.
    #[error("it changed while it was read")]
    Interrupted,
    /// No answer came in time.
    #[error("the kernel does not answer")]
    Silent,
    /// The answer is malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl NetlinkError {
    /// The error number behind it, where there is one.
    #[must_use]
    pub fn errno(&self) -> Option<io::Error> {
        match self {
            Self::Socket(errno) | Self::Refused(errno) => Some(io::Error::from(*errno)),
            Self::Interrupted | Self::Silent | Self::Malformed(_) => None,
        }
    }

    /// Whether the kernel refused with this error number.
    #[must_use]
    pub fn is(&self, errno: Errno) -> bool {
        matches!(self, Self::Refused(found) if *found == errno)
    }
}
