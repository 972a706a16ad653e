//! Why a section cannot be imported.

use std::net::Ipv6Addr;

use mape_core::{Code, Explain, Explanation, Quoted};

/// The section cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// No such interface.
    #[error("the configuration network has no interface {0}")]
    NoSection(Quoted),
    /// A protocol that has nothing to do with MAP-E.
    #[error("the interface {interface} is of proto {proto}, and nothing in it is a MAP-E line's")]
    NotMapE {
        /// Its name.
        interface: Quoted,
        /// Its protocol.
        proto: Quoted,
    },
    /// A fixed-IPv4 contract whose address is not in the section.
    #[error(
        "the interface {interface} ends at {end}, the tunnel end of {provider}, but states no IPv4 \
         address of that contract"
    )]
    NoAddress {
        /// Its name.
        interface: Quoted,
        /// The provider that the tunnel end belongs to.
        provider: &'static str,
        /// The tunnel end.
        end: Ipv6Addr,
    },
    /// MAP-T, Lightweight 4over6, DS-Lite.
    #[error("the interface {interface} is set to {what}, which is not MAP-E")]
    OtherMechanism {
        /// Its name.
        interface: Quoted,
        /// What it is set to.
        what: Quoted,
    },
}

impl Explain for ImportError {
    fn explain(&self) -> Explanation {
        match self {
            Self::NoSection(interface) => {
                Explanation::new(Code::OptionInvalid, "`uci show network` lists the interfaces")
                    .text("interface", &interface.text())
            }
            Self::NotMapE { interface, proto } => Explanation::new(
                Code::OptionInvalid,
                "a fixed-IPv4 contract of a provider that is not known stays as it is; for a \
                 MAP-E line make a new interface of proto mape, which needs no numbers",
            )
            .text("interface", &interface.text())
            .text("value", &proto.text()),
            Self::NoAddress { interface, provider, end } => {
                let hint = format!(
                    "make an interface of proto mape with provider {provider}, peeraddr {end}, and \
                     ipaddr from the papers of the contract"
                );
                Explanation::new(Code::OptionInvalid, hint)
                    .text("interface", &interface.text())
                    .text("provider", provider)
                    .param("value", end)
            }
            Self::OtherMechanism { interface, what } => Explanation::new(
                Code::OptionInvalid,
                "keep the section as it is; `mape-proto plan PREFIX` tells what a line is",
            )
            .text("interface", &interface.text())
            .text("value", &what.text()),
        }
    }
}
