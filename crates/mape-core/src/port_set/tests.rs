//! The exhaustive sweep of issue 2 and the shapes of the real services.

use super::*;

fn set(offset: u8, psid_len: u8, psid: u16) -> PortSet {
    PortParameters::new(offset, psid_len).unwrap().port_set(psid).unwrap()
}

fn text(set: PortSet) -> Vec<String> {
    set.ranges().map(|range| range.to_string()).collect()
}

/// The RFC's formula with the bits spelled out, sharing nothing with the code under test.
fn owns(offset: usize, psid: &str, port: &str) -> bool {
    let (a, rest) = port.split_at(offset);
    let excluded = offset > 0 && a.bytes().all(|bit| bit == b'0');
    psid.is_empty() || (!excluded && rest.starts_with(psid))
}

#[test]
fn every_offset_and_length_with_four_psids() {
    let bits: Vec<String> = (0..=u16::MAX).map(|port| format!("{port:016b}")).collect();
    for offset in 0..=16_u8 {
        for psid_len in 0..=16 - offset {
            let parameters = PortParameters::new(offset, psid_len).unwrap();
            let max = u16::try_from((1_u32 << psid_len) - 1).unwrap();
            for psid in [0, 1, max / 2, max].into_iter().filter(|psid| *psid <= max) {
                let set = parameters.port_set(psid).unwrap();
                let listed: Vec<u16> = set.ranges().flat_map(PortRange::ports).collect();
                assert!(listed.is_sorted_by(|a, b| a < b), "{set:?}");
                assert_eq!(set.port_count() as usize, listed.len(), "{set:?}");
                let psid_bits = &bits[usize::from(psid)][16 - usize::from(psid_len)..];
                for port in 0..=u16::MAX {
                    let listed = listed.binary_search(&port).is_ok();
                    assert_eq!(set.contains(port), listed, "{set:?} {port}");
                    let owned = owns(offset.into(), psid_bits, &bits[usize::from(port)]);
                    assert_eq!(owned, listed, "{set:?} {port}");
                }
            }
        }
    }
}

#[test]
fn the_sets_of_all_psids_are_disjoint_and_complete() {
    for offset in 0..=16_u8 {
        for psid_len in 0..=16 - offset {
            let parameters = PortParameters::new(offset, psid_len).unwrap();
            let mut owner: Vec<Option<u16>> = vec![None; 1 << 16];
            for psid in 0..1_u32 << psid_len {
                let psid = u16::try_from(psid).unwrap();
                for range in parameters.port_set(psid).unwrap().ranges() {
                    for port in range.ports() {
                        let before = owner[usize::from(port)].replace(psid);
                        assert_eq!(before, None, "{parameters:?} port {port}");
                    }
                }
            }
            let excluded = if psid_len == 0 || offset == 0 { 0 } else { 1 << (16 - offset) };
            let (below, rest) = owner.split_at(excluded);
            assert!(below.iter().all(Option::is_none), "{parameters:?}");
            assert!(rest.iter().all(Option::is_some), "{parameters:?}");
        }
    }
}

#[test]
fn a_psid_of_too_many_bits_has_no_set() {
    for psid_len in 0..16_u8 {
        let parameters = PortParameters::new(0, psid_len).unwrap();
        let psid = 1 << psid_len;
        assert!(parameters.port_set(psid - 1).is_ok());
        assert_eq!(parameters.port_set(psid), Err(PsidTooLarge { psid, psid_len }));
    }
    assert!(PortParameters::new(0, 16).unwrap().port_set(u16::MAX).is_ok());
}

#[test]
fn offset_and_length_fit_into_a_port() {
    for offset in 0..=u8::MAX {
        for psid_len in 0..=u8::MAX {
            let expected = if offset > 16 {
                Err(PortParametersError::Offset(offset))
            } else if psid_len > 16 {
                Err(PortParametersError::PsidLen(psid_len))
            } else if offset + psid_len > 16 {
                Err(PortParametersError::Sum { offset, psid_len })
            } else {
                Ok((offset, psid_len))
            };
            let got = PortParameters::new(offset, psid_len);
            assert_eq!(got.map(|it| (it.offset(), it.psid_len())), expected);
        }
    }
}

#[test]
fn shapes_of_the_services() {
    let v6plus = text(set(4, 8, 100));
    assert_eq!((v6plus.len(), set(4, 8, 100).port_count()), (15, 240));
    assert_eq!((v6plus[0].as_str(), v6plus[14].as_str()), ("5696-5711", "63040-63055"));
    let ocn = text(set(6, 6, 34));
    assert_eq!((ocn.len(), set(6, 6, 34).port_count()), (63, 1008));
    assert_eq!((ocn[0].as_str(), ocn[62].as_str()), ("1568-1583", "65056-65071"));
}

#[test]
fn the_corners() {
    // Whole address, whatever the offset; one block; one-port blocks; one port.
    assert_eq!(text(set(0, 0, 0)), ["0-65535"]);
    assert_eq!(text(set(6, 0, 0)), ["0-65535"]);
    assert_eq!(text(set(16, 0, 0)), ["0-65535"]);
    assert_eq!(text(set(0, 8, 100)), ["25600-25855"]);
    assert_eq!(text(set(2, 14, 5)), ["16389", "32773", "49157"]);
    assert_eq!(text(set(0, 16, 443)), ["443"]);
    assert_eq!(set(15, 1, 1).port_count(), 32767);
    assert_eq!(text(set(1, 15, 0)), ["32768"]);
}

#[test]
fn ranges_know_their_ends() {
    assert_eq!(PortRange::new(2, 1), None);
    let range = PortRange::new(7, 9).unwrap();
    assert_eq!((range.first(), range.last()), (7, 9));
    assert_eq!([6, 7, 9, 10].map(|port| range.contains(port)), [false, true, true, false]);
}
