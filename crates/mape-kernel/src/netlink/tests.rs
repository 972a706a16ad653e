//! Bytes in and out; the kernel itself is asked in `tests/conntrack`.

use nix::errno::Errno;

use super::*;

const SEQUENCE: u32 = 7;

fn order() -> Request {
    Request::order(1, 2, 2).with(3, &[1, 2, 3, 4, 5]).unwrap().with_name(4, "gate").unwrap()
}

/// An end with this error number.
fn end(error: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(20_u32.to_ne_bytes());
    bytes.extend(2_u16.to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(SEQUENCE.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(error.to_ne_bytes());
    bytes
}

/// What came, and how it ended.
fn heard(bytes: &[u8], sequence: u32) -> (usize, Result<End, NetlinkError>) {
    let mut items = 0;
    let end = read(bytes, Some(sequence), &mut |_, _| {
        items += 1;
        Ok(())
    });
    (items, end)
}

#[test]
fn what_is_written_can_be_read() {
    let bytes = order().bytes(SEQUENCE).unwrap();
    // Header 16, netfilter 4, attributes 4 + 5 + padding and 4 + 5 + padding.
    assert_eq!(bytes.len(), 44);
    let messages: Vec<_> = Messages::new(&bytes).collect();
    let [Ok(Received { sequence: SEQUENCE, interrupted: false, message })] = messages[..] else {
        panic!("{messages:?}");
    };
    let Message::Item { family: 2, attributes } = message else { panic!("{message:?}") };
    let found: Vec<_> = Attributes::new(attributes).map(Result::unwrap).collect();
    assert_eq!(
        found,
        [Attribute { kind: 3, value: &[1, 2, 3, 4, 5] }, Attribute { kind: 4, value: b"gate\0" }]
    );
    assert_eq!(Attributes::new(attributes).find(4), Ok(Some(&b"gate\0"[..])));
    assert_eq!(Attributes::new(attributes).find(5), Ok(None));
    assert!(Request::order(1, 2, 2).with(3, &vec![0; 65532]).is_err());
    assert!(Request::order(1, 2, 2).with(3, &vec![0; 65531]).is_ok());
}

#[test]
fn a_device_is_taken_down_by_its_index() {
    let bytes = Request::device_down(0x1234).bytes(SEQUENCE).unwrap();
    // linux/rtnetlink.h: header with type 16, request and acknowledgement; then `ifinfomsg`: family
    // and type 0, index, flags 0, and of the flags only the first, `IFF_UP`, is meant.
    let mut expected = Vec::new();
    expected.extend(32_u32.to_ne_bytes());
    expected.extend(16_u16.to_ne_bytes());
    expected.extend(5_u16.to_ne_bytes());
    for word in [SEQUENCE, 0, 0, 0x1234, 0, 1] {
        expected.extend(word.to_ne_bytes());
    }
    assert_eq!(bytes, expected);
}

#[test]
fn values_have_a_length() {
    let value = |value| Attribute { kind: 1, value };
    assert_eq!(value(&[7]).byte(), Ok(7));
    assert_eq!(value(&[1, 2]).short(), Ok(0x102));
    assert_eq!(value(&[1, 2, 3, 4]).word(), Ok(0x102_0304));
    assert_eq!(value(&[192, 0, 2, 1]).ipv4().unwrap().to_string(), "192.0.2.1");
    for wrong in [&[][..], &[1, 2, 3], &[1; 5]] {
        let value = value(wrong);
        assert_eq!(
            (value.byte(), value.short(), value.word()),
            (Err(Malformed), Err(Malformed), Err(Malformed))
        );
        assert_eq!(value.ipv4(), Err(Malformed));
    }
}

#[test]
fn answers_end() {
    let item = order().bytes(SEQUENCE).unwrap();
    let (items, ended) = heard(&[item.clone(), item.clone(), end(0)].concat(), SEQUENCE);
    assert_eq!((items, ended.unwrap()), (2, End { reached: true, interrupted: false }));
    assert_eq!(heard(&item, SEQUENCE).1.unwrap(), End::default());
    let refused = heard(&end(-(Errno::ENOENT as i32)), SEQUENCE).1.unwrap_err();
    assert!(refused.is(Errno::ENOENT) && refused.errno().is_some(), "{refused}");
    // The least number has no positive one.
    assert!(heard(&end(i32::MIN), SEQUENCE).1.is_err());
    // An answer to another request.
    assert_eq!(heard(&[item.clone(), end(-1)].concat(), SEQUENCE + 1).0, 0);
    let mut interrupted = item;
    interrupted[6] |= 0x10;
    assert!(heard(&interrupted, SEQUENCE).1.unwrap().interrupted);
}

/// Cut anywhere or changed anywhere, a message is refused or read as another one; nothing breaks.
#[test]
fn damage_is_harmless() {
    let whole = [order().bytes(SEQUENCE).unwrap(), end(0)].concat();
    for length in 0..whole.len() {
        let cut = &whole[..length];
        let (items, end) = heard(cut, SEQUENCE);
        assert!(items == usize::from(length >= 44), "{length}");
        assert!(length == 0 || length == 44 || end.is_err(), "{length}");
    }
    for position in 0..whole.len() {
        for value in [0, 1, 3, 0x7f, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[position] = value;
            let _ = heard(&changed, SEQUENCE);
            for attribute in Attributes::new(&changed) {
                let _ = attribute;
            }
        }
    }
}
