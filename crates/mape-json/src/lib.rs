//! Reads JSON as a [`Value`], and writes it as text, the same text as `serde_json::to_string`.
//!
//! `serde_json` writes to streams, which can fail: each value, comma and bracket is a call with an
//! error to check, and the code for it is part of every serialized type. Text in memory cannot
//! fail, so that here a field is two calls without checks (docs/decisions/0063-json-text.md).

use std::fmt::{self, Display, Write as _};

use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
    SerializeTupleStruct, Serializer,
};
use serde_json::{Number, Value};

/// Reads a text as JSON.
///
/// # Errors
/// It is not JSON.
// One call for all crates, so that the program has `serde_json`'s reader once.
#[inline(never)]
pub fn from_slice(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(text)
}

/// Returns a value as JSON text.
///
/// The text is empty if the value has a map whose keys are not text, bytes, or an enum variant with
/// content and without a tag. The program has none of them.
pub fn to_text(value: &(impl Serialize + ?Sized)) -> String {
    let mut writer = Writer { text: String::new() };
    match value.serialize(&mut writer) {
        Ok(()) => writer.text,
        Err(fmt::Error) => String::new(),
    }
}

/// The text so far. Writing into a `String` cannot fail.
struct Writer {
    text: String,
}

impl Writer {
    /// Begins an element of a list, or a key of an object.
    fn element(&mut self) {
        if !self.text.ends_with(['[', '{']) {
            self.text.push(',');
        }
    }

    fn key(&mut self, key: &str) {
        self.element();
        self.string(key);
        self.text.push(':');
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            let escaped = match c {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\u{8}' => "\\b",
                '\u{c}' => "\\f",
                '\0'..' ' => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(c));
                    continue;
                }
                _ => {
                    self.text.push(c);
                    continue;
                }
            };
            self.text.push_str(escaped);
        }
        self.text.push('"');
    }

    fn number(&mut self, number: &dyn Display) {
        let _ = write!(self.text, "{number}");
    }
}

macro_rules! numbers {
    ($($method:ident: $number:ty),*) => {$(
        fn $method(self, number: $number) -> fmt::Result {
            self.number(&number);
            Ok(())
        }
    )*};
}

impl Serializer for &mut Writer {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Impossible<(), fmt::Error>;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), fmt::Error>;

    numbers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    );

    fn serialize_f32(self, number: f32) -> fmt::Result {
        self.serialize_f64(number.into())
    }

    /// An infinite or undefined number becomes `null`.
    fn serialize_f64(self, number: f64) -> fmt::Result {
        match Number::from_f64(number) {
            Some(number) => self.number(&number),
            None => self.text.push_str("null"),
        }
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> fmt::Result {
        self.text.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_char(self, c: char) -> fmt::Result {
        self.string(c.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, text: &str) -> fmt::Result {
        self.string(text);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> fmt::Result {
        Err(fmt::Error)
    }

    fn serialize_none(self) -> fmt::Result {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_unit(self) -> fmt::Result {
        self.text.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> fmt::Result {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &str, _: u32, variant: &'static str) -> fmt::Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> fmt::Result {
        Err(fmt::Error)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, fmt::Error> {
        self.text.push('[');
        Ok(self)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self, fmt::Error> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Self, fmt::Error> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, fmt::Error> {
        self.text.push('{');
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Self, fmt::Error> {
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, fmt::Error> {
        Err(fmt::Error)
    }
}

/// The methods of a list, under the name that each trait gives them.
macro_rules! lists {
    ($($list:ident::$element:ident),*) => {$(
        impl $list for &mut Writer {
            type Ok = ();
            type Error = fmt::Error;

            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
                self.element();
                value.serialize(&mut **self)
            }

            fn end(self) -> fmt::Result {
                self.text.push(']');
                Ok(())
            }
        }
    )*};
}

lists!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field
);

impl SerializeMap for &mut Writer {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> fmt::Result {
        self.element();
        let start = self.text.len();
        key.serialize(&mut **self)?;
        let is_text = self.text.get(start..).is_some_and(|key| key.starts_with('"'));
        self.text.push(':');
        if is_text { Ok(()) } else { Err(fmt::Error) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        value.serialize(&mut **self)
    }

    fn end(self) -> fmt::Result {
        self.text.push('}');
        Ok(())
    }
}

impl SerializeStruct for &mut Writer {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> fmt::Result {
        self.key(key);
        value.serialize(&mut **self)
    }

    fn end(self) -> fmt::Result {
        self.text.push('}');
        Ok(())
    }
}

#[cfg(test)]
mod tests;
