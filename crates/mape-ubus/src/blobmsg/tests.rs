use proptest::prelude::*;
use serde_json::json;

use super::*;

/// An attribute with an empty name.
fn attribute(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.put(kind, data);
    writer.into_bytes()
}

fn nested(depth: usize) -> Map<String, Value> {
    let value = (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }));
    value.as_object().unwrap().clone()
}

#[test]
fn nesting_has_a_limit_both_ways() {
    let deepest = nested(MAX_DEPTH);
    let bytes = encode(&deepest).unwrap();
    assert_eq!(decode(&bytes), Ok(deepest));
    assert_eq!(encode(&nested(MAX_DEPTH + 1)), Err(BadArguments::TooDeep));
    let deeper = attribute(TABLE, &bytes);
    assert_eq!(decode(&deeper), Err(Malformed::Depth));
    assert_eq!(decode(&attribute(ARRAY, &bytes)), Err(Malformed::Depth));
    let arrays = (0..40).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(encode(json!({ "a": arrays }).as_object().unwrap()), Err(BadArguments::TooDeep));
    // A message full of heads, each inside the one before.
    let mut bomb = Vec::new();
    for left in (1..=250_000_u32).rev() {
        bomb.extend_from_slice(&((1 << 24) | (4 * left)).to_be_bytes());
    }
    assert_eq!(decode(&bomb), Err(Malformed::Depth));
}

#[test]
fn values_are_as_long_as_their_type() {
    for (kind, len) in [(INT8, 1), (INT16, 2), (INT32, 4), (INT64, 8), (DOUBLE, 8)] {
        assert!(decode(&attribute(kind, &vec![0; len])).is_ok());
        for wrong in [0, len - 1, len + 1, 2 * len] {
            assert_eq!(decode(&attribute(kind, &vec![0; wrong])), Err(Malformed::Value), "{kind}");
        }
    }
    assert_eq!(decode(&attribute(STRING, b"")), Err(Malformed::Value));
    assert_eq!(decode(&attribute(STRING, b"a")), Err(Malformed::Value));
    assert_eq!(decode(&attribute(9, b"")), Err(Malformed::Type(9)));
    assert_eq!(decode(&attribute(0x7f, b"")), Err(Malformed::Type(0x7f)));
}

#[test]
fn odd_values_are_read_as_c_reads_them() {
    let only = |kind, data: &[u8]| decode(&attribute(kind, data)).unwrap()[""].clone();
    assert_eq!(only(INT8, &[2]), json!(true));
    assert_eq!(only(INT16, &[0xff, 0xfe]), json!(-2));
    assert_eq!(only(DOUBLE, &f64::INFINITY.to_be_bytes()), Value::Null);
    assert_eq!(only(NULL, b"anything"), Value::Null);
    assert_eq!(only(STRING, b"a\0b\0"), json!("a"));
    assert_eq!(only(STRING, b"\xff\0"), json!("\u{fffd}"));
    // Padding may hold anything.
    assert_eq!(decode(&[0x07, 0, 0, 5, 1, 9, 9, 9]).unwrap()[""], json!(true));
}

#[test]
fn lengths_are_not_believed() {
    let good = encode(json!({"name": "value"}).as_object().unwrap()).unwrap();
    assert!(decode(&good).is_ok());
    for cut in 1..good.len() {
        assert_eq!(decode(&good[..cut]), Err(Malformed::Length), "{cut}");
    }
    // Shorter than its head; without its padding; a name beyond the end, one without an end.
    assert_eq!(decode(&[0x83, 0, 0, 3]), Err(Malformed::Length));
    assert_eq!(decode(&[0x07, 0, 0, 5, 1]), Err(Malformed::Length));
    assert_eq!(decode(&[0x87, 0, 0, 8, 0xff, 0xff, 0, 0]), Err(Malformed::Name));
    assert_eq!(decode(&[0x87, 0, 0, 8, 0, 1, b'a', b'b']), Err(Malformed::Name));
    assert_eq!(decode(&[0x87, 0, 0, 5, 0, 0, 0, 0]), Err(Malformed::Name));
    assert_eq!(decode(&[0x80, 0, 0, 4]), Err(Malformed::Name));
}

#[test]
fn text_and_numbers_that_cannot_be_sent() {
    let refused = |value: Value| encode(value.as_object().unwrap()).unwrap_err();
    assert_eq!(refused(json!({"a": "b\0"})), BadArguments::ZeroByte);
    assert_eq!(refused(json!({"a\0": 1})), BadArguments::ZeroByte);
    assert_eq!(refused(json!({"a": [u64::MAX]})), BadArguments::NumberTooLarge);
    assert_eq!(refused(json!({"a".repeat(65_536): 1})), BadArguments::TooLarge);
    assert_eq!(
        refused(json!({"a": vec![json!({"b": "c".repeat(1 << 10)}); 1 << 10]})),
        BadArguments::TooLarge
    );
}

#[test]
fn whole_numbers_take_the_smaller_type() {
    let kind = |number: Value| encode(json!({"": number}).as_object().unwrap()).unwrap()[0] & 0x7f;
    for (number, expected) in [
        (json!(i32::MIN), INT32),
        (json!(i32::MAX), INT32),
        (json!(i64::from(i32::MIN) - 1), INT64),
        (json!(u32::MAX), INT64),
        (json!(i64::MAX), INT64),
        (json!(1.0), DOUBLE),
        (json!(1e300), DOUBLE),
    ] {
        assert_eq!(kind(number.clone()), expected, "{number}");
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no infinity", |double| double.is_finite())
            .prop_map(Value::from),
        "[^\0]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[^\0]{0,9}", inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(fields in prop::collection::btree_map("[^\0]{0,20}", values(), 0..8)) {
        let fields: Map<_, _> = fields.into_iter().collect();
        let bytes = encode(&fields).unwrap();
        prop_assert_eq!(bytes.len() % 4, 0);
        prop_assert_eq!(decode(&bytes), Ok(fields));
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }
}
