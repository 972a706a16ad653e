//! A clue about a line, and how far it can be trusted.

use mape_core::ReceivedPrefix;

use super::section::Section;
use crate::answer::Endpoint;
use crate::request::Capability;

/// How a line carries IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineType {
    /// MAP-E.
    MapE,
    /// DS-Lite.
    DsLite,
    /// A tunnel with a dedicated IPv4 address.
    Ipip,
    /// A method that this program cannot configure.
    Other(Capability),
    /// NTT's closed network: no contract for IPv6 internet.
    Ngn,
    /// A home gateway in front carries IPv4, or owns the addresses.
    HomeGateway,
    /// No global IPv6 prefix.
    NoIpv6,
    /// The type is unknown.
    Unknown,
}

impl LineType {
    /// Returns the stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MapE => "map-e",
            Self::DsLite => "ds-lite",
            Self::Ipip => "ipip",
            Self::Other(Capability::MapT) => "map-t",
            Self::Other(Capability::Lw4o6) => "lw4o6",
            Self::Other(Capability::Xlat464) => "464xlat",
            Self::Other(_) | Self::Unknown => "unknown",
            Self::Ngn => "ngn",
            Self::HomeGateway => "home-gateway",
            Self::NoIpv6 => "no-ipv6",
        }
    }
}

/// How far a verdict can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// A weak hint, or hints that contradict each other.
    Low,
    /// The owner of the prefix is known, and this is the service that the owner mainly sells.
    Medium,
    /// The network reported it, or a known rule covers the prefix.
    High,
}

impl Confidence {
    /// Returns the stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    pub(super) const fn lower(self) -> Self {
        match self {
            Self::High => Self::Medium,
            Self::Medium | Self::Low => Self::Low,
        }
    }
}

/// The source of a clue; the first has the most authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ClueSource {
    Gateway,
    Provisioning,
    TunnelEnd,
    Dhcpv6,
    Prefix,
}

impl ClueSource {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Provisioning => "provisioning",
            Self::TunnelEnd => "tunnel_end",
            Self::Dhcpv6 => "dhcpv6",
            Self::Prefix => "prefix",
        }
    }
}

/// What one fact indicates.
#[derive(Clone, Debug)]
pub(super) struct Clue {
    pub(super) source: ClueSource,
    pub(super) line: LineType,
    pub(super) provider: Option<&'static str>,
    pub(super) confidence: Confidence,
    pub(super) says: String,
    pub(super) prefix: Option<ReceivedPrefix>,
    pub(super) aftr: Option<Endpoint>,
    pub(super) section: Option<Section>,
    pub(super) next_step: String,
}
