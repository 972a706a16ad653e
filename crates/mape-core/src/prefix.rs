//! The IPv6 prefix of a line, as the router received it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::Ipv6Net;

use crate::error::{Code, Explain};
use crate::text::Quoted;

mod pasted;

/// A delegated prefix, an on-link /64, or the /64 of an address: at most 64 bits long.
///
/// It is not yet the end-user prefix of RFC 7597: a /64 announced on a /56 line is a cut of it,
/// and only the rule says how long the end-user prefix is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceivedPrefix(Ipv6Net);

impl ReceivedPrefix {
    /// `address` with its prefix length: 0 to 64, or 128 for an address, which is taken as its
    /// /64. The interface identifier is ignored.
    ///
    /// # Errors
    /// [`PrefixError::Length`] for a length of 65 to 127 or above 128;
    /// [`PrefixError::SubnetBits`] where a bit between the length and bit 64 is set, because then
    /// the address and the length name two different prefixes.
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

    /// The prefix without host bits.
    #[must_use]
    pub const fn net(self) -> Ipv6Net {
        self.0
    }

    fn is_link_local(self) -> bool {
        self.0.addr().segments()[0] >> 6 == 0xfe80 >> 6
    }

    /// The upper 64 bits; those after the length are zero.
    #[must_use]
    pub(crate) fn upper(self) -> u64 {
        upper(self.0.addr())
    }
}

/// The upper 64 bits of an address. All MAP arithmetic happens there, and 32-bit routers have no
/// cheap 128-bit numbers.
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
    /// Not an IPv6 address at all.
    #[error("{0} is not an IPv6 prefix")]
    NotIpv6(Quoted),
    /// An IPv4 address or prefix.
    #[error("{0} is IPv4, but MAP-E starts from the line's IPv6 prefix")]
    Ipv4(Quoted),
    /// An address with a zone, so a link-local one.
    #[error("{0} carries a zone, so it is not the line's own prefix")]
    Zone(Quoted),
    /// Two prefixes, of which only one can be meant.
    #[error("{0} holds more than one prefix")]
    Several(Quoted),
    /// The length is not a number that a line's prefix can have.
    #[error("the prefix length {0} is not one from 0 to 64, nor the 128 of an address")]
    Length(Quoted),
    /// Address and length name two different prefixes.
    #[error("{}/{} has bits set behind its length", subnet.addr(), net.prefix_len())]
    SubnetBits {
        /// The /64 that the address names.
        subnet: Ipv6Net,
        /// The prefix that the length names.
        net: Ipv6Net,
    },
}

impl Explain for PrefixError {
    fn code(&self) -> Code {
        Code::OptionInvalid
    }

    fn hint(&self) -> String {
        match self {
            Self::SubnetBits { subnet, net } => {
                format!("give {net} if that is what the line got, or {subnet} if it got a /64")
            }
            Self::Several(_) => "give the one that the WAN interface got".to_owned(),
            Self::NotIpv6(_) | Self::Ipv4(_) | Self::Zone(_) | Self::Length(_) => {
                "give the WAN's delegated prefix (like 240b:10:3261:6400::/56), its /64, or its \
                 global address"
                    .to_owned()
            }
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        let value = match self {
            Self::NotIpv6(value)
            | Self::Ipv4(value)
            | Self::Zone(value)
            | Self::Several(value)
            | Self::Length(value) => value.text(),
            Self::SubnetBits { subnet, net } => format!("{}/{}", subnet.addr(), net.prefix_len()),
        };
        vec![("option", "prefix".to_owned()), ("value", value)]
    }
}

impl FromStr for ReceivedPrefix {
    type Err = PrefixError;

    /// Reads `240b:10:3261:6400::/56`, a /64, or an address (taken as its /64); also in a line that
    /// a program or a page shows, where it holds one prefix only.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let text = text.trim();
        match pasted::read(text) {
            // The only address is one that needs a zone.
            Some(Ok(prefix)) if text.contains('%') && prefix.is_link_local() => {
                Err(PrefixError::Zone(Quoted::new(text)))
            }
            Some(Err(PrefixError::Length(len))) => {
                Err(length_as_typed(text).unwrap_or(PrefixError::Length(len)))
            }
            Some(read) => read,
            None => Err(length_as_typed(text).unwrap_or_else(|| {
                let address = text.split('/').next().unwrap_or_default();
                match address.parse::<Ipv4Addr>() {
                    Ok(_) => PrefixError::Ipv4(Quoted::new(text)),
                    Err(_) => PrefixError::NotIpv6(Quoted::new(text)),
                }
            })),
        }
    }
}

/// All that stands behind an address, where the whole text is one with a length.
fn length_as_typed(text: &str) -> Option<PrefixError> {
    let (address, len) = text.split_once('/')?;
    address.parse::<Ipv6Addr>().ok()?;
    Some(PrefixError::Length(Quoted::new(len)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<String, PrefixError> {
        text.parse::<ReceivedPrefix>().map(|prefix| prefix.to_string())
    }

    #[test]
    fn what_routers_show_is_read() {
        for (text, prefix) in [
            ("240b:10:3261:6400::/56", "240b:10:3261:6400::/56"),
            ("240b:10:3261:6400::/64", "240b:10:3261:6400::/64"),
            ("240B:0010:3261:6400::", "240b:10:3261:6400::/64"),
            (" 240b:10:3251:6400:4c72:9eff:feeb:18cf ", "240b:10:3251:6400::/64"),
            ("240b:10:3251:6400:4c72:9eff:feeb:18cf/64", "240b:10:3251:6400::/64"),
            ("240b:10:3251:6410::abcd/128", "240b:10:3251:6410::/64"),
            ("240b:10:3251:6410::1/60", "240b:10:3251:6410::/60"),
            ("240b:10::/31", "240b:10::/31"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(prefix), "{text}");
        }
    }

    #[test]
    fn bad_text_names_itself() {
        let sentence = |text: &str| parse(text).map_err(|error| error.to_string()).unwrap_err();
        assert_eq!(sentence("hello"), "\"hello\" is not an IPv6 prefix");
        assert_eq!(sentence(""), "\"\" is not an IPv6 prefix");
        assert!(sentence("106.72.50.97").contains("is IPv4"));
        assert!(sentence("106.72.0.0/15").contains("is IPv4"));
        assert!(sentence("fe80::1%eth0").contains("zone"));
        for length in ["65", "127", "129", "", "x", "+56", "5 6", "-1", "256", "56/64", "it's"] {
            let text = format!("240b:10:3261:6400::/{length}");
            let expected = format!(
                "the prefix length {} is not one from 0 to 64, nor the 128 of an address",
                Quoted::new(length)
            );
            assert_eq!(sentence(&text), expected);
        }
        assert_eq!(
            sentence("240b:10:3251:6410::5/56"),
            "240b:10:3251:6410::/56 has bits set behind its length"
        );
        let hint = parse("240b:10:3251:6410::5/56").unwrap_err().hint();
        assert!(hint.contains("240b:10:3251:6400::/56") && hint.contains("240b:10:3251:6410::/64"));
    }

    #[test]
    fn errors_carry_the_value() {
        for (text, value) in [
            ("x", "x"),
            ("1.2.3.4/8", "1.2.3.4/8"),
            ("fe80::1%1", "fe80::1%1"),
            ("2001:db8::/70", "70"),
            ("2001:db8:0:1::/56", "2001:db8:0:1::/56"),
        ] {
            let error = parse(text).unwrap_err();
            let expected = vec![("option", "prefix".to_owned()), ("value", value.to_owned())];
            assert_eq!((error.code(), error.params()), (Code::OptionInvalid, expected));
        }
    }

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
