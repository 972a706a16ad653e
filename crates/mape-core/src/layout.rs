//! The two interface-identifier layouts of a MAP CE address.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::error::{Explain, Explanation};
use crate::text::Quoted;

/// How the IPv4 address and the PSID are written into the low 64 bits of the CE address.
///
/// The layout belongs to the rule. With the wrong layout the tunnel comes up but carries no
/// traffic, because the BR sends to another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// draft-ietf-softwire-map-03 section 6: 8 zero bits, IPv4, PSID in 16 bits, 8 zero bits.
    /// Every Japanese service uses it.
    Draft03,
    /// RFC 7597 section 6: 16 zero bits, IPv4, PSID in 16 bits.
    Rfc7597,
}

impl Layout {
    /// Returns the low 64 bits of the CE address. For an IPv4 prefix, `ipv4` is its first address
    /// and `psid` is 0 (RFC 7597 section 6).
    #[must_use]
    pub fn interface_id(self, ipv4: Ipv4Addr, psid: u16) -> u64 {
        let content = u64::from(ipv4.to_bits()) << 16 | u64::from(psid);
        content << self.shift()
    }

    /// Reads the address and the PSID out of [`Self::interface_id`]. Returns `None` where a bit
    /// that must be zero is set.
    #[must_use]
    pub fn ipv4_and_psid(self, interface_id: u64) -> Option<(Ipv4Addr, u16)> {
        let content = interface_id >> self.shift();
        let ipv4 = Ipv4Addr::from_bits(u32::try_from(content >> 16).ok()?);
        let psid = u16::try_from(content & 0xffff).ok()?;
        (self.interface_id(ipv4, psid) == interface_id).then_some((ipv4, psid))
    }

    /// Returns the PSID offset (a) of a rule that does not state one: 4 in the draft, 6 in the RFC
    /// (section 5.1).
    #[must_use]
    pub const fn default_psid_offset(self) -> u8 {
        match self {
            Self::Draft03 => 4,
            Self::Rfc7597 => 6,
        }
    }

    /// Returns the name used in options and JSON: `draft03` or `rfc7597`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft03 => "draft03",
            Self::Rfc7597 => "rfc7597",
        }
    }

    /// Returns how far the content is shifted to the left. Both layouts have the same content; the
    /// draft's lies one octet further left.
    const fn shift(self) -> u32 {
        match self {
            Self::Draft03 => 8,
            Self::Rfc7597 => 0,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is not the name of a layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown layout {0}")]
pub struct UnknownLayout(Quoted);

impl Explain for UnknownLayout {
    fn explain(&self) -> Explanation {
        Explanation::of_option("layout", "use draft03 (every Japanese provider) or rfc7597")
            .text("value", self.0.as_str())
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(text: &str) -> Result<Self, UnknownLayout> {
        match text {
            "draft03" => Ok(Self::Draft03),
            "rfc7597" => Ok(Self::Rfc7597),
            _ => Err(UnknownLayout(Quoted::new(text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_layouts_of_the_rfc_example() {
        let ipv4 = Ipv4Addr::new(192, 0, 2, 18);
        assert_eq!(Layout::Rfc7597.interface_id(ipv4, 0x34), 0x0000_c000_0212_0034);
        assert_eq!(Layout::Draft03.interface_id(ipv4, 0x34), 0x00c0_0002_1200_3400);
    }

    #[test]
    fn padding_that_is_not_zero_is_no_identifier() {
        assert_eq!(Layout::Rfc7597.ipv4_and_psid(0x0001_c000_0212_0034), None);
        assert_eq!(Layout::Draft03.ipv4_and_psid(0x01c0_0002_1200_3400), None);
        assert_eq!(Layout::Draft03.ipv4_and_psid(0x00c0_0002_1200_3401), None);
    }

    #[test]
    fn names_read_back() {
        for layout in [Layout::Draft03, Layout::Rfc7597] {
            assert_eq!(layout.to_string().parse(), Ok(layout));
        }
        assert!("draft-03".parse::<Layout>().is_err());
    }

    proptest! {
        #[test]
        fn address_and_psid_come_back(ipv4: u32, psid: u16) {
            for layout in [Layout::Draft03, Layout::Rfc7597] {
                let ipv4 = Ipv4Addr::from_bits(ipv4);
                let id = layout.interface_id(ipv4, psid);
                prop_assert_eq!(layout.ipv4_and_psid(id), Some((ipv4, psid)));
            }
        }

        #[test]
        fn any_identifier_decodes_to_itself_or_not_at_all(id: u64) {
            for layout in [Layout::Draft03, Layout::Rfc7597] {
                if let Some((ipv4, psid)) = layout.ipv4_and_psid(id) {
                    prop_assert_eq!(layout.interface_id(ipv4, psid), id);
                }
            }
        }
    }
}
