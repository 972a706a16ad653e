//! The methods of carrying IPv4 that an answer offers, with their parameters.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{PortSet, ReceivedPrefix, Rule};

use super::error::AnswerError;
use crate::request::Capability;
use crate::url::host_name;

/// One entry of `order`, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// MAP-E.
    MapE(MapE),
    /// DS-Lite: the AFTR.
    DsLite(Endpoint),
    /// Lightweight 4over6.
    Lw4o6(Lw4o6),
    /// Tunnels with a dedicated IPv4 address.
    Ipip(Vec<Ipip>),
    /// MAP-T.
    MapT(MapT),
    /// 464XLAT: the NAT64 prefix.
    Xlat464(Ipv6Net),
    /// A method whose parameters are missing or wrong.
    Broken(Capability, AnswerError),
}

impl Method {
    /// Returns the method's name in the standard.
    #[must_use]
    pub const fn capability(&self) -> Capability {
        match self {
            Self::MapE(_) => Capability::MapE,
            Self::DsLite(_) => Capability::DsLite,
            Self::Lw4o6(_) => Capability::Lw4o6,
            Self::Ipip(_) => Capability::Ipip,
            Self::MapT(_) => Capability::MapT,
            Self::Xlat464(_) => Capability::Xlat464,
            Self::Broken(capability, _) => *capability,
        }
    }

    /// Returns whether both methods lead to the same configuration.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::MapE(one), Self::MapE(other)) => {
                one.rules == other.rules && one.mesh == other.mesh
            }
            _ => self == other,
        }
    }
}

/// The rules of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapE {
    /// At least one rule; the number is not limited.
    pub rules: Vec<Rule>,
    /// Whether CEs may send to each other directly. It is reported, but traffic uses the BR.
    pub mesh: bool,
    /// Rules that contradict themselves, none of which may cover the line.
    pub broken: Vec<BrokenRule>,
}

/// A rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    /// Its IPv6 prefix, where that can be read.
    pub ipv6: Option<Ipv6Net>,
    /// The error.
    pub error: AnswerError,
}

impl MapE {
    /// Checks that a rule covers one of the prefixes and that no broken rule does. A broken rule
    /// that covers the line could be the one that the server means for it.
    pub(super) fn serves(&self, prefixes: &[ReceivedPrefix]) -> Result<(), AnswerError> {
        let covers = |ipv6: &Ipv6Net| prefixes.iter().any(|prefix| ipv6.contains(&prefix.net()));
        if let Some(broken) = self.broken.iter().find(|it| it.ipv6.as_ref().is_some_and(covers)) {
            return Err(broken.error.clone());
        }
        match prefixes {
            [first, ..] if !self.rules.iter().any(|rule| covers(&rule.ipv6())) => {
                Err(AnswerError::NoRuleFor { prefix: *first, rules: self.rules.len() })
            }
            _ => Ok(()),
        }
    }
}

/// The far end of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A name, to be resolved by the uplink's resolvers.
    Name(String),
    /// An IPv6 address.
    Address(Ipv6Addr),
}

impl Endpoint {
    /// Reads a name of letters, digits, `-`, `_` and dots, or an IPv6 address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let address = text.parse().ok().map(Self::Address);
        address.or_else(|| host_name(text).map(Self::Name))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Lightweight 4over6 (RFC 7596).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lw4o6 {
    /// The lwAFTR.
    pub lwaftr: Endpoint,
    /// The prefix the operator assigned.
    pub ipv6: Ipv6Net,
    /// The shared address.
    pub ipv4: Ipv4Addr,
    /// The line's ports on it.
    pub ports: PortSet,
}

/// A tunnel without sharing (RFC 2473).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipip {
    /// The line's end.
    pub local: Ipv6Addr,
    /// The provider's end.
    pub remote: Ipv6Addr,
    /// The line's own IPv4 address or prefix.
    pub ipv4: Ipv4Net,
}

/// MAP-T (RFC 7599).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapT {
    /// The default mapping rule (DMR): the IPv6 prefix for IPv4 destinations outside the MAP
    /// domain.
    pub dmr: Ipv6Net,
    /// The rules. They have the same fields as rules of MAP-E. The field for the BR has the first
    /// address of the DMR, because MAP-T has no BR address.
    pub rules: Vec<Rule>,
}
