//! Why connections cannot be read or deleted.

use mape_core::{Code, Explain, Explanation};
use nix::errno::Errno;

use crate::netlink::NetlinkError;

/// The kernel's connection list cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConntrackError {
    /// The kernel module is missing.
    #[error("this kernel does not show its connections (nf_conntrack_netlink is missing)")]
    NoModule,
    /// The user is not root.
    #[error("only root may see the connections")]
    NotAllowed,
    /// Any other error of the kernel.
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
    fn explain(&self) -> Explanation {
        let explain = |hint: &'static str| Explanation::new(Code::Conntrack, hint);
        match self {
            Self::NoModule => explain("install kmod-nf-conntrack-netlink"),
            Self::NotAllowed => explain("run this as root"),
            Self::Netlink(error) => explain("try again").param("reason", error),
        }
    }
}
