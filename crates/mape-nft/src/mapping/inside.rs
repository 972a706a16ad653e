//! Where the inside range lies.

use mape_core::PortRange;

use super::complement;

/// Lowest ports tried, in this order. 16384 to 32767 is where nothing usual listens and where Linux
/// takes no ephemeral ports from; below 1024 is the last choice.
const LOWEST: [u16; 3] = [16384, 1024, 1];

/// The inside range; `None` where `usable` is 0.
///
/// `owned` are the ports of the set, `owned_count` of them; `usable` of them are not `reserved`.
pub(super) fn choose(
    owned: &[PortRange],
    owned_count: usize,
    usable: usize,
    reserved: &[PortRange],
    listening: &[PortRange],
) -> Option<PortRange> {
    // The room is sought for all ports of the set, reserved or not, so that it stays where it is
    // when another port is reserved.
    first_fit(&[owned, listening], owned_count)
        .or_else(|| first_fit(&[owned], owned_count))
        .and_then(|room| cut(room, usable))
        // The set is larger than its gaps.
        .or_else(|| first_fit(&[reserved, listening], usable))
        .or_else(|| first_fit(&[reserved], usable))
        .or_else(|| longest(reserved).and_then(|room| cut(room, usable)))
}

fn gaps(avoided: &[&[PortRange]]) -> Vec<PortRange> {
    complement(avoided.concat())
}

fn first_fit(avoided: &[&[PortRange]], count: usize) -> Option<PortRange> {
    let gaps = gaps(avoided);
    LOWEST.into_iter().find_map(|lowest| {
        gaps.iter().find_map(|gap| {
            let gap = PortRange::new(gap.first().max(lowest), gap.last())?;
            if gap.ports().len() >= count { cut(gap, count) } else { None }
        })
    })
}

fn longest(avoided: &[PortRange]) -> Option<PortRange> {
    // Of equals the first.
    gaps(&[avoided]).into_iter().rev().max_by_key(|gap| gap.ports().len())
}

/// The first `count` ports of a range, or all.
fn cut(range: PortRange, count: usize) -> Option<PortRange> {
    let last = usize::from(range.first()) + count.checked_sub(1)?;
    PortRange::new(
        range.first(),
        u16::try_from(last).map_or(range.last(), |it| it.min(range.last())),
    )
}
