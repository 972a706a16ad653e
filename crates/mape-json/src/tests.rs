//! `serde_json` is the judge.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use super::to_text;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    TwoWords,
}

#[derive(Serialize)]
#[serde(tag = "do")]
enum Tagged {
    Load { name: &'static str },
    Nothing,
}

#[derive(Serialize)]
struct Pair(u8, u16);

#[derive(Serialize)]
struct Inner {
    letter: char,
    nothing: (),
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u8>,
}

#[derive(Serialize)]
struct Record {
    word: Word,
    tagged: Vec<Tagged>,
    pair: Pair,
    tuple: (bool, i64),
    none: Option<u32>,
    some: Option<u32>,
    empty: [u8; 0],
    #[serde(flatten)]
    inner: Inner,
    map: BTreeMap<String, f64>,
    numbers: (i8, i16, i32, u64, f32),
}

#[test]
fn every_kind_of_value_is_written_as_serde_json_writes_it() {
    let record = Record {
        word: Word::TwoWords,
        tagged: vec![Tagged::Load { name: "a\"b" }, Tagged::Nothing],
        pair: Pair(1, 65535),
        tuple: (true, i64::MIN),
        none: None,
        some: Some(7),
        empty: [],
        inner: Inner { letter: '\u{7}', nothing: (), left_out: None },
        map: BTreeMap::from([("x".to_owned(), 0.1), ("y".to_owned(), f64::NAN)]),
        numbers: (-1, -300, i32::MIN, u64::MAX, 1.5),
    };
    assert_eq!(to_text(&record), serde_json::to_string(&record).unwrap());
    for value in [json!({}), json!([]), json!([[], {}, null]), json!({"a": {}, "b": []})] {
        assert_eq!(to_text(&value), serde_json::to_string(&value).unwrap());
    }
}

#[test]
fn what_is_no_json_gives_no_text() {
    assert_eq!(to_text(&BTreeMap::from([(1, 2)])), "");
    assert_eq!(to_text(&Some(Err::<u8, u8>(1))), "");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn values_are_written_as_serde_json_writes_them(value in value()) {
        prop_assert_eq!(to_text(&value), serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn texts_are_escaped_as_serde_json_escapes_them(text in "[\\x00-\\x7f\u{80}\u{2028}\u{10ffff}]*") {
        prop_assert_eq!(to_text(&text), serde_json::to_string(&text).unwrap());
    }
}
