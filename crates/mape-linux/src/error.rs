//! Errors of the machine that keep a line from coming up.

use std::io;
use std::net::Ipv6Addr;

use mape_core::{Code, Explain, Explanation, Quoted};

/// An error of the machine.
#[derive(Debug, thiserror::Error)]
pub enum LinuxError {
    /// `ip` cannot be run.
    #[error("the program ip cannot be run: {0}")]
    NoIp(io::Error),
    /// A program ended without a verdict, for example by a signal.
    #[error("the program {program} did not do its work: {reason}")]
    Stopped {
        /// Its name.
        program: &'static str,
        /// How it ended.
        reason: String,
    },
    /// `ip` prints no JSON.
    #[error("the program ip does not tell devices and routes as JSON: {}", .0.text())]
    OldIp(Quoted),
    /// The kernel, or `ip`, refuses a change.
    #[error("\"ip {line}\" failed: {}", .reason.text())]
    Refused {
        /// The command.
        line: String,
        /// What was said about it.
        reason: Quoted,
    },
    /// No device has an IPv6 default route.
    #[error("there is no IPv6 default route yet, so nothing tells the uplink")]
    NoDefaultRoute,
    /// The uplink has neither address nor prefix.
    #[error("{uplink} has no global IPv6 prefix yet")]
    NoPrefix {
        /// The device.
        uplink: String,
    },
    /// The configured uplink is not there.
    #[error("there is no device {uplink}")]
    NoUplink {
        /// The device.
        uplink: String,
    },
    /// The configured uplink is a port of a bridge, which then has the addresses.
    #[error("{uplink} is a port of the bridge {bridge}")]
    BridgePort {
        /// The device.
        uplink: String,
        /// Its bridge.
        bridge: String,
    },
    /// A device of another kind has the tunnel's name.
    #[error("{device} exists and is no IPv6 tunnel")]
    ForeignDevice {
        /// The name.
        device: String,
    },
    /// The configuration names the line differently now, and the line of the old name is up.
    #[error("the line {name} has come from this configuration and is still up")]
    OtherName {
        /// The old name.
        name: String,
    },
    /// Another program has a default route with the same table and metric.
    #[error("there is a default route with metric {metric} already: {route}")]
    RouteTaken {
        /// Its metric, and ours.
        metric: u32,
        /// The route.
        route: String,
    },
    /// Another tunnel has the ends of this line, and the kernel allows one.
    #[error("{what}")]
    TunnelInTheWay {
        /// Its name.
        tunnel: String,
        /// One sentence that names it and its ends.
        what: String,
        /// What removes it.
        way_out: String,
        /// Its local end.
        ce: Ipv6Addr,
        /// Its remote end.
        br: Ipv6Addr,
    },
    /// nft did not load the rules of the line.
    #[error("the NAT rules are not loaded: {0}")]
    NotLoaded(String),
    /// The chain in `input_chain` cannot be extended.
    #[error("the chain {chain} cannot be extended: {}", .reason.text())]
    InputChain {
        /// The chain.
        chain: String,
        /// What nft says.
        reason: Quoted,
    },
    /// A file of this program cannot be written or removed.
    #[error("{file} cannot be changed: {error}")]
    File {
        /// Its path.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// A directory whose name needs quotes: shell and ifupdown quote differently.
    #[error("the directory {0} cannot be named in these files")]
    Directory(Quoted),
    /// The kernel does not report changes.
    #[error("the kernel does not report changes: {0}")]
    NoEvents(io::Error),
    /// `down` failed in several steps; the others are done.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<LinuxError>),
}

impl Explain for LinuxError {
    fn explain(&self) -> Explanation {
        Explanation::with(self.code(), self.hint(), self.params())
    }
}

impl LinuxError {
    fn code(&self) -> Code {
        match self {
            Self::NoDefaultRoute | Self::NoPrefix { .. } => Code::NoIpv6Yet,
            Self::NoUplink { .. } | Self::BridgePort { .. } => Code::TunlinkUnknown,
            Self::OtherName { .. } | Self::RouteTaken { .. } | Self::Directory(_) => {
                Code::OptionInvalid
            }
            Self::TunnelInTheWay { .. } => Code::TunnelExists,
            Self::NotLoaded(_) | Self::InputChain { .. } => Code::FirewallRejected,
            Self::Several(errors) => errors.first().map_or(Code::SystemRefused, Self::code),
            _ => Code::SystemRefused,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NoIp(_) | Self::OldIp(_) => {
                "install iproute2 (busybox's ip is not enough)".to_owned()
            }
            Self::Stopped { program, .. } => {
                format!("see whether {program} answers when called by hand, then try again")
            }
            Self::Refused { reason, .. } => refusal(&reason.text()).to_owned(),
            Self::NoDefaultRoute => {
                "bring IPv6 up first, or name the device with the option uplink".to_owned()
            }
            Self::NoPrefix { .. } => "wait for the router advertisement (mape-proto watch does), \
                                      or give a delegated prefix with the option prefix"
                .to_owned(),
            Self::NoUplink { .. } => "correct the option uplink, or leave it out".to_owned(),
            Self::BridgePort { bridge, .. } => format!("set the option uplink to {bridge}"),
            Self::ForeignDevice { .. } => {
                "rename that device, or give the line another name with the option interface"
                    .to_owned()
            }
            Self::OtherName { .. } => {
                "run mape-proto down first; it takes that line down".to_owned()
            }
            Self::RouteTaken { .. } => "choose another metric, or a table of its own".to_owned(),
            Self::TunnelInTheWay { way_out, .. } => way_out.clone(),
            Self::NotLoaded(_) => "see that the kernel has nf_tables with NAT".to_owned(),
            Self::InputChain { .. } => {
                "correct the option input_chain; nft list chains shows what there is".to_owned()
            }
            Self::Directory(_) => {
                "use a name of letters, digits, /, ., _ and -, like /etc/mape-rs".to_owned()
            }
            Self::File { .. } | Self::NoEvents(_) => "run this as root".to_owned(),
            Self::Several(errors) => errors.first().map_or_else(String::new, Self::hint),
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoIp(error) | Self::NoEvents(error) => vec![("reason", error.to_string())],
            Self::Stopped { program, reason } => {
                vec![("program", (*program).to_owned()), ("reason", reason.clone())]
            }
            Self::OldIp(reason) => vec![("reason", reason.text())],
            Self::NotLoaded(reason) => vec![("reason", reason.clone())],
            Self::Refused { line, reason } => {
                vec![("command", line.clone()), ("reason", reason.text())]
            }
            Self::NoDefaultRoute => Vec::new(),
            Self::NoPrefix { uplink } | Self::NoUplink { uplink } => {
                vec![("uplink", uplink.clone())]
            }
            Self::BridgePort { uplink, bridge } => {
                vec![("uplink", uplink.clone()), ("bridge", bridge.clone())]
            }
            Self::ForeignDevice { device } => vec![("device", device.clone())],
            Self::OtherName { name } => vec![("interface", name.clone())],
            Self::RouteTaken { metric, route } => {
                vec![("metric", metric.to_string()), ("route", route.clone())]
            }
            Self::TunnelInTheWay { tunnel, ce, br, .. } => {
                vec![("device", tunnel.clone()), ("ce", ce.to_string()), ("br", br.to_string())]
            }
            Self::InputChain { chain, reason } => {
                vec![("chain", chain.clone()), ("reason", reason.text())]
            }
            Self::Directory(directory) => {
                vec![("option", "dir".to_owned()), ("value", directory.text())]
            }
            Self::File { file, error } => {
                vec![("file", file.clone()), ("reason", error.to_string())]
            }
            Self::Several(errors) => errors.first().map_or_else(Vec::new, Self::params),
        }
    }
}

/// Returns the next step after the kernel refused a change, by the kernel's message.
fn refusal(reason: &str) -> &'static str {
    if reason.contains("File exists") {
        "something like it is there already: `ip -details link show type ip6tnl` lists the tunnels, and \
         `ip link delete NAME` removes one"
    } else if reason.contains("not permitted") {
        "run this as root"
    } else if reason.contains("not supported") || reason.contains("Unknown device type") {
        "see that the kernel has the module ip6_tunnel (`modprobe ip6_tunnel`)"
    } else {
        "run this as root, and see that the kernel has the module ip6_tunnel"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of the kernel's errors (strerror) as `ip` 6.1 prints them.
    #[test]
    fn a_refusal_gets_the_advice_that_suits_it() {
        for (said, advice) in [
            ("RTNETLINK answers: File exists", "ip link delete"),
            ("RTNETLINK answers: Operation not permitted", "run this as root"),
            ("RTNETLINK answers: Operation not supported", "modprobe ip6_tunnel"),
            ("Error: Unknown device type", "modprobe ip6_tunnel"),
            ("RTNETLINK answers: No buffer space available", "run this as root, and see"),
        ] {
            let (line, reason) = ("link add a".to_owned(), Quoted::new(said));
            let hint = LinuxError::Refused { line, reason }.hint();
            assert!(hint.contains(advice), "{said}: {hint}");
            assert_eq!(hint.contains("root"), advice.contains("root"), "{said}: {hint}");
        }
    }
}
