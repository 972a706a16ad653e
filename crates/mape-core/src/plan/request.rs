//! The input of a plan.

use crate::builtin::RuleGroup;
use crate::layout::Layout;
use crate::port_list::PortList;
use crate::prefix::ReceivedPrefix;
use crate::provider::ProviderChoice;
use crate::rule::Rule;

/// MTU of a fibre line without PPPoE, in bytes.
pub const DEFAULT_UPLINK_MTU: u16 = 1500;
/// Length of the IPv6 header that carries the IPv4 packet, in bytes (RFC 2473, no encapsulation
/// limit).
pub const TUNNEL_OVERHEAD: u16 = 40;
/// Smallest MTU inside the tunnel, in bytes: the one that IPv6 guarantees on any link.
pub const MIN_MTU: u16 = 1280;

/// Length of a Japanese line's end-user prefix. Rules whose prefix length and EA bits add up to it
/// describe the whole line.
pub const LINE_LEN: u8 = 56;

/// The input of a plan.
#[derive(Clone, Debug)]
pub struct Request {
    /// The prefix of the line, as received.
    pub prefix: ReceivedPrefix,
    /// The built-in rules that may be used.
    pub provider: ProviderChoice,
    /// Rules that the user states one by one. If there are any, no other rule is used.
    pub explicit: Vec<Rule>,
    /// Rules from a file. They come before the built-in ones.
    pub file: Vec<Rule>,
    /// Overrides the layout of the chosen rule.
    pub layout: Option<Layout>,
    /// MTU of the uplink in bytes; below 1320 there is no plan.
    pub uplink_mtu: u16,
    /// Ports that the NAT must not use; those that are not in the port set are only reported.
    pub reserved: PortList,
}

impl Request {
    /// Returns a request with built-in rules only and an uplink MTU of 1500.
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

/// The source of a plan's rule.
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
    /// Returns the name used in JSON: `builtin`, `explicit` or `file`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Builtin(_) => "builtin",
            Self::Explicit => "explicit",
            Self::File => "file",
        }
    }
}
