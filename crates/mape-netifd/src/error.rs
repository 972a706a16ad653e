//! Why an interface does not come up.

use std::io;
use std::net::Ipv6Addr;

use mape_core::{Code, Explain, Explanation, Quoted, ShellWord};
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
    fn explain(&self) -> Explanation {
        match self {
            Self::CeInUse(ce) => Explanation::new(
                Code::CeInUse,
                "switch MAP-E off in the home gateway, or disconnect the other router: one line has \
                 one CE",
            )
            .param("ce", ce),
            Self::CeNotReady { ce, .. } => Explanation::new(
                Code::Ubus,
                "it is tried again; look for netifd's messages in `logread`",
            )
            .param("ce", ce),
            Self::NoTunnel(error) => {
                let hint =
                    "see whether kmod-ip6-tunnel is installed, and netifd's messages in `logread`";
                Explanation::with(Code::Ubus, hint, error.params())
            }
            Self::TunnelExists { device, owner, ce, br } => {
                let hint = owner.as_ref().map_or_else(
                    || {
                        let name = device.text();
                        let name = ShellWord::quoted(&name);
                        format!("remove it with `ip link del {name}`, and what made it")
                    },
                    |owner| format!("remove the interface {owner}: one line has one tunnel"),
                );
                Explanation::new(Code::TunnelExists, hint)
                    .text("device", &device.text())
                    .param("ce", ce)
                    .param("br", br)
            }
            Self::State(error) => Explanation::new(Code::FirewallRejected, "make room in /var/run")
                .param("reason", error),
        }
    }
}

/// Why an interface has no uplink.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UplinkError {
    /// No interface has a prefix that could be a line's.
    #[error("no interface has a global IPv6 prefix or address yet")]
    NoIpv6Yet,
    /// The stated one has none.
    #[error("the interface {0} has no global IPv6 prefix or address yet")]
    NotYetOn(Quoted),
    /// The stated one does not exist.
    #[error("the option tunlink names {0}, but there is no such interface")]
    Unknown(Quoted),
    /// The line is another interface's of ours.
    #[error("the line of {uplink} is that of the interface {by}")]
    Taken {
        /// The interface with the line's prefix.
        uplink: Quoted,
        /// Whose line it is.
        by: Quoted,
    },
    /// The address is on the router already, and not by us.
    #[error("the interface {by} has the CE address {ce}")]
    AddressHeld {
        /// The line's.
        ce: Ipv6Addr,
        /// Who holds it.
        by: Quoted,
    },
}

impl Explain for UplinkError {
    fn explain(&self) -> Explanation {
        const NOT_YET: &str = "wait, it is tried again as soon as one appears; if none does, see \
                               ifstatus of the IPv6 WAN interface, usually wan6";
        let tunlink = |explanation: Explanation, name: &Quoted| {
            explanation.text("option", "tunlink").text("value", &name.text())
        };
        match self {
            Self::NoIpv6Yet => Explanation::new(Code::NoIpv6Yet, NOT_YET),
            Self::NotYetOn(name) => tunlink(Explanation::new(Code::NoIpv6Yet, NOT_YET), name),
            Self::Unknown(name) => {
                let hint = "name the IPv6 WAN interface, usually wan6, or remove the option";
                tunlink(Explanation::new(Code::TunlinkUnknown, hint), name)
            }
            Self::Taken { uplink, by } => Explanation::new(
                Code::LineTaken,
                "one line has one tunnel: remove this section, or name the IPv6 interface of another \
                 line in its option tunlink",
            )
            .text("uplink", &uplink.text())
            .text("interface", &by.text()),
            Self::AddressHeld { ce, by } => Explanation::new(
                Code::LineTaken,
                "remove the address there; the tunnel puts it on the uplink by itself",
            )
            .param("ce", ce)
            .text("interface", &by.text()),
        }
    }
}
