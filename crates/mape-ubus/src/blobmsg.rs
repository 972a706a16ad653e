//! JSON as attributes: blobmsg. Each attribute's id is the type of its value, and its payload
//! begins with the name: a 16-bit length, the name, a zero byte, padding. Elements of arrays have
//! an empty name.
//!
//! | JSON | blobmsg |
//! |---|---|
//! | object, array | table, array |
//! | text | string |
//! | `true`, `false` | int8 |
//! | whole number | int32 where it fits, else int64 |
//! | other number | double |
//! | `null` | "unspecified", without content |
//!
//! Back, int16 is a whole number, numbers are signed (as `ubus` prints them), any int8 but 0 is
//! `true`, and a double that is no number is `null`.

use serde_json::{Map, Number, Value};

use crate::blob::{Attribute, Attributes, Writer};
use crate::error::{BadArguments, Malformed};
use crate::message::MAX_MESSAGE;

/// How deep tables and arrays may be nested, the outermost table included. json-c, which reads JSON
/// for OpenWrt's `ubus`, has the same limit.
pub const MAX_DEPTH: usize = 32;

const NULL: u8 = 0;
const ARRAY: u8 = 1;
const TABLE: u8 = 2;
const STRING: u8 = 3;
const INT64: u8 = 4;
const INT32: u8 = 5;
const INT16: u8 = 6;
const INT8: u8 = 7;
const DOUBLE: u8 = 8;

/// Returns the fields of a table.
///
/// # Errors
/// A length, name, type or value is garbled, or the nesting is deeper than [`MAX_DEPTH`].
pub fn decode(bytes: &[u8]) -> Result<Map<String, Value>, Malformed> {
    table(bytes, MAX_DEPTH)
}

fn table(bytes: &[u8], depth: usize) -> Result<Map<String, Value>, Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed::Depth)?;
    // Inserted one by one: collecting a map sorts it first, which adds code.
    let mut fields = Map::new();
    for attribute in Attributes::new(bytes) {
        let attribute = attribute?;
        let (name, data) = split(&attribute)?;
        fields.insert(text(name), value(attribute.id, data, depth)?);
    }
    Ok(fields)
}

fn array(bytes: &[u8], depth: usize) -> Result<Vec<Value>, Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed::Depth)?;
    let mut elements = Vec::new();
    for attribute in Attributes::new(bytes) {
        let attribute = attribute?;
        elements.push(value(attribute.id, split(&attribute)?.1, depth)?);
    }
    Ok(elements)
}

/// Returns the name and the data of an attribute.
fn split<'a>(attribute: &Attribute<'a>) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let payload = attribute.payload;
    if !attribute.named {
        return Ok((&[], payload));
    }
    let (len, rest) = payload.split_first_chunk::<2>().ok_or(Malformed::Name)?;
    let len = usize::from(u16::from_be_bytes(*len));
    let name = rest.get(..len).ok_or(Malformed::Name)?;
    if rest.get(len) != Some(&0) {
        return Err(Malformed::Name);
    }
    Ok((name, payload.get(name_space(len)..).ok_or(Malformed::Name)?))
}

/// Returns the space of a name of this length: its length field, itself, a zero byte, padding.
const fn name_space(len: usize) -> usize {
    crate::blob::padded(2 + len + 1)
}

fn value(kind: u8, data: &[u8], depth: usize) -> Result<Value, Malformed> {
    Ok(match kind {
        NULL => Value::Null,
        ARRAY => Value::Array(array(data, depth)?),
        TABLE => Value::Object(table(data, depth)?),
        STRING if data.last() == Some(&0) => Value::String(text(data)),
        STRING => return Err(Malformed::Value),
        INT64 => i64::from_be_bytes(exactly(data)?).into(),
        INT32 => i32::from_be_bytes(exactly(data)?).into(),
        INT16 => i16::from_be_bytes(exactly(data)?).into(),
        INT8 => Value::Bool(exactly::<1>(data)? != [0]),
        // An infinite or undefined number becomes null.
        DOUBLE => f64::from_be_bytes(exactly(data)?).into(),
        unknown => return Err(Malformed::Type(unknown)),
    })
}

fn exactly<const N: usize>(data: &[u8]) -> Result<[u8; N], Malformed> {
    data.try_into().map_err(|_| Malformed::Value)
}

/// Returns the text up to the first zero byte, as C reads it. SSIDs and host names need not be
/// UTF-8; one such field must not hide all others.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or(bytes)).into_owned()
}

/// Returns the fields as attributes.
///
/// # Errors
/// They do not fit a message, are nested deeper than [`MAX_DEPTH`], or contain a value that blobmsg
/// cannot carry: a zero byte in a text, or a whole number beyond 64 bits with sign.
pub fn encode(fields: &Map<String, Value>) -> Result<Vec<u8>, BadArguments> {
    let mut writer = Writer::default();
    put_fields(&mut writer, fields, MAX_DEPTH)?;
    Ok(writer.into_bytes())
}

fn put_fields(
    writer: &mut Writer,
    fields: &Map<String, Value>,
    depth: usize,
) -> Result<(), BadArguments> {
    let depth = depth.checked_sub(1).ok_or(BadArguments::TooDeep)?;
    fields.iter().try_for_each(|(name, value)| put(writer, name, value, depth))
}

fn put(writer: &mut Writer, name: &str, value: &Value, depth: usize) -> Result<(), BadArguments> {
    let open = writer.open();
    let len = u16::try_from(name.len()).map_err(|_| BadArguments::TooLarge)?;
    writer.raw(&len.to_be_bytes());
    put_text(writer, name)?;
    writer.pad();
    let kind = match value {
        Value::Null => NULL,
        Value::Bool(flag) => {
            writer.raw(&[u8::from(*flag)]);
            INT8
        }
        Value::Number(number) => put_number(writer, number)?,
        Value::String(text) => {
            put_text(writer, text)?;
            STRING
        }
        Value::Array(elements) => {
            let depth = depth.checked_sub(1).ok_or(BadArguments::TooDeep)?;
            elements.iter().try_for_each(|element| put(writer, "", element, depth))?;
            ARRAY
        }
        Value::Object(fields) => {
            put_fields(writer, fields, depth)?;
            TABLE
        }
    };
    writer.close(open, kind, true);
    // Checked here and not only at the end, so that the message cannot grow without limit.
    if writer.len() > MAX_MESSAGE { Err(BadArguments::TooLarge) } else { Ok(()) }
}

fn put_text(writer: &mut Writer, text: &str) -> Result<(), BadArguments> {
    if text.contains('\0') {
        return Err(BadArguments::ZeroByte);
    }
    writer.raw(text.as_bytes());
    writer.raw(&[0]);
    Ok(())
}

fn put_number(writer: &mut Writer, number: &Number) -> Result<u8, BadArguments> {
    if let Some(whole) = number.as_i64() {
        if let Ok(small) = i32::try_from(whole) {
            writer.raw(&small.to_be_bytes());
            return Ok(INT32);
        }
        writer.raw(&whole.to_be_bytes());
        return Ok(INT64);
    }
    let double = number.as_f64().filter(|_| number.is_f64()).ok_or(BadArguments::NumberTooLarge)?;
    writer.raw(&double.to_be_bytes());
    Ok(DOUBLE)
}

#[cfg(test)]
mod tests;
