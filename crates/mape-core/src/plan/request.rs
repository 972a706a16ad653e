//! What a plan is made from.

use crate::builtin::RuleGroup;
use crate::layout::Layout;
use crate::port_list::PortList;
use crate::prefix::ReceivedPrefix;
use crate::provider::ProviderChoice;
use crate::rule::Rule;

/// MTU of a fibre line without PPPoE, in bytes.
pub const DEFAULT_UPLINK_MTU: u16 = 1500;
/// The IPv6 header that carries the IPv4 packet, in bytes (RFC 2473, no encapsulation limit).
pub const TUNNEL_OVERHEAD: u16 = 40;
/// The least MTU offered inside the tunnel, in bytes: what IPv6 guarantees on any link.
pub const MIN_MTU: u16 = 1280;

/// Bits of a Japanese line's own prefix. Rules that add up to it describe the whole line.
pub const LINE_LEN: u8 = 56;

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct Request {
    /// The prefix the line got.
    pub prefix: ReceivedPrefix,
    /// Which built-in rules may be considered.
    pub provider: ProviderChoice,
    /// Rules the user stated one by one. If there is any, no other rule is considered.
    pub explicit: Vec<Rule>,
    /// Further rules, from a file. They go before the built-in ones.
    pub file: Vec<Rule>,
    /// Overrides the layout of whichever rule is chosen.
    pub layout: Option<Layout>,
    /// MTU of the uplink in bytes; below 1320 there is no plan.
    pub uplink_mtu: u16,
    /// Ports to keep out of the NAT; those outside the port set are only reported.
    pub reserved: PortList,
}

impl Request {
    /// A request with built-in rules only and an uplink MTU of 1500.
    #[must_use]
    pub fn new(prefix: ReceivedPrefix) -> Self {
        Self {
            prefix,
            provider: ProviderChoice::Auto,
            explicit: Vec::new(),
            file: Vec::new(),
            layout: None,
            uplink_mtu: DEFAULT_UPLINK_MTU,
            reserved: PortList::default(),
        }
    }
}

/// Where the rule of a plan comes from.
#[derive(Clone, Copy, Debug)]
pub enum RuleSource {
    /// The table in this crate.
    Builtin(&'static RuleGroup),
    /// Stated by the user.
    Explicit,
    /// From the user's rule file.
    File,
}

impl RuleSource {
    /// The name used in JSON: `builtin`, `explicit` or `file`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Builtin(_) => "builtin",
            Self::Explicit => "explicit",
            Self::File => "file",
        }
    }
}
