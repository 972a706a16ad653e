//! Errors of a rule.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::error::{Code, Explain, Explanation};
use crate::port_set::{PortParametersError, PsidTooLarge};

/// Two numbers of a rule contradict each other, or one is out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The IPv6 prefix is not on its boundary.
    #[error("the rule's IPv6 prefix {given} has bits set after its length")]
    Ipv6HostBits {
        /// As given.
        given: Ipv6Net,
        /// Cut to its length.
        boundary: Ipv6Net,
    },
    /// The IPv4 prefix is not on its boundary.
    #[error("the rule's IPv4 prefix {given} has bits set after its length")]
    Ipv4HostBits {
        /// As given.
        given: Ipv4Net,
        /// Cut to its length.
        boundary: Ipv4Net,
    },
    /// The IPv4 prefix contains addresses that no subscriber can have.
    #[error("the rule's IPv4 prefix {0} contains addresses that no line can have")]
    Ipv4NotUnicast(Ipv4Net),
    /// The BR's address is not a unicast address.
    #[error("the BR address {0} is not a global IPv6 address")]
    BrNotUnicast(Ipv6Addr),
    /// The end-user prefix would be longer than a /64.
    #[error("rule prefix length {ipv6_len} and {ea_len} EA bits exceed the 64 bits of a subnet")]
    TooLong {
        /// n
        ipv6_len: u8,
        /// o
        ea_len: u8,
    },
    /// The PSID length differs from the number of EA bits that are left for the PSID.
    #[error(
        "PSID length {psid_len} disagrees with {ea_len} EA bits, of which {suffix_len} complete \
         the IPv4 address"
    )]
    PsidLenMismatch {
        /// o
        ea_len: u8,
        /// p = 32 - r
        suffix_len: u8,
        /// k as given
        psid_len: u8,
    },
    /// More EA bits are left for the PSID than a port has.
    #[error(
        "{ea_len} EA bits, of which {suffix_len} complete the IPv4 address, leave more than 16 for \
         the PSID"
    )]
    TooManyPsidBits {
        /// o
        ea_len: u8,
        /// p = 32 - r
        suffix_len: u8,
    },
    /// The rule has a PSID length, but its EA bits do not complete the IPv4 address.
    #[error(
        "PSID length {psid_len} needs a complete IPv4 address, but the rule has {ea_len} EA bits for \
         the {suffix_len} bits after its IPv4 prefix"
    )]
    PsidOfPrefix {
        /// o
        ea_len: u8,
        /// p = 32 - r
        suffix_len: u8,
        /// k as given
        psid_len: u8,
    },
    /// The rule has a PSID length, but neither EA bits for the PSID nor an explicit PSID.
    #[error(
        "PSID length {psid_len} is given, but the rule has neither EA bits for the PSID nor a PSID"
    )]
    PsidMissing {
        /// k as given
        psid_len: u8,
    },
    /// The address for NAT is none of the contract's.
    #[error("the address {nat} for NAT is not in the block {ipv4}")]
    NatOutside {
        /// As given.
        nat: Ipv4Addr,
        /// The block.
        ipv4: Ipv4Net,
    },
    /// An address for NAT or an interface identifier for a rule that is no contract's.
    #[error(
        "an address for NAT and an interface identifier belong to a fixed-IPv4 contract, not to a rule with a shared or a derived address"
    )]
    NoContract {
        /// o
        ea_len: u8,
    },
    /// The explicit PSID has too many bits.
    #[error(transparent)]
    PsidTooLarge(#[from] PsidTooLarge),
    /// Offset and PSID length do not fit into a port.
    #[error(transparent)]
    PortParameters(#[from] PortParametersError),
}

impl Explain for RuleError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Ipv6HostBits { given, boundary } => {
                inconsistent(format!("did you mean {boundary}?")).param("ipv6", given)
            }
            Self::Ipv4HostBits { given, boundary } => {
                inconsistent(format!("did you mean {boundary}? If not, do not use this rule"))
                    .param("ipv4", given)
            }
            Self::Ipv4NotUnicast(given) => {
                inconsistent("check the rule's IPv4 prefix").param("ipv4", given)
            }
            Self::BrNotUnicast(given) => {
                inconsistent("give the provider's BR address").param("br", given)
            }
            Self::TooLong { ipv6_len, ea_len } => inconsistent(format!(
                "one of {ipv6_len} and {ea_len} is too large; in Japan they add up to 56, and a \
                 whole IPv4 address (a /32) needs 0 EA bits"
            ))
            .param("ipv6_len", ipv6_len)
            .param("ea_len", ea_len),
            Self::PsidLenMismatch { ea_len, suffix_len, psid_len } => inconsistent(format!(
                "leave the PSID length out, or make it {} = {ea_len} - {suffix_len}",
                ea_len.saturating_sub(*suffix_len)
            ))
            .param("ea_len", ea_len)
            .param("ipv4_len", &32_u8.saturating_sub(*suffix_len))
            .param("psid_len", psid_len),
            Self::TooManyPsidBits { ea_len, suffix_len } => {
                inconsistent("check the number of EA bits and the length of the IPv4 prefix")
                    .param("ea_len", ea_len)
                    .param("ipv4_len", &32_u8.saturating_sub(*suffix_len))
            }
            Self::PsidOfPrefix { ea_len, suffix_len, psid_len } => inconsistent(
                "leave the PSID length out, or give more EA bits or a longer IPv4 prefix",
            )
            .param("ea_len", ea_len)
            .param("ipv4_len", &32_u8.saturating_sub(*suffix_len))
            .param("psid_len", psid_len),
            Self::PsidMissing { psid_len } => {
                inconsistent("give the PSID too, or more EA bits").param("psid_len", psid_len)
            }
            Self::NatOutside { nat, ipv4 } => inconsistent(format!(
                "give an address of {ipv4}, or leave it out for the first one"
            ))
            .param("nat", nat)
            .param("ipv4", ipv4),
            Self::NoContract { ea_len } => inconsistent("leave both out").param("ea_len", ea_len),
            Self::PsidTooLarge(PsidTooLarge { psid, psid_len }) => {
                let explanation = match psid_len {
                    0 => inconsistent("give the PSID length too, or leave the PSID out"),
                    _ => inconsistent(format!(
                        "give the PSID right-aligned, as a number below {}, or leave it out",
                        1_u32.checked_shl((*psid_len).into()).unwrap_or(0)
                    )),
                };
                explanation.param("psid", psid).param("psid_len", psid_len)
            }
            Self::PortParameters(error) => {
                let explanation = inconsistent(
                    "v6 Plus, BIGLOBE and NURO have offset 4 and length 8, OCN 6 and 6",
                );
                match error {
                    PortParametersError::Offset(offset) => explanation.param("psid_offset", offset),
                    PortParametersError::PsidLen(len) => explanation.param("psid_len", len),
                    PortParametersError::Sum { offset, psid_len } => {
                        explanation.param("psid_offset", offset).param("psid_len", psid_len)
                    }
                }
            }
        }
    }
}

fn inconsistent(hint: impl Into<Cow<'static, str>>) -> Explanation {
    Explanation::new(Code::RuleInconsistent, hint)
}
