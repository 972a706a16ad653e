//! The invariants, for every shape of port set.

use super::*;
use mape_core::{PortList, PortParameters};
use proptest::prelude::*;

fn set(offset: u8, psid_len: u8, psid: u16) -> PortSet {
    PortParameters::new(offset, psid_len).unwrap().port_set(psid).unwrap()
}

fn list(text: &str) -> Vec<PortRange> {
    text.parse::<PortList>().unwrap().ranges().to_vec()
}

fn single(port: u16) -> PortRange {
    PortRange::new(port, port).unwrap()
}

/// The first of the invariants, with nothing but port numbers.
fn check(set: PortSet, reserved: &[PortRange], mapping: &Mapping) {
    let is_reserved = |port: u16| reserved.iter().any(|range| range.contains(port));
    let internal = mapping.internal();
    assert!(internal.first() > 0);
    assert_eq!(internal.ports().len(), mapping.usable());
    let pairs: Vec<(u16, u16)> = mapping.pairs().collect();
    assert_eq!(pairs.len(), mapping.usable());
    let mut seen = vec![false; 1 << 16];
    for (internal_port, external) in pairs {
        assert!(internal.contains(internal_port));
        assert!(external > 0 && set.contains(external) && !is_reserved(external), "{external}");
        assert!(!(is_reserved(internal_port) && set.contains(internal_port)), "{internal_port}");
        assert!(!std::mem::replace(&mut seen[usize::from(external)], true), "{external} twice");
        assert_eq!(mapping.to_external(internal_port), Some(external));
        assert_eq!(mapping.to_internal(external), Some(internal_port));
    }
    assert_eq!(internal.first().checked_sub(1).and_then(|port| mapping.to_external(port)), None);
    assert_eq!(internal.last().checked_add(1).and_then(|port| mapping.to_external(port)), None);
    let usable = (1..=u16::MAX).filter(|port| set.contains(*port) && !is_reserved(*port)).count();
    let PortParametersOf { offset, psid_len } = set.into();
    if psid_len >= offset && psid_len > 1 {
        assert_eq!(mapping.usable(), usable);
        assert!(internal.ports().all(|port| !set.contains(port)), "{set:?}");
    } else {
        assert!(mapping.usable() <= usable);
    }
    for range in mapping.reserved() {
        assert!(
            range.ports().all(|port| set.contains(port) && mapping.to_internal(port).is_none())
        );
    }
}

struct PortParametersOf {
    offset: u8,
    psid_len: u8,
}

impl From<PortSet> for PortParametersOf {
    fn from(set: PortSet) -> Self {
        let parameters = set.parameters();
        Self { offset: parameters.offset(), psid_len: parameters.psid_len() }
    }
}

#[test]
fn every_shape_has_a_mapping() {
    for offset in 0..=16_u8 {
        for psid_len in 1..=16 - offset {
            let max = u16::try_from((1_u32 << psid_len) - 1).unwrap();
            for psid in [0, 1, max / 2, max] {
                let set = set(offset, psid_len, psid);
                match Mapping::new(set, &[], &[]) {
                    Ok(mapping) => check(set, &[], &mapping),
                    Err(NoUsablePort) => assert!(set.port_count() == 1 && set.contains(0)),
                }
            }
        }
    }
}

#[test]
fn the_usual_services() {
    let v6plus = Mapping::new(set(4, 8, 100), &[], &[]).unwrap();
    assert_eq!((v6plus.internal(), v6plus.usable()), (PortRange::new(16384, 16623).unwrap(), 240));
    assert_eq!((v6plus.to_external(16384), v6plus.to_external(16623)), (Some(5696), Some(63055)));
    assert_eq!((v6plus.to_internal(5711), v6plus.to_internal(5712)), (Some(16399), None));
    assert_eq!((v6plus.owned().len(), v6plus.reserved().len()), (15, 0));
    // The gaps between OCN's blocks are exactly as large as its set.
    let ocn = Mapping::new(set(6, 6, 34), &[], &[]).unwrap();
    assert_eq!((ocn.internal(), ocn.usable()), (PortRange::new(16944, 17951).unwrap(), 1008));
}

#[test]
fn the_last_port_takes_the_freed_place() {
    let set = set(4, 8, 100);
    let mapping = Mapping::new(set, &list("5697,80,5697,63055"), &[]).unwrap();
    check(set, &list("5697,63055"), &mapping);
    assert_eq!(mapping.usable(), 238);
    assert_eq!(mapping.reserved(), list("5697,63055"));
    // 63055, the last, took 5697's place; when it was reserved itself, 63054 did.
    assert_eq!(mapping.to_external(16385), Some(63054));
    assert_eq!(mapping.to_external(16384 + 237), Some(63053));
}

#[test]
fn ports_the_router_listens_on_are_avoided() {
    let listens = |text: &str| Mapping::new(set(6, 6, 34), &[], &list(text)).unwrap().internal();
    assert_eq!(listens("17000"), PortRange::new(17968, 18975).unwrap());
    assert_eq!(listens("16384-65535"), PortRange::new(1584, 2591).unwrap());
    // Nowhere else is room: the set itself is avoided all the same.
    assert_eq!(listens("1-65535"), PortRange::new(16944, 17951).unwrap());
}

#[test]
fn sets_larger_than_their_gaps() {
    // a = 6, k = 4: 63 blocks of 64, gaps of 960.
    let set = set(6, 4, 3);
    let mapping = Mapping::new(set, &[], &[]).unwrap();
    assert_eq!(mapping.internal(), PortRange::new(16384, 16384 + 4031).unwrap());
    check(set, &[], &mapping);
    // It moves out of the way of a reserved port, or keeps to the longest gap between them.
    let moved = Mapping::new(set, &list("17600"), &[]).unwrap();
    assert_eq!((moved.internal().first(), moved.usable()), (17601, 4031));
    check(set, &list("17600"), &moved);
    let every: Vec<PortRange> = set.ranges().map(|range| single(range.first())).collect();
    let tight = Mapping::new(set, &every, &[]).unwrap();
    assert_eq!(tight.usable(), 1215);
    check(set, &every, &tight);
}

#[test]
fn nothing_usable() {
    assert_eq!(Mapping::new(set(0, 16, 0), &[], &[]), Err(NoUsablePort));
    assert_eq!(Mapping::new(set(4, 8, 100), &list("1-65535"), &[]), Err(NoUsablePort));
    assert!(NoUsablePort.hint().contains("fewer") && NoUsablePort.params().is_empty());
    assert_eq!(NoUsablePort.code(), Code::OptionInvalid);
}

#[test]
fn a_thousand_reserved_ports() {
    let set = set(6, 6, 34);
    let ports: Vec<u16> = set.ranges().flat_map(PortRange::ports).collect();
    let reserved: Vec<PortRange> =
        ports.iter().rev().take(1000).map(|port| single(*port)).collect();
    let mapping = Mapping::new(set, &reserved, &[]).unwrap();
    assert_eq!((mapping.usable(), mapping.internal().first()), (8, 16944));
    check(set, &reserved, &mapping);
}

fn shape() -> impl Strategy<Value = PortSet> {
    (0..=16_u8)
        .prop_flat_map(|offset| (Just(offset), 0..=16 - offset))
        .prop_filter("shared", |(_, psid_len)| *psid_len > 1)
        .prop_flat_map(|(offset, psid_len)| {
            let max = u16::try_from((1_u32 << psid_len) - 1).unwrap_or(u16::MAX);
            (0..=max).prop_map(move |psid| set(offset, psid_len, psid))
        })
}

/// Ports of the set by index, so that they hit it.
fn some_of(set: PortSet, picks: &[prop::sample::Index]) -> Vec<PortRange> {
    let ports: Vec<u16> = set.ranges().flat_map(PortRange::ports).collect();
    picks.iter().map(|pick| single(ports[pick.index(ports.len())])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold(
        set in shape(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        listening in prop::collection::vec(1..=u16::MAX, 0..10),
    ) {
        let reserved = some_of(set, &picks);
        let listening: Vec<PortRange> = listening.into_iter().map(single).collect();
        if let Ok(mapping) = Mapping::new(set, &reserved, &listening) {
            check(set, &reserved, &mapping);
        }
    }

    #[test]
    fn one_more_reserved_port_moves_at_most_one_pair(
        set in shape(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
    ) {
        let reserved = some_of(set, &picks);
        let (last, before) = reserved.split_last().unwrap();
        let (Ok(before), Ok(after)) =
            (Mapping::new(set, before, &[]), Mapping::new(set, &reserved, &[])) else { return Ok(()) };
        let disjoint = before.internal().ports().all(|port| !set.contains(port));
        prop_assume!(disjoint);
        prop_assert_eq!(before.internal().first(), after.internal().first());
        let moved = before.pairs().filter(|(internal, external)| {
            *external != last.first() && after.to_external(*internal) != Some(*external)
        });
        prop_assert!(moved.count() <= 1);
    }
}
