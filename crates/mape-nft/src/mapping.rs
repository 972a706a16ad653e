//! The one-to-one mapping between internal and external ports.
//!
//! conntrack searches one *contiguous* range for a free port and keeps a socket on its port. It can
//! do neither over the scattered blocks of a MAP-E port set. So conntrack uses a contiguous range
//! of **internal** ports, as many as the port set has usable ports, and the edge replaces each
//! internal port with one **external** port of the set, and the reverse.

use mape_core::{Code, Explain, Explanation, IntoVec as _, PortRange, PortSet};

use crate::port_ranges::{complement, merged};

/// Lowest internal ports to try, in this order. No common service listens on 16384 to 32767, and
/// Linux takes no ephemeral ports from there. Ports below 1024 are the last choice.
const LOWEST: [u16; 3] = [16384, 1024, 1];

/// Pairs each usable port of a port set with an internal port.
///
/// ```
/// use mape_core::PortParameters;
/// use mape_nft::Mapping;
///
/// // v6plus: 15 blocks of 16 ports. Port 5696, a web server's, is reserved.
/// let set = PortParameters::new(4, 8)?.port_set(100)?;
/// let reserved = "5696".parse::<mape_core::PortList>()?;
/// let mapping = Mapping::new(set, reserved.ranges(), &[])?;
/// assert_eq!(mapping.usable(), 239);
/// assert_eq!(mapping.internal().to_string(), "16384-16622");
/// assert_eq!(mapping.to_external(16385), Some(5697));
/// assert_eq!(mapping.to_internal(5697), Some(16385));
/// assert_eq!(mapping.to_internal(5696), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Invariants
/// - The internal range is contiguous, begins above port 0, and has as many ports as there are
///   mapped external ports.
/// - Every external port is a port of the set, not reserved and not 0. (Some sets contain port 0,
///   which no packet uses.)
/// - No internal port is a reserved port. Packets with either pass the edge in the same direction,
///   and only the port number tells them apart.
/// - If the PSID is at least as long as the PSID offset (k >= a; true of every known service), no
///   internal port is a port of the set and every usable port is mapped. Appending one port to the
///   reserved ports then moves neither the internal range nor more than one other pair.
///
/// If k < a, the gaps between the blocks are smaller than the set, so the internal range overlaps
/// the set. This does no harm: an internal port is never visible outside, and an external port
/// never inside. But the range has to fit between the *reserved* ports. It can therefore move when
/// a port is reserved, and if no gap is large enough, the surplus ports stay unused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    internal: PortRange,
    /// External ports, in the order of their internal ports.
    external: Vec<u16>,
    /// Pairs `(external, internal)`, sorted.
    by_external: Vec<(u16, u16)>,
    set: PortSet,
    owned: Vec<PortRange>,
    reserved: Vec<PortRange>,
}

/// Error: every port of the set is reserved or 0, so conntrack has no port to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no port of the port set is left for outgoing connections")]
pub struct NoUsablePort;

impl Explain for NoUsablePort {
    fn explain(&self) -> Explanation {
        Explanation::new(
            Code::OptionInvalid,
            "reserve fewer ports; a set that consists of port 0 cannot be used at all",
        )
    }
}

impl Mapping {
    /// Pairs the usable ports of a set with internal ports.
    ///
    /// The order of `reserved` matters: appending one port moves the pair of at most one other port
    /// (see the invariants). Ports outside the set are ignored. `listening` are the ports on which
    /// the router itself listens. The internal range avoids them if it can, because a packet to an
    /// external port that belongs to no connection arrives at its internal port.
    ///
    /// # Errors
    /// [`NoUsablePort`] if every port of the set is reserved or 0.
    pub fn new(
        set: PortSet,
        reserved: &[PortRange],
        listening: &[PortRange],
    ) -> Result<Self, NoUsablePort> {
        let owned: Vec<PortRange> = set
            .ranges()
            .filter_map(|range| PortRange::new(range.first().max(1), range.last()))
            .into_vec();
        let reserved: Vec<PortRange> = reserved
            .iter()
            .flat_map(|wanted| owned.iter().filter_map(|own| own.intersection(*wanted)))
            .into_vec();
        let mut external = without(&owned, &reserved);
        let owned_count = owned.iter().map(|range| range.ports().len()).sum();
        let reserved = merged(reserved);
        let internal = choose_internal(&owned, owned_count, external.len(), &reserved, listening)
            .ok_or(NoUsablePort)?;
        external.truncate(internal.ports().len());
        let mut by_external: Vec<(u16, u16)> =
            external.iter().copied().zip(internal.ports()).into_vec();
        by_external.sort_unstable();
        Ok(Self { internal, external, by_external, set, owned, reserved })
    }

    /// Returns the contiguous range of internal ports, to which conntrack translates.
    #[must_use]
    pub const fn internal(&self) -> PortRange {
        self.internal
    }

    /// Returns how many connections to one destination can exist at a time, 1 to 65535.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.external.len()
    }

    /// Returns the external port of an internal port. User interfaces show external ports.
    #[must_use]
    pub fn to_external(&self, internal: u16) -> Option<u16> {
        self.external.get(usize::from(internal.checked_sub(self.internal.first())?)).copied()
    }

    /// Returns the internal port of an external port; `None` for a reserved port and for a port
    /// outside the set.
    #[must_use]
    pub fn to_internal(&self, external: u16) -> Option<u16> {
        let index = self.by_external.binary_search_by_key(&external, |pair| pair.0).ok()?;
        self.by_external.get(index).map(|pair| pair.1)
    }

    /// Returns the pairs `(internal, external)` in ascending order of internal ports.
    pub fn pairs(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        self.internal().ports().zip(self.external.iter().copied())
    }

    /// Returns the pairs `(external, internal)` in ascending order of external ports.
    pub(crate) fn pairs_by_external(&self) -> &[(u16, u16)] {
        &self.by_external
    }

    /// Returns the port set from which the mapping was made.
    pub(crate) const fn set(&self) -> PortSet {
        self.set
    }

    /// Returns the ports of the set that are neither reserved nor 0, in ascending order. If k < a,
    /// they include ports for which the internal range has no room.
    pub(crate) fn unreserved(&self) -> Vec<PortRange> {
        complement([complement(self.owned.clone()), self.reserved.clone()].concat())
    }

    /// Returns all ports of the set except 0, in ascending order.
    pub(crate) fn owned(&self) -> &[PortRange] {
        &self.owned
    }

    /// Returns the reserved ports of the set, in ascending order.
    #[must_use]
    pub fn reserved(&self) -> &[PortRange] {
        &self.reserved
    }
}

/// Returns the ports of `owned`, with each reserved port replaced by the last port.
///
/// This keeps live flows on their ports: reserving one more port moves one other port instead of
/// all ports behind it.
fn without(owned: &[PortRange], reserved: &[PortRange]) -> Vec<u16> {
    let sorted: Vec<u16> = owned.iter().flat_map(|range| range.ports()).into_vec();
    let mut ports = sorted.clone();
    // The position in `ports` of each port, by its index in `sorted`.
    let mut place: Vec<Option<usize>> = (0..sorted.len()).map(Some).into_vec();
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

/// Returns the internal range; `None` if `usable` is 0.
///
/// `owned` are the ports of the set, `owned_count` is their number, and `usable` of them are not
/// `reserved`.
fn choose_internal(
    owned: &[PortRange],
    owned_count: usize,
    usable: usize,
    reserved: &[PortRange],
    listening: &[PortRange],
) -> Option<PortRange> {
    // The gap has to hold all ports of the set, reserved or not, so that the range does not move
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
    // Of gaps of equal length, the first.
    gaps(&[avoided]).into_iter().rev().max_by_key(|gap| gap.ports().len())
}

/// Returns the first `count` ports of a range, or the whole range if it has fewer.
fn cut(range: PortRange, count: usize) -> Option<PortRange> {
    let last = usize::from(range.first()) + count.checked_sub(1)?;
    PortRange::new(
        range.first(),
        u16::try_from(last).map_or(range.last(), |it| it.min(range.last())),
    )
}

#[cfg(test)]
mod tests;
