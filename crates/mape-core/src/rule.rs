//! A MAP rule: the BMR of RFC 7597 section 5.2, with its BR and its layout.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::layout::Layout;
use crate::port_set::PortParameters;

mod error;

pub use error::RuleError;

/// The numbers of a rule before they are checked against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleParts {
    /// Rule IPv6 prefix, at most a /64.
    pub ipv6: Ipv6Net,
    /// Rule IPv4 prefix.
    pub ipv4: Ipv4Net,
    /// Number of EA bits (o): the bits of the end-user prefix after the rule prefix. Together with
    /// the length of the rule prefix at most 64.
    pub ea_len: u8,
    /// PSID offset (a), 0 to 16. `None` stands for the default of the layout.
    pub offset: Option<u8>,
    /// PSID length (k), 0 to 16, and at most 16 together with the offset. `None` stands for the
    /// number of EA bits after those of the IPv4 address.
    pub psid_len: Option<u8>,
    /// Explicit PSID, right-aligned, or left-aligned in 16 bits where only that reading is
    /// possible. 0 is ignored where the EA bits contain the PSID.
    pub psid: Option<u16>,
    /// Address of the BR.
    pub br: Ipv6Addr,
    /// Interface-identifier layout.
    pub layout: Layout,
}

impl RuleParts {
    /// Returns the number of EA bits after those of the IPv4 address. In a consistent rule they are
    /// the PSID.
    pub(crate) fn psid_bits_in_ea(&self) -> u8 {
        self.ea_len.saturating_sub(32 - self.ipv4.prefix_len())
    }

    /// Returns the parts without EA bits where the 32 EA bits are those of an IPv4 address that the
    /// rule already states in full. Some servers count them, together with sharing parameters that
    /// no address can have.
    fn with_whole_address(self) -> Self {
        let (offset, psid_len) = (self.offset.unwrap_or(0), self.psid_len.unwrap_or(0));
        let shared = psid_len > 0 && offset.saturating_add(psid_len) <= 16 || self.psid > Some(0);
        if self.ea_len != 32 || self.ipv4.prefix_len() != 32 || shared {
            return self;
        }
        Self { ea_len: 0, offset: Some(0), psid_len: None, psid: None, ..self }
    }
}

/// A rule whose numbers agree with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    ipv6: Ipv6Net,
    ipv4: Ipv4Net,
    ea_len: u8,
    ports: PortParameters,
    psid: Option<u16>,
    br: Ipv6Addr,
    layout: Layout,
    contract: Contract,
}

/// What a fixed-IPv4 contract may have beside the numbers of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Contract {
    /// The address of the block that NAT uses; `None` for the first one.
    pub nat: Option<Ipv4Addr>,
    /// The lower half of the CE address, if the provider states it; `None` for the layout's.
    pub interface_id: Option<NonZeroU64>,
}

impl Rule {
    /// Checks the parts against each other.
    ///
    /// The EA bits are the rest of the IPv4 address followed by the PSID (RFC 7597 section 5.2).
    /// With fewer EA bits than the rest of the address, the CE gets an IPv4 *prefix* and cannot
    /// share it. With exactly as many, or with none, the rule may state the PSID. A rule with a
    /// whole IPv4 address needs no EA bits; 32 of them are that address, counted twice, and are
    /// ignored.
    ///
    /// ```
    /// use mape_core::{Layout, Rule, RuleError, RuleParts};
    ///
    /// let parts = RuleParts {
    ///     ipv6: "240b:10::/31".parse()?,
    ///     ipv4: "106.72.0.0/15".parse()?,
    ///     ea_len: 25,
    ///     offset: None,
    ///     psid_len: None,
    ///     psid: None,
    ///     br: "2404:9200:225:100::64".parse()?,
    ///     layout: Layout::Draft03,
    /// };
    /// let rule = Rule::new(parts)?;
    /// // 25 EA bits, of which 17 complete the IPv4 address.
    /// assert_eq!((rule.port_parameters().offset(), rule.port_parameters().psid_len()), (4, 8));
    /// let wrong = Rule::new(RuleParts { ea_len: 34, ..parts });
    /// assert_eq!(wrong, Err(RuleError::TooLong { ipv6_len: 31, ea_len: 34 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RuleError`] names the two numbers that disagree.
    pub fn new(parts: RuleParts) -> Result<Self, RuleError> {
        let parts = parts.with_whole_address();
        let in_ea = parts.psid_bits_in_ea();
        let RuleParts { ipv6, ipv4, ea_len, offset, psid_len, psid, br, layout } = parts;
        if ipv6 != ipv6.trunc() {
            return Err(RuleError::Ipv6HostBits { given: ipv6, boundary: ipv6.trunc() });
        }
        if ipv4 != ipv4.trunc() {
            return Err(RuleError::Ipv4HostBits { given: ipv4, boundary: ipv4.trunc() });
        }
        if !is_unicast4(ipv4) {
            return Err(RuleError::Ipv4NotUnicast(ipv4));
        }
        if !is_unicast6(br) {
            return Err(RuleError::BrNotUnicast(br));
        }
        let ipv6_len = ipv6.prefix_len();
        if u32::from(ipv6_len) + u32::from(ea_len) > 64 {
            return Err(RuleError::TooLong { ipv6_len, ea_len });
        }
        let suffix_len = 32 - ipv4.prefix_len();
        if in_ea > 16 {
            return Err(RuleError::TooManyPsidBits { ea_len, suffix_len });
        }
        let psid_len = match psid_len {
            None => in_ea,
            Some(len) if ea_len < suffix_len && len > 0 => {
                return Err(RuleError::PsidOfPrefix { ea_len, suffix_len, psid_len: len });
            }
            Some(len) if in_ea > 0 && len != in_ea => {
                return Err(RuleError::PsidLenMismatch { ea_len, suffix_len, psid_len: len });
            }
            Some(len) => len,
        };
        if in_ea == 0 && psid_len > 0 && psid.is_none() {
            return Err(RuleError::PsidMissing { psid_len });
        }
        let port_parameters =
            PortParameters::new(offset.unwrap_or(layout.default_psid_offset()), psid_len)?;
        let psid = psid.filter(|psid| *psid > 0 || in_ea == 0);
        let psid = psid.map(|psid| port_parameters.right_aligned(psid)).transpose()?;
        let contract = Contract::default();
        Ok(Self { ipv6, ipv4, ea_len, ports: port_parameters, psid, br, layout, contract })
    }

    /// Returns the same rule with these values of a fixed-IPv4 contract.
    ///
    /// # Errors
    /// [`RuleError`] if the address is not in the rule's block, or if the rule is no contract's: a
    /// line that shares its address, or derives it from its prefix, computes both values.
    pub fn with_contract(self, contract: Contract) -> Result<Self, RuleError> {
        if contract != Contract::default() && (self.ea_len > 0 || self.ports.psid_len() > 0) {
            return Err(RuleError::NoContract { ea_len: self.ea_len });
        }
        match contract.nat.filter(|nat| !self.ipv4.contains(nat)) {
            Some(nat) => Err(RuleError::NatOutside { nat, ipv4: self.ipv4 }),
            None => Ok(Self { contract, ..self }),
        }
    }

    /// Returns the rule IPv6 prefix.
    #[must_use]
    pub const fn ipv6(&self) -> Ipv6Net {
        self.ipv6
    }

    /// Returns the rule IPv4 prefix.
    #[must_use]
    pub const fn ipv4(&self) -> Ipv4Net {
        self.ipv4
    }

    /// Returns the number of EA bits (o), 0 to 46. It is at most 46 because the IPv4 prefix has at
    /// least two bits: a shorter one contains addresses that are not unicast.
    #[must_use]
    pub const fn ea_len(&self) -> u8 {
        self.ea_len
    }

    /// Returns the PSID offset and the PSID length.
    #[must_use]
    pub const fn port_parameters(&self) -> PortParameters {
        self.ports
    }

    /// Returns the PSID that the rule states, right-aligned. A number that has both readings stays
    /// as it is where the EA bits contain the PSID, because those decide.
    #[must_use]
    pub const fn psid(&self) -> Option<u16> {
        self.psid
    }

    /// Returns the address of the BR.
    #[must_use]
    pub const fn br(&self) -> Ipv6Addr {
        self.br
    }

    /// Returns the interface-identifier layout.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Returns what a fixed-IPv4 contract has beside these numbers.
    #[must_use]
    pub const fn contract(&self) -> Contract {
        self.contract
    }

    /// Returns the same rule in another layout, for the user's `layout` or `legacymap` option.
    #[must_use]
    pub const fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// Returns the length of the end-user prefix that the rule describes: rule prefix and EA bits,
    /// at most 64.
    #[must_use]
    pub const fn end_user_prefix_len(&self) -> u8 {
        self.ipv6.prefix_len() + self.ea_len
    }

    /// Returns the number of EA bits that are the PSID, 0 to 16; 0 where they hold none, because
    /// the rule states the PSID alone or the address is not shared. The EA bits before them, 0 to
    /// 32, complete the IPv4 address or lengthen its prefix.
    #[must_use]
    pub(crate) fn psid_bits_in_ea(&self) -> u8 {
        self.ea_len.saturating_sub(32 - self.ipv4.prefix_len())
    }
}

/// Returns whether a host can have every address of this prefix: none is in "this network",
/// loopback, multicast or reserved (RFC 6890). In a lab a subscriber's address can be private.
#[must_use]
pub fn is_unicast4(net: Ipv4Net) -> bool {
    let [first, ..] = net.network().octets();
    let [last, ..] = net.broadcast().octets();
    (1..=223).contains(&first) && (1..=223).contains(&last) && !(first <= 127 && 127 <= last)
}

/// Returns whether the address is global, or unique local as in a lab.
pub(crate) fn is_unicast6(address: Ipv6Addr) -> bool {
    let [first, ..] = address.octets();
    (0x20..=0x3f).contains(&first) || matches!(first, 0xfc | 0xfd)
}

/// Writes the rule as `--rule` and rule files have it, with every default spelled out.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ipv6={},ipv4={},ea={}", self.ipv6, self.ipv4, self.ea_len)?;
        write!(f, ",offset={},psidlen={}", self.ports.offset(), self.ports.psid_len())?;
        if let Some(psid) = self.psid {
            write!(f, ",psid={psid}")?;
        }
        write!(f, ",br={},layout={}", self.br, self.layout)?;
        if let Some(nat) = self.contract.nat {
            write!(f, ",nat={nat}")?;
        }
        match self.contract.interface_id {
            Some(id) => write!(f, ",id={}", Ipv6Addr::from_bits(id.get().into())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
