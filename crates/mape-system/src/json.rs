//! JSON is read in one way: first a [`Value`], then what the caller wants of it.
//!
//! serde makes a reader of text for each type that is read from text. One that takes a value apart
//! is a third as large.

use mape_core::Table;
use serde::de::{Deserialize as _, DeserializeOwned, Deserializer};
use serde_json::Value;

/// Any text.
///
/// # Errors
/// It is not JSON.
pub fn value(text: &str) -> serde_json::Result<Value> {
    serde_json::from_slice(text.as_bytes())
}

/// As text. `Value`'s own `Display` is two more writers.
#[must_use]
pub fn to_text(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A record of ours.
///
/// # Errors
/// It is not JSON, or not such a record.
pub fn read<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    T::deserialize(value(text)?)
}

/// What a list in the object holds; nothing where there is no such list.
pub fn items<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Deserialises a field; a value of another type counts as missing:
/// `#[serde(default, deserialize_with = "mape_system::json::or_default")]`.
///
/// # Errors
/// Those of the deserializer.
pub fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: DeserializeOwned + Default,
    D: Deserializer<'de>,
{
    Ok(T::deserialize(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Deserialises a list and leaves out items of another type. Another value than a list holds none.
///
/// # Errors
/// Those of the deserializer.
pub fn list<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let Value::Array(items) = Value::deserialize(deserializer)? else { return Ok(Vec::new()) };
    Ok(items.into_iter().filter_map(|item| T::deserialize(item).ok()).collect())
}

/// A [`Table`] is an object: `#[serde(with = "mape_system::json::table")]`.
pub mod table {
    use super::{DeserializeOwned, Table, Value};
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize, Serializer};
    use serde_json::Map;

    /// Writes the table as an object.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<V: Serialize, S: Serializer>(
        table: &Table<String, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(table.iter())
    }

    /// Reads an object as a table.
    ///
    /// # Errors
    /// It is not an object, or a value of it is not a `V`.
    pub fn deserialize<'de, V: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Table<String, V>, D::Error> {
        let mut table = Table::default();
        for (key, value) in Map::<String, Value>::deserialize(deserializer)? {
            table.insert(key, V::deserialize(value).map_err(D::Error::custom)?);
        }
        Ok(table)
    }
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

    #[test]
    fn what_does_not_fit_counts_as_missing() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        #[serde(default)]
        struct Record {
            #[serde(deserialize_with = "or_default")]
            number: Option<u8>,
            #[serde(deserialize_with = "list")]
            texts: Vec<String>,
        }
        impl Default for Record {
            fn default() -> Self {
                Self { number: Some(9), texts: Vec::new() }
            }
        }

        let of = |text| read::<Record>(text).unwrap();
        assert_eq!(of(r#"{"number": 7, "texts": ["a", 1, "b"]}"#).texts, ["a", "b"]);
        assert_eq!(of("{}").number, Some(9));
        assert_eq!(
            of(r#"{"number": 256, "texts": {"a": 1}}"#),
            Record { number: None, texts: Vec::new() }
        );
    }

    #[test]
    fn a_table_is_an_object() {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct Record(#[serde(with = "table")] Table<String, u16>);

        let text = r#"{"a":1,"b":2}"#;
        let record: Record = read(text).unwrap();
        assert_eq!(record.0.get("b"), Some(&2));
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
        for wrong in ["[1]", r#"{"a":"x"}"#, "{"] {
            assert!(read::<Record>(wrong).is_err(), "{wrong}");
        }
    }
}
