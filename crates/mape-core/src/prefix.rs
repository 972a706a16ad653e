//! The IPv6 prefix of a line, as the router received it.

use std::fmt;
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use crate::error::{Explain, Explanation};
use crate::text::Quoted;

/// A delegated prefix, an on-link /64, or the /64 of an address: at most 64 bits long.
///
/// It is not yet the end-user prefix of RFC 7597: a /64 announced on a /56 line is a subnet of the
/// end-user prefix, and only the rule states the length of the end-user prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceivedPrefix(Ipv6Net);

impl ReceivedPrefix {
    /// Returns the prefix of an address with this length: 0 to 64, or 128 for a single address,
    /// which stands for its /64. The interface identifier is ignored.
    ///
    /// # Errors
    /// [`PrefixError::Length`] for a length of 65 to 127 or above 128. [`PrefixError::SubnetBits`]
    /// where a bit between the length and bit 64 is set, because address and length then name two
    /// different prefixes.
    pub fn new(address: Ipv6Addr, len: u8) -> Result<Self, PrefixError> {
        let kept = match len {
            0..=64 => len,
            128 => 64,
            _ => return Err(PrefixError::Length(Quoted::new(&len.to_string()))),
        };
        let (Ok(subnet), Ok(net)) = (Ipv6Net::new(address, 64), Ipv6Net::new(address, kept)) else {
            return Err(PrefixError::Length(Quoted::new(&len.to_string())));
        };
        let (subnet, net) = (subnet.trunc(), net.trunc());
        if subnet.addr() != net.addr() {
            return Err(PrefixError::SubnetBits { subnet, net });
        }
        Ok(Self(net))
    }

    /// Returns the prefix without host bits.
    #[must_use]
    pub const fn net(self) -> Ipv6Net {
        self.0
    }

    pub(crate) fn is_link_local(self) -> bool {
        self.0.addr().segments()[0] >> 6 == 0xfe80 >> 6
    }

    /// Returns the upper 64 bits; those after the length are zero.
    #[must_use]
    pub(crate) fn upper(self) -> u64 {
        upper(self.0.addr())
    }
}

/// Returns the upper 64 bits of an address. All MAP arithmetic happens in them, because 128-bit
/// numbers are expensive on 32-bit routers.
pub(crate) fn upper(address: Ipv6Addr) -> u64 {
    let [a, b, c, d, ..] = address.segments();
    u64::from(a) << 48 | u64::from(b) << 32 | u64::from(c) << 16 | u64::from(d)
}

/// Written with its length: `240b:10:3261:6400::/56`.
impl fmt::Display for ReceivedPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not a prefix that a line can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Not an IPv6 address.
    #[error("{0} is not an IPv6 prefix")]
    NotIpv6(Quoted),
    /// An IPv4 address or prefix.
    #[error("{0} is IPv4, but MAP-E starts from the line's IPv6 prefix")]
    Ipv4(Quoted),
    /// A link-local address with its zone.
    #[error("{0} has a zone, so it is a link-local address and not the line's prefix")]
    Zone(Quoted),
    /// More than one prefix.
    #[error("{0} contains more than one prefix")]
    Several(Quoted),
    /// The length is not a number that a line's prefix can have.
    #[error("the prefix length {0} is neither 0 to 64 nor the 128 of a single address")]
    Length(Quoted),
    /// Address and length name two different prefixes.
    #[error("{}/{} has bits set after its length", subnet.addr(), net.prefix_len())]
    SubnetBits {
        /// The /64 that the address names.
        subnet: Ipv6Net,
        /// The prefix that the length names.
        net: Ipv6Net,
    },
}

impl Explain for PrefixError {
    fn explain(&self) -> Explanation {
        let with = |hint: &'static str, value: &Quoted| {
            Explanation::of_option("prefix", hint).text("value", value.as_str())
        };
        match self {
            Self::NotIpv6(value) | Self::Ipv4(value) | Self::Zone(value) | Self::Length(value) => {
                with(
                    "give the WAN's delegated prefix (like 240b:10:3261:6400::/56), its /64, or \
                     its global address",
                    value,
                )
            }
            Self::Several(value) => with("give the prefix of the WAN interface only", value),
            Self::SubnetBits { subnet, net } => Explanation::of_option(
                "prefix",
                format!("give {net} if that is the line's prefix, or {subnet} if the line received a /64"),
            )
            .param("value", &format_args!("{}/{}", subnet.addr(), net.prefix_len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bit_is_lost_or_invented(bits: u128, len in 0_u8..=64) {
            let address = Ipv6Addr::from_bits(bits);
            let upper = bits >> 64 << 64;
            let kept = upper & u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
            let made = ReceivedPrefix::new(address, len);
            prop_assert_eq!(made.is_ok(), kept == upper);
            if let Ok(prefix) = made {
                prop_assert_eq!(prefix.net().prefix_len(), len);
                prop_assert_eq!(u128::from(prefix.upper()) << 64, upper);
            }
        }
    }
}
