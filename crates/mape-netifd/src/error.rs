//! Why an interface with a plan does not come up.

use std::io;
use std::net::Ipv6Addr;

use mape_core::{Code, Explain, Quoted, ShellWord};
use mape_ubus::UbusError;

/// What fails after the plan is made.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("another device on the line has the CE address {0}")]
    CeInUse(Ipv6Addr),
    #[error("netifd has not configured the CE address {ce} within {seconds} seconds")]
    CeNotReady { ce: Ipv6Addr, seconds: u64 },
    /// netifd refused the update; of all that is in it, only the tunnel can fail.
    #[error("netifd cannot create the tunnel: {0}")]
    NoTunnel(UbusError),
    /// The kernel makes no second tunnel between two addresses.
    #[error("the device {device} is a tunnel from {ce} to {br} already")]
    TunnelExists { device: Quoted, owner: Option<Quoted>, ce: Ipv6Addr, br: Ipv6Addr },
    #[error("the state directory cannot be written: {0}")]
    State(io::Error),
}

impl Explain for SetupError {
    fn code(&self) -> Code {
        match self {
            Self::CeInUse(_) => Code::CeInUse,
            Self::TunnelExists { .. } => Code::TunnelExists,
            Self::CeNotReady { .. } | Self::NoTunnel(_) => Code::Ubus,
            Self::State(_) => Code::FirewallRejected,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::CeInUse(_) => {
                "switch MAP-E off in the home gateway, or disconnect the other router: one line has \
                 one CE"
            }
            Self::CeNotReady { .. } => {
                "it is tried again; look for netifd's messages in `logread`"
            }
            Self::NoTunnel(_) => {
                "see whether kmod-ip6-tunnel is installed, and netifd's messages in `logread`"
            }
            Self::TunnelExists { owner: Some(owner), .. } => {
                return format!("remove the interface {owner}: one line has one tunnel");
            }
            Self::TunnelExists { device, .. } => {
                return format!(
                    "remove it with `ip link del {}`, and what made it",
                    ShellWord::quoted(&device.text())
                );
            }
            Self::State(_) => "make room in /var/run",
        }
        .to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::CeInUse(ce) | Self::CeNotReady { ce, .. } => vec![("ce", ce.to_string())],
            Self::TunnelExists { device, ce, br, .. } => {
                vec![("device", device.text()), ("ce", ce.to_string()), ("br", br.to_string())]
            }
            Self::NoTunnel(error) => error.params(),
            Self::State(error) => vec![("reason", error.to_string())],
        }
    }
}
