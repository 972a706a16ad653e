//! Tests of `record`.

use super::*;
use crate::json::{read, write};

crate::record! {
    #[derive(Clone, Debug, PartialEq)]
    struct Whole {
        number: u16 = required,
        text: String = required("other-name"),
        note: Option<String> = optional,
        list: Vec<u8> = optional,
        flag: bool = optional,
        wait: Option<NonZeroU16> = optional,
        address: Option<SocketAddrV4> = optional,
        pair: Option<[u8; 2]> = optional,
        table: Table<String, u16> = optional,
        inner: Option<Inner> = optional,
    }
}

crate::record! {
    #[derive(Clone, Debug, PartialEq)]
    struct Inner {
        number: u8 = required,
    }
}

crate::record! {
    #[derive(Debug, PartialEq)]
    struct Lenient {
        number: Option<u8> = lenient,
        texts: Vec<String> = list,
        flag: bool = or_true,
        inner: Inner = lenient,
    }
}

fn of<T: Record>(text: &str) -> T {
    read(text).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let text = r#"{"address":"192.0.2.1:80","flag":true,"inner":{"number":255},"list":[1,2],"note":"x","number":7,"other-name":"a","pair":[3,4],"table":{"a":1,"b":2},"wait":9}"#;
    let record: Whole = of(text);
    assert_eq!(record.number, 7);
    assert_eq!(record.text, "a");
    assert_eq!(record.note.as_deref(), Some("x"));
    assert_eq!(record.table.get("b"), Some(&2));
    assert_eq!(record.inner, Some(Inner { number: 255 }));
    assert_eq!(write(&record), text);
}

#[test]
fn serde_writes_the_fields_in_their_order() {
    let record: Whole = of(r#"{"number":7,"other-name":"a","table":{},"list":[1]}"#);
    let text = serde_json::to_string(&Entries::of(&record)).unwrap();
    assert_eq!(text, r#"{"number":7,"other-name":"a","list":[1],"flag":false,"table":{}}"#);
}

#[test]
fn a_missing_key_is_empty_unless_it_is_required() {
    let record: Whole = of(r#"{"number":7,"other-name":"a","note":null,"unknown":[]}"#);
    let empty = Whole {
        number: 7,
        text: "a".to_owned(),
        note: None,
        list: Vec::new(),
        flag: false,
        wait: None,
        address: None,
        pair: None,
        table: Table::default(),
        inner: None,
    };
    assert_eq!(record, empty);
    for (text, error) in [
        ("{}", "the key number is missing or has a value of another type"),
        (r#"{"number":7}"#, "the key other-name is missing or has a value of another type"),
        ("[7]", "it is not an object"),
        ("null", "it is not an object"),
    ] {
        assert_eq!(read::<Whole>(text).unwrap_err().to_string(), error, "{text}");
    }
    assert!(read::<Whole>("{").unwrap_err().to_string().contains("EOF"));
}

#[test]
fn a_value_of_another_type_is_an_error() {
    for (key, value) in [
        ("number", "65536"),
        ("number", "-1"),
        ("number", "1.0"),
        ("number", "null"),
        ("other-name", "7"),
        ("note", "7"),
        ("list", "[1,256]"),
        ("list", "{}"),
        ("list", "null"),
        ("flag", "1"),
        ("wait", "0"),
        ("address", r#""192.0.2.1""#),
        ("pair", "[1]"),
        ("pair", "[1,2,3]"),
        ("table", "[]"),
        ("table", r#"{"a":"x"}"#),
        ("inner", "{}"),
        ("inner", "7"),
    ] {
        let mut object = crate::json::value(r#"{"number":7,"other-name":"a"}"#).unwrap();
        object[key] = crate::json::value(value).unwrap();
        let error = read::<Whole>(&object.to_string()).unwrap_err();
        assert!(error.to_string().contains(&format!(" {key} ")), "{key}: {value}: {error}");
    }
}

#[test]
fn what_does_not_fit_counts_as_missing() {
    let record: Lenient =
        of(r#"{"number":7,"texts":["a",1,"b"],"flag":false,"inner":{"number":1}}"#);
    let texts = ["a", "b"].map(str::to_owned).to_vec();
    let whole = Lenient { number: Some(7), texts, flag: false, inner: Inner { number: 1 } };
    assert_eq!(record, whole);
    let nothing =
        Lenient { number: None, texts: Vec::new(), flag: true, inner: Inner { number: 0 } };
    for text in [
        "{}",
        r#"{"number":256,"texts":{"a":1},"flag":"x","inner":[7]}"#,
        r#"{"number":null,"texts":null,"flag":null,"inner":null}"#,
    ] {
        assert_eq!(of::<Lenient>(text), nothing, "{text}");
    }
}

#[test]
fn addresses_are_texts() {
    for (text, is_it) in [("192.0.2.1", true), ("2001:db8::1", true), ("x", false)] {
        let value = Value::String(text.to_owned());
        assert_eq!(IpAddr::from_value(&value).map(|it| it.to_value()), is_it.then_some(value));
    }
    assert_eq!(Ipv4Addr::from_value(&"2001:db8::1".into()), None);
    assert_eq!(Ipv6Addr::from_value(&"192.0.2.1".into()), None);
}
