//! Reads JSON of servers: bounded in size and depth, and tolerant of how a number is written.
//!
//! `serde_json` itself stops at a depth of 128.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{Quoted, decimal};
use serde_json::{Map, Value};

use crate::answer::error::{AnswerError, MAX_BODY};

/// What was read, or why it cannot be. The error is on the heap, because it is moved at each `?`.
pub(crate) type Read<T> = Result<T, Box<AnswerError>>;

/// One object, with its path in the answer.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    map: &'a Map<String, Value>,
    path: &'static str,
}

/// Reads a body that is one object.
pub(crate) fn root(body: &[u8]) -> Read<Value> {
    if body.len() > MAX_BODY {
        return Err(AnswerError::TooLarge.into());
    }
    // Some editors begin a file with a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match mape_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(AnswerError::NotJson { line: 1 }.into()),
        Err(error) => Err(AnswerError::NotJson { line: error.line() }.into()),
    }
}

pub(crate) use mape_json::to_text;

/// Returns a value as an error shows it.
pub(crate) fn quoted(value: &Value) -> Quoted {
    match value {
        Value::String(text) => Quoted::new(text),
        Value::Array(_) => Quoted::new("[…]"),
        Value::Object(_) => Quoted::new("{…}"),
        other => Quoted::new(&to_text(other)),
    }
}

/// Reads a number. Servers write it as a number or as text.
pub(crate) fn number(value: &Value, max: u32) -> Option<u32> {
    match value {
        Value::Number(number) => u32::try_from(number.as_u64()?).ok().filter(|it| *it <= max),
        Value::String(text) => decimal(text, max),
        _ => None,
    }
}

/// Reads a flag, as a boolean or as 0 and 1: the standard's text has one form and its example the
/// other.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        other => number(other, 1).map(|number| number == 1),
    }
}

pub(crate) fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

/// Reads a label of at most 254 bytes. An answer never fails because of a label.
pub(crate) fn label(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?;
    // 256 bytes with the quotes (section 3.4).
    (!text.is_empty() && text.len() <= 254).then(|| text.to_owned())
}

pub(crate) fn address6(value: &Value) -> Option<Ipv6Addr> {
    text(value)?.parse().ok()
}

pub(crate) fn address4(value: &Value) -> Option<Ipv4Addr> {
    text(value)?.parse().ok()
}

/// Reads a prefix. Bits after its length are ignored, as in DHCPv6 (RFC 7598 section 4.1), because
/// the receiver cannot correct a server.
pub(crate) fn net6(value: &Value) -> Option<Ipv6Net> {
    Some(mape_core::parse_net6(text(value)?)?.trunc())
}

/// Reads an address with a length. Bits after the length are kept.
pub(crate) fn net4(value: &Value) -> Option<Ipv4Net> {
    mape_core::parse_net4(text(value)?)
}

/// Reads a number of bits. The rule itself checks whether it fits.
pub(crate) fn bits(value: &Value) -> Option<u8> {
    number(value, 128).and_then(|number| u8::try_from(number).ok())
}

pub(crate) fn psid(value: &Value) -> Option<u16> {
    match value {
        Value::String(text) => mape_core::parse_psid(text),
        other => number(other, 65535).and_then(|number| u16::try_from(number).ok()),
    }
}

/// Builds an object key by key. Collecting a map would sort it first, which is more code than the
/// rest of the writing.
pub(crate) fn written(entries: Vec<(&'static str, Value)>) -> Value {
    let mut map = Map::new();
    for (key, value) in entries {
        map.insert(key.to_owned(), value);
    }
    Value::Object(map)
}

/// Returns a text, or `null`.
pub(crate) fn or_null(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

impl<'a> Object<'a> {
    pub(crate) fn of(value: &'a Value, path: &'static str) -> Read<Self> {
        match value {
            Value::Object(map) => Ok(Self { map, path }),
            _ => Err(AnswerError::BadValue { path, key: "", value: quoted(value) }.into()),
        }
    }

    /// Returns the value of a key that is present and not `null`.
    pub(crate) fn get(self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Reads a value. Returns `None` where the key is absent.
    pub(crate) fn optional<T>(
        self,
        key: &'static str,
        read: fn(&'a Value) -> Option<T>,
    ) -> Read<Option<T>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.bad(key, value)),
        }
    }

    /// Returns the error about a value.
    #[allow(clippy::unnecessary_box_returns, reason = "the error of `Read`")]
    pub(crate) fn bad(self, key: &'static str, value: &Value) -> Box<AnswerError> {
        AnswerError::BadValue { path: self.path, key, value: quoted(value) }.into()
    }

    pub(crate) fn required<T>(
        self,
        key: &'static str,
        read: fn(&'a Value) -> Option<T>,
    ) -> Read<T> {
        match self.optional(key, read)? {
            Some(value) => Ok(value),
            None => Err(AnswerError::Missing { path: self.path, key }.into()),
        }
    }

    pub(crate) fn list(self, key: &'static str) -> Read<&'a [Value]> {
        self.required(key, |value| value.as_array().map(Vec::as_slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_flags_in_every_coat() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (json, expected) in [
            ("0", Some(0)),
            ("128", Some(128)),
            ("\"25\"", Some(25)),
            ("129", None),
            ("-1", None),
            ("1.5", None),
            ("1e2", None),
            ("\"\"", None),
            ("\" 1\"", None),
            ("\"0x1\"", None),
            ("true", None),
            ("[1]", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(bits(&value(json)).map(u32::from), expected, "{json}");
        }
        for json in ["true", "1", "\"1\"", "\"true\""] {
            assert_eq!(flag(&value(json)), Some(true), "{json}");
        }
        for json in ["false", "0", "\"0\"", "\"false\""] {
            assert_eq!(flag(&value(json)), Some(false), "{json}");
        }
        for json in ["2", "\"yes\"", "[]", "-1", "\"\""] {
            assert_eq!(flag(&value(json)), None, "{json}");
        }
        assert_eq!(psid(&value("65536")), None);
    }

    #[test]
    fn a_body_is_one_object_of_bounded_size_and_depth() {
        assert!(root(b"\xef\xbb\xbf {} ").is_ok());
        for bad in
            [&b""[..], b"[]", b"1", b"{", b"{} {}", b"{\"a\":}", b"\xff", b"{\"a\":\"\xff\"}"]
        {
            let error = root(bad).unwrap_err();
            assert!(matches!(*error, AnswerError::NotJson { .. }), "{bad:?}");
        }
        let deep = |depth: usize| {
            format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth)).into_bytes()
        };
        assert!(
            root(&deep(100)).is_ok() && root(&deep(200)).is_err() && root(&deep(50_000)).is_err()
        );
        let long = |len: usize| format!("{{{}}}", " ".repeat(len - 2)).into_bytes();
        assert!(root(&long(MAX_BODY)).is_ok());
        assert_eq!(*root(&long(MAX_BODY + 1)).unwrap_err(), AnswerError::TooLarge);
    }
}
