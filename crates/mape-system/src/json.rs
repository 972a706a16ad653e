//! JSON is read in one way: first a [`Value`], then what the caller wants of it. It is written in
//! one way too: [`to_text`].
//!
//! serde makes a reader of text for each type that is read from text.

use serde::Serializer;
use serde_json::Value;

mod record;

pub use mape_json::to_text;
pub use record::{Entries, Fields, Json, Record, object};

/// A text that holds no such record.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON.
    #[error(transparent)]
    Syntax(#[from] serde_json::Error),
    /// It is no object.
    #[error("it is not an object")]
    NoObject,
    /// A key is missing, or its value is of another type.
    #[error("the key {0} is missing or has a value of another type")]
    Key(&'static str),
}

/// Any text.
///
/// # Errors
/// It is not JSON.
pub fn value(text: &str) -> serde_json::Result<Value> {
    mape_json::from_slice(text.as_bytes())
}

/// Reads a record of ours.
///
/// # Errors
/// [`ReadError`] if the text is not JSON, or not such a record.
pub fn read<T: Record>(text: &str) -> Result<T, ReadError> {
    let value = value(text)?;
    let mut fields = Fields::of(&value);
    let record = T::read(&mut fields);
    match fields.wrong() {
        None => Ok(record),
        Some("") => Err(ReadError::NoObject),
        Some(key) => Err(ReadError::Key(key)),
    }
}

/// Writes named values as one object, for serde's `serialize_with`.
///
/// # Errors
/// Those of the serializer.
pub fn named<K: AsRef<str>, S: Serializer>(
    values: &[(K, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(values.iter().map(|(name, value)| (name.as_ref(), value)))
}

/// Writes a record of ours.
#[must_use]
pub fn write(record: &impl Record) -> String {
    to_text(&record.to_value())
}

/// What a list in the object holds; nothing where there is no such list.
pub fn items<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_none_holds_nothing() {
        let object = value(r#"{"a": [1, 2], "b": 3}"#).unwrap();
        assert_eq!(items(&object, "a").len(), 2);
        assert!(items(&object, "b").is_empty() && items(&object, "c").is_empty());
        assert!(items(&Value::Null, "a").is_empty());
    }
}
