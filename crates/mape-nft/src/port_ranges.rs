//! Operations on lists of port ranges.

use mape_core::PortRange;

/// Returns the same ports as ascending ranges that neither overlap nor touch.
pub(crate) fn merged(mut ranges: Vec<PortRange>) -> Vec<PortRange> {
    ranges.sort_unstable();
    let mut merged: Vec<PortRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if u32::from(range.first()) <= u32::from(last.last()) + 1 => {
                let union = PortRange::new(last.first(), last.last().max(range.last()));
                *last = union.unwrap_or(*last);
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Returns the ports from 1 to 65535 that are in none of the ranges.
pub(crate) fn complement(ranges: Vec<PortRange>) -> Vec<PortRange> {
    let mut gaps = Vec::new();
    let mut next = Some(1_u16);
    for range in merged(ranges) {
        let before = range.first().checked_sub(1);
        gaps.extend(next.zip(before).and_then(|(first, last)| PortRange::new(first, last)));
        next = range.last().checked_add(1);
    }
    gaps.extend(next.and_then(|first| PortRange::new(first, u16::MAX)));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str) -> Vec<PortRange> {
        let list: mape_core::PortList = text.parse().unwrap_or_default();
        list.ranges().to_vec()
    }

    #[test]
    fn touching_ranges_become_one() {
        assert_eq!(merged(ranges("7-9,1-3,4,8-12,65535,65534")), ranges("1-4,7-12,65534-65535"));
    }

    #[test]
    fn gaps() {
        assert_eq!(complement(Vec::new()), ranges("1-65535"));
        assert_eq!(complement(ranges("1-65535")), ranges(""));
        assert_eq!(complement(ranges("2-5,8,9-65534")), ranges("1,6-7,65535"));
        let with_zero = vec![PortRange::new(0, 4).unwrap()];
        assert_eq!(complement(with_zero), ranges("5-65535"));
    }
}
