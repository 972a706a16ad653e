//! Which of several received prefixes is the line's.

use std::cmp::Ordering;

/// Prefixes whose lifetimes differ by at most this many seconds were announced together. Both
/// count down and are rounded, so otherwise the better one could change from one call to the next.
const LIFETIME_TOLERANCE: u32 = 10;

/// How well a prefix suits as the line's. Each field decides only if those before it are equal.
///
/// ```
/// use mape_core::PrefixRank;
///
/// let old = PrefixRank { preferred: false, lifetime: 9000, ..PrefixRank::default() };
/// let new = PrefixRank { preferred: true, lifetime: 100, ..PrefixRank::default() };
/// assert!(new.is_better_than(&old));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a step of the order")]
pub struct PrefixRank {
    /// It is not deprecated.
    pub preferred: bool,
    /// It is global, or its interface leads to the internet: the BR can be reached from it.
    pub reaches_br: bool,
    /// Length of the matching rule's IPv6 prefix.
    pub rule_len: u8,
    /// It is on the uplink in use. On one uplink a longer lifetime tells the new prefix from the
    /// old one; of two uplinks it only tells which was refreshed last, and the tunnel would move
    /// each time.
    pub uplink_in_use: bool,
    /// Seconds left.
    pub lifetime: u32,
    /// It is the prefix in use.
    pub in_use: bool,
    /// It was delegated, and is not the subnet of an address.
    pub delegated: bool,
}

impl PrefixRank {
    /// Whether this prefix goes before the other one. Of two equal ones neither does.
    #[must_use]
    pub fn is_better_than(&self, other: &Self) -> bool {
        let first = |it: &Self| (it.preferred, it.reaches_br, it.rule_len, it.uplink_in_use);
        let lifetimes = match self.lifetime.abs_diff(other.lifetime) {
            ..=LIFETIME_TOLERANCE => Ordering::Equal,
            _ => self.lifetime.cmp(&other.lifetime),
        };
        let last = |it: &Self| (it.in_use, it.delegated);
        let order = first(self).cmp(&first(other)).then(lifetimes);
        order.then_with(|| last(self).cmp(&last(other))).is_gt()
    }
}

#[cfg(test)]
mod tests {
    use super::{LIFETIME_TOLERANCE, PrefixRank};

    /// Each of these is better than all behind it.
    #[test]
    fn every_field_counts_in_its_turn() {
        let base = PrefixRank { lifetime: 1000, ..PrefixRank::default() };
        let ranks = [
            PrefixRank { preferred: true, ..base },
            PrefixRank { reaches_br: true, ..base },
            PrefixRank { rule_len: 32, ..base },
            PrefixRank { rule_len: 31, ..base },
            PrefixRank { uplink_in_use: true, ..base },
            PrefixRank { lifetime: 1000 + LIFETIME_TOLERANCE + 1, ..base },
            PrefixRank { in_use: true, ..base },
            PrefixRank { delegated: true, lifetime: 1000 - LIFETIME_TOLERANCE, ..base },
            base,
        ];
        for (at, better) in ranks.iter().enumerate() {
            assert!(!better.is_better_than(better), "{better:?}");
            for worse in ranks.iter().skip(at + 1) {
                assert!(better.is_better_than(worse), "{better:?} {worse:?}");
                assert!(!worse.is_better_than(better), "{worse:?} {better:?}");
            }
        }
    }
}
