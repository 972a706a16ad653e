//! Tests of `dns_message`.

use super::*;

const NAME: &str = "4over6.info";

/// A resolver's answer to `question(0x1234, NAME, Txt)`: one record of two strings, and an OPT.
fn recorded() -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 1];
    bytes.extend(b"\x064over6\x04info\x00\x00\x10\x00\x01");
    bytes.extend(b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x00\x00\x1d");
    bytes.extend(b"\x0dv=v6mig-1 url\x0e=https://a/ t=");
    bytes.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    bytes
}

#[test]
fn the_question_to_the_byte() {
    let mut expected = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    expected.extend(b"\x064over6\x04info\x00\x00\x10\x00\x01");
    expected.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    assert_eq!(question(0x1234, NAME, Kind::Txt), Some(expected.clone()));
    assert_eq!(question(0x1234, "4over6.info.", Kind::Txt), Some(expected));
    for bad in ["", ".", "a..b", &"a".repeat(64), &"a.".repeat(128)] {
        assert_eq!(question(1, bad, Kind::Txt), None, "{bad}");
    }
}

#[test]
fn records_are_read() {
    let reply = answer(&recorded(), 0x1234, NAME, Kind::Txt);
    let Some(Reply::Records(records)) = reply else { panic!("{reply:?}") };
    let [record] = records.as_slice() else { panic!("{records:?}") };
    let text = strings(record).unwrap().concat();
    assert_eq!(text, b"v=v6mig-1 url=https://a/ t=");
}

#[test]
fn what_is_no_answer_to_the_question_is_not_taken() {
    let good = recorded();
    assert_eq!(answer(&good, 0x1235, NAME, Kind::Txt), None);
    assert_eq!(answer(&good, 0x1234, "other.info", Kind::Txt), None);
    assert_eq!(answer(&good, 0x1234, NAME, Kind::Aaaa), None);
    let mut asked = good.clone();
    asked[2] = 0x05;
    assert_eq!(answer(&asked, 0x1234, NAME, Kind::Txt), None);
    let mut upper = good.clone();
    upper[13..19].make_ascii_uppercase();
    assert!(answer(&upper, 0x1234, NAME, Kind::Txt).is_some());
}

#[test]
fn every_code_has_its_meaning() {
    let with = |flags: u8, code: u8| {
        let mut bytes = recorded();
        (bytes[2], bytes[3]) = (flags, code);
        answer(&bytes, 0x1234, NAME, Kind::Txt)
    };
    assert_eq!(with(0x85, 0x83), Some(Reply::NxDomain));
    assert_eq!(with(0x87, 0x80), Some(Reply::Truncated));
    for code in [1, 2, 4, 5, 9, 15] {
        assert_eq!(with(0x85, 0x80 | code), Some(Reply::Failed), "{code}");
    }
}

#[test]
fn a_cut_answer_is_a_failure_or_none() {
    let good = recorded();
    let end = good.len() - 11;
    for length in 0..end {
        match answer(&good[..length], 0x1234, NAME, Kind::Txt) {
            None => assert!(length < 29, "{length}"),
            Some(reply) => assert_eq!(reply, Reply::Failed, "{length}"),
        }
    }
    assert_eq!(strings(b"\x05abc"), None);
    assert_eq!(strings(b""), Some(vec![]));
}
