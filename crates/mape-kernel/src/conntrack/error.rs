//! Why nothing is known of the connections, or nothing could be done with them.

use mape_core::{Code, Explain};
use nix::errno::Errno;

use crate::netlink::NetlinkError;

/// The kernel's connection list cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConntrackError {
    /// The module is missing.
    #[error("this kernel does not show its connections (nf_conntrack_netlink is missing)")]
    NoModule,
    /// Not root.
    #[error("only root may see the connections")]
    NotAllowed,
    /// Everything else.
    #[error("the connections cannot be read: {0}")]
    Netlink(NetlinkError),
}

impl From<NetlinkError> for ConntrackError {
    fn from(error: NetlinkError) -> Self {
        // Without the module the subsystem is not there, and without netfilter the protocol is not.
        let missing = [Errno::EINVAL, Errno::EOPNOTSUPP];
        if missing.iter().any(|errno| error.is(*errno)) {
            return Self::NoModule;
        }
        match error {
            NetlinkError::Socket(Errno::EPROTONOSUPPORT) => Self::NoModule,
            NetlinkError::Refused(Errno::EPERM) => Self::NotAllowed,
            other => Self::Netlink(other),
        }
    }
}

impl Explain for ConntrackError {
    fn code(&self) -> Code {
        Code::Conntrack
    }

    fn hint(&self) -> String {
        match self {
            Self::NoModule => "install kmod-nf-conntrack-netlink",
            Self::NotAllowed => "run this as root",
            Self::Netlink(_) => "try again",
        }
        .to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoModule | Self::NotAllowed => Vec::new(),
            Self::Netlink(error) => vec![("reason", error.to_string())],
        }
    }
}
