//! PSID offset, PSID length and PSID, and the port set that they describe (RFC 7597 section 5.1).
//!
//! A port is read as `A (a bits) | PSID (k bits) | j (m bits)` with `a + k + m = 16`. A CE owns the
//! ports whose middle part is its PSID. Where `a > 0`, `A = 0` is excluded, so that no CE owns the
//! ports below `2^(16-a)`. With `k = 0` the address is not shared and all 65536 ports belong to it.

use std::fmt;

use crate::bits::low_16;
use crate::into_vec::IntoVec as _;

/// PSID offset (a) and PSID length (k) of a rule, which divide an address into port sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortParameters {
    offset: u8,
    psid_len: u8,
}

/// The offset or the length is out of range, or they exceed 16 bits together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortParametersError {
    /// `a > 16`.
    #[error("the PSID offset {0} is larger than 16")]
    Offset(u8),
    /// `k > 16`.
    #[error("the PSID length {0} is larger than 16")]
    PsidLen(u8),
    /// `a + k > 16`.
    #[error("PSID offset {offset} and PSID length {psid_len} exceed the 16 bits of a port")]
    Sum {
        /// a
        offset: u8,
        /// k
        psid_len: u8,
    },
}

/// The PSID does not fit into the PSID length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the PSID {psid} does not fit into a PSID length of {psid_len} bits")]
pub struct PsidTooLarge {
    /// The number given, right-aligned.
    pub psid: u16,
    /// k
    pub psid_len: u8,
}

impl PortParameters {
    /// Checks that `offset` (a) and `psid_len` (k) are 0 to 16 and together at most 16.
    ///
    /// # Errors
    /// [`PortParametersError`] where they are not.
    pub const fn new(offset: u8, psid_len: u8) -> Result<Self, PortParametersError> {
        if offset > 16 {
            return Err(PortParametersError::Offset(offset));
        }
        if psid_len > 16 {
            return Err(PortParametersError::PsidLen(psid_len));
        }
        if offset + psid_len > 16 {
            return Err(PortParametersError::Sum { offset, psid_len });
        }
        Ok(Self { offset, psid_len })
    }

    /// Returns the PSID offset a, 0 to 16.
    #[must_use]
    pub const fn offset(self) -> u8 {
        self.offset
    }

    /// Returns the PSID length k, 0 to 16; 2^k CEs share an address.
    #[must_use]
    pub const fn psid_len(self) -> u8 {
        self.psid_len
    }

    /// Returns the port set of one CE. `psid` is right-aligned.
    ///
    /// # Errors
    /// [`PsidTooLarge`] where `psid` has more than k bits.
    pub const fn port_set(self, psid: u16) -> Result<PortSet, PsidTooLarge> {
        if (psid as u32) < 1 << self.psid_len {
            Ok(PortSet { parameters: self, psid })
        } else {
            Err(PsidTooLarge { psid, psid_len: self.psid_len })
        }
    }

    /// Returns the PSID of a rule, right-aligned.
    ///
    /// A number that has k bits is taken as it is. A larger one is read as left-aligned in 16 bits,
    /// as DHCPv6 and OpenWrt's `map` write it (RFC 7598 section 4.5).
    ///
    /// # Errors
    /// [`PsidTooLarge`] where the number has k bits in neither reading.
    pub const fn right_aligned(self, stated: u16) -> Result<u16, PsidTooLarge> {
        // Any number fits k = 16; none fits k = 0 after the shift.
        let moved = (stated as u32) >> (16 - self.psid_len);
        if (stated as u32) >> self.psid_len == 0 {
            Ok(stated)
        } else if self.psid_len > 0 && moved << (16 - self.psid_len) == stated as u32 {
            Ok(stated >> (16 - self.psid_len))
        } else {
            Err(PsidTooLarge { psid: stated, psid_len: self.psid_len })
        }
    }

    /// Returns the port set of a PSID that a [`Rule`](crate::Rule) has already checked against its
    /// PSID length.
    pub(crate) const fn port_set_of_rule(self, psid: u16) -> PortSet {
        PortSet { parameters: self, psid }
    }
}

/// The ports that one CE may use on its IPv4 address.
///
/// ```
/// use mape_core::PortParameters;
///
/// // A v6 Plus line: offset 4, PSID length 8.
/// let set = PortParameters::new(4, 8)?.port_set(100)?;
/// assert_eq!((set.ranges().len(), set.port_count()), (15, 240));
/// assert_eq!(set.ranges().next().map(|range| range.to_string()), Some("5696-5711".to_owned()));
/// assert!(set.contains(9792) && !set.contains(9808));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortSet {
    parameters: PortParameters,
    psid: u16,
}

impl PortSet {
    /// Returns the offset and the length of the set.
    #[must_use]
    pub const fn parameters(self) -> PortParameters {
        self.parameters
    }

    /// Returns the PSID, right-aligned; 0 where the address is not shared.
    #[must_use]
    pub const fn psid(self) -> u16 {
        self.psid
    }

    /// Returns the number of ports, 1 to 65536.
    #[must_use]
    pub fn port_count(self) -> u32 {
        u32::try_from(self.ranges().len()).map_or(u32::MAX, |blocks| blocks << self.block_bits())
    }

    /// Returns whether the CE owns this port.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        let port = u32::from(port);
        let psid = port >> self.block_bits() & ((1 << self.parameters.psid_len) - 1);
        psid == u32::from(self.psid) && port >> (16 - self.offset()) >= self.first_block()
    }

    /// Returns the blocks of consecutive ports in ascending order. Blocks are never adjacent.
    #[must_use = "an iterator does nothing by itself"]
    pub fn ranges(self) -> impl ExactSizeIterator<Item = PortRange> + Clone {
        (self.first_block()..1 << self.offset()).map(move |block| self.block(block))
    }

    /// Returns all ports of the set in ascending order.
    #[must_use]
    pub fn ports(self) -> Vec<u16> {
        let mut ports = Vec::new();
        for range in self.ranges() {
            range.ports().for_each(|port| ports.push(port));
        }
        ports
    }

    /// Returns the ports of the set that lie in `wanted`, as ascending ranges.
    #[must_use]
    pub(crate) fn ranges_within(self, wanted: PortRange) -> Vec<PortRange> {
        let block_of = |port: u16| u32::from(port) >> (16 - self.offset());
        let blocks = self.first_block().max(block_of(wanted.first))..=block_of(wanted.last);
        blocks.filter_map(|block| self.block(block).intersection(wanted)).into_vec()
    }

    /// Returns the block with this A.
    fn block(self, block: u32) -> PortRange {
        let first = block << (16 - self.offset()) | u32::from(self.psid) << self.block_bits();
        let last = first + (1 << self.block_bits()) - 1;
        PortRange { first: low_16(first.into()), last: low_16(last.into()) }
    }

    /// Returns the effective a: an address that is not shared has no excluded ports (RFC 7597
    /// section 5.1), whatever offset its rule has.
    const fn offset(self) -> u8 {
        if self.parameters.psid_len == 0 { 0 } else { self.parameters.offset }
    }

    /// Returns m, the number of bits within one block.
    const fn block_bits(self) -> u8 {
        16 - self.offset() - self.parameters.psid_len
    }

    /// Returns the lowest value of A.
    const fn first_block(self) -> u32 {
        if self.offset() == 0 { 0 } else { 1 }
    }
}

/// Consecutive ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Returns the range, or `None` where `last` lies before `first`.
    #[must_use]
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        if first <= last { Some(Self { first, last }) } else { None }
    }

    /// Returns the range of a single port.
    #[must_use]
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Returns the lowest port.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// Returns the highest port.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Returns how many ports the range has, from 1 to 65536.
    #[must_use]
    pub fn count(self) -> u32 {
        u32::from(self.last - self.first) + 1
    }

    /// Returns whether the port lies in the range.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// Returns the ports that both ranges contain.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// Returns the ports that `other` does not contain: those below it and those above it.
    pub(crate) fn without(self, other: Self) -> Vec<Self> {
        let below = other.first.checked_sub(1).map(|last| (self.first, last.min(self.last)));
        let above = other.last.checked_add(1).map(|first| (first.max(self.first), self.last));
        let part = |ends: Option<(u16, u16)>| ends.and_then(|(first, last)| Self::new(first, last));
        [below, above].into_iter().filter_map(part).into_vec()
    }

    /// Returns the ports in ascending order.
    #[must_use = "an iterator does nothing by itself"]
    pub fn ports(self) -> std::ops::RangeInclusive<u16> {
        self.first..=self.last
    }
}

/// `5696-5711`, or `5696` for a single port.
impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

#[cfg(test)]
mod tests;
