//! The pairing of inside ports and real ports.
//!
//! conntrack searches a *contiguous* range for a free port, and keeps a socket on its port; over
//! the scattered blocks of a port set it does neither. So it gets a contiguous **inside** range of
//! as many ports as the set has usable ones, and the edge of the box exchanges inside port and
//! **real** port one to one.

use mape_core::{Code, Explain, PortRange, PortSet};

use crate::port_ranges::{complement, merged};

/// Lowest ports tried, in this order. 16384 to 32767 is where nothing usual listens and where Linux
/// takes no ephemeral ports from; below 1024 is the last choice.
const LOWEST: [u16; 3] = [16384, 1024, 1];

/// Which inside port stands for which real port.
///
/// # Invariants
/// - The inside range is contiguous, begins above 0 and has as many ports as there are real ones.
/// - The real ports are ports of the set, neither reserved nor 0 (port 0 exists in some sets, but
///   not on the wire).
/// - No inside port is a reserved port: both pass the edge in the same direction, and only the
///   number tells them apart.
/// - Where the PSID is at least as long as the offset (k >= a; every known service), no inside port
///   is a port of the set at all, every usable port is mapped, and neither the inside range nor
///   more than one other pair changes when one port is appended to the reserved ones.
///
/// With k < a the gaps between the blocks are smaller than the set, so the inside range has to
/// overlap it. That is harmless (an inside port is never seen outside, nor the reverse); but the
/// range then has to fit between the *reserved* ports, so it can move when one is added, and where
/// none of their gaps is large enough, the surplus ports stay unused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    inside: PortRange,
    /// By inside port.
    real: Vec<u16>,
    /// `(real, inside)`, sorted.
    by_real: Vec<(u16, u16)>,
    set: PortSet,
    owned: Vec<PortRange>,
    reserved: Vec<PortRange>,
}

/// The port set holds no port that conntrack may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no port of the port set is left for outgoing connections")]
pub struct NoUsablePort;

impl Explain for NoUsablePort {
    fn code(&self) -> Code {
        Code::OptionInvalid
    }

    fn hint(&self) -> String {
        "reserve fewer ports; a set that consists of port 0 cannot be used at all".to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl Mapping {
    /// Pairs the usable ports of a set with inside ports.
    ///
    /// `reserved` counts in the order given, with what lies outside the set left out; appending a
    /// port moves the pair of at most one other (see the invariants). `listening` are ports the
    /// router itself uses: the inside range avoids them where it can, because what arrives at a
    /// real port without a connection shows up at the inside one.
    ///
    /// # Errors
    /// [`NoUsablePort`] where every port of the set is reserved or 0.
    pub fn new(
        set: PortSet,
        reserved: &[PortRange],
        listening: &[PortRange],
    ) -> Result<Self, NoUsablePort> {
        let owned: Vec<PortRange> = set
            .ranges()
            .filter_map(|range| PortRange::new(range.first().max(1), range.last()))
            .collect();
        let reserved: Vec<PortRange> = reserved
            .iter()
            .flat_map(|wanted| owned.iter().filter_map(|own| own.intersection(*wanted)))
            .collect();
        let mut real = without(&owned, &reserved);
        let owned_count = owned.iter().map(|range| range.ports().len()).sum();
        let reserved = merged(reserved);
        let inside = choose_inside(&owned, owned_count, real.len(), &reserved, listening)
            .ok_or(NoUsablePort)?;
        real.truncate(inside.ports().len());
        let mut by_real: Vec<(u16, u16)> = real.iter().copied().zip(inside.ports()).collect();
        by_real.sort_unstable();
        Ok(Self { inside, real, by_real, set, owned, reserved })
    }

    /// The contiguous range that conntrack translates to.
    #[must_use]
    pub const fn inside(&self) -> PortRange {
        self.inside
    }

    /// How many connections to one destination can exist at a time, 1 to 65535.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.real.len()
    }

    /// The real port behind an inside one: what a person wants to see.
    #[must_use]
    pub fn to_real(&self, inside: u16) -> Option<u16> {
        self.real.get(usize::from(inside.checked_sub(self.inside.first())?)).copied()
    }

    /// The inside port of a real one; `None` for a reserved port and for one outside the set.
    #[must_use]
    pub fn to_inside(&self, real: u16) -> Option<u16> {
        let index = self.by_real.binary_search_by_key(&real, |pair| pair.0).ok()?;
        self.by_real.get(index).map(|pair| pair.1)
    }

    /// `(inside, real)` in ascending order of inside ports.
    pub fn pairs(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        self.inside().ports().zip(self.real.iter().copied())
    }

    /// `(real, inside)` in ascending order of real ports.
    pub(crate) fn pairs_by_real(&self) -> &[(u16, u16)] {
        &self.by_real
    }

    /// What the ports were taken from.
    pub(crate) const fn set(&self) -> PortSet {
        self.set
    }

    /// The ports of the set that are neither reserved nor 0, in ascending order: those behind
    /// inside ports, and with k < a those for which the inside range may have no room.
    pub(crate) fn unreserved(&self) -> Vec<PortRange> {
        complement([complement(self.owned.clone()), self.reserved.clone()].concat())
    }

    /// All ports of the set but 0, in ascending order.
    #[must_use]
    pub fn owned(&self) -> &[PortRange] {
        &self.owned
    }

    /// The reserved ports of the set, in ascending order.
    #[must_use]
    pub fn reserved(&self) -> &[PortRange] {
        &self.reserved
    }
}

/// The ports of `owned`, each reserved one replaced by the last.
///
/// This is what keeps live flows on their ports: taking one more out renumbers one other port and
/// not all those behind it.
fn without(owned: &[PortRange], reserved: &[PortRange]) -> Vec<u16> {
    let sorted: Vec<u16> = owned.iter().flat_map(|range| range.ports()).collect();
    let mut ports = sorted.clone();
    // By index in `sorted`: where the port stands in `ports`.
    let mut place: Vec<Option<usize>> = (0..sorted.len()).map(Some).collect();
    for port in reserved.iter().flat_map(|range| range.ports()) {
        let Some(taken) = sorted.binary_search(&port).ok().and_then(|at| place.get_mut(at)) else {
            continue;
        };
        let Some(free) = taken.take() else { continue };
        let last = ports.pop();
        if let (Some(last), Some(hole)) = (last, ports.get_mut(free)) {
            *hole = last;
            if let Some(moved) = sorted.binary_search(&last).ok().and_then(|at| place.get_mut(at)) {
                *moved = Some(free);
            }
        }
    }
    ports
}

/// The inside range; `None` where `usable` is 0.
///
/// `owned` are the ports of the set, `owned_count` of them; `usable` of them are not `reserved`.
fn choose_inside(
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

#[cfg(test)]
mod tests;
