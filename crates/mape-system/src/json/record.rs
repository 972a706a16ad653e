//! Records: structs that are JSON objects.
//!
//! [`record!`](crate::record) declares one. Reading and writing are one function each, in which a
//! field is one call. serde derive writes a reader of objects, a reader of lists and a matcher of
//! keys for each type, and the code of each field into all of them
//! (docs/decisions/0062-json-records.md).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::num::NonZeroU16;

use mape_core::Table;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value};

/// A type whose values a JSON value can hold.
pub trait Json: Sized {
    /// Reads a value. `None` where it is of another type or out of range.
    fn from_value(value: &Value) -> Option<Self>;

    /// Returns the value that [`Self::from_value`] reads.
    fn to_value(&self) -> Value;

    /// Returns what takes the place of a missing value.
    fn empty() -> Self;
}

/// A struct that is a JSON object. [`record!`](crate::record) implements it.
pub trait Record: Sized {
    /// Reads the keys.
    fn read(fields: &mut Fields<'_>) -> Self;

    /// Writes the keys.
    fn write(&self, entries: &mut Entries);
}

/// The keys of an object from which a record is read.
#[derive(Debug, Default)]
pub struct Fields<'object> {
    object: Option<&'object Map<String, Value>>,
    /// The first key that cannot be used, although it has to.
    wrong: Option<&'static str>,
}

impl<'object> Fields<'object> {
    pub(super) fn of(value: &'object Value) -> Self {
        let object = value.as_object();
        Self { object, wrong: object.is_none().then_some("") }
    }

    pub(super) const fn wrong(&self) -> Option<&'static str> {
        self.wrong
    }

    fn get(&self, key: &str) -> Option<&'object Value> {
        self.object?.get(key)
    }

    /// Reads a key that has to be there.
    pub fn required<T: Json>(&mut self, key: &'static str) -> T {
        let value = self.get(key).and_then(T::from_value);
        value.unwrap_or_else(|| {
            self.wrong.get_or_insert(key);
            T::empty()
        })
    }

    /// Reads a key that may be missing, but not be of another type.
    pub fn optional<T: Json>(&mut self, key: &'static str) -> T {
        if self.get(key).is_some() { self.required(key) } else { T::empty() }
    }

    /// Reads a key; a value of another type counts as missing.
    pub fn lenient<T: Json>(&mut self, key: &'static str) -> T {
        self.get(key).and_then(T::from_value).unwrap_or_else(T::empty)
    }

    /// The same, but a missing value counts as `true`.
    pub fn or_true(&mut self, key: &'static str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(true)
    }

    /// Reads a list and leaves out items of another type. Another value than a list holds none.
    pub fn list<T: Json>(&mut self, key: &'static str) -> Vec<T> {
        self.get(key).map(|list| items(list).0).unwrap_or_default()
    }
}

/// Returns an object with these entries.
///
/// `json!` has the code that inserts an entry, with all that can go wrong there, once for each one.
#[must_use]
pub fn object(entries: Vec<(&str, Value)>) -> Value {
    let mut object = Map::new();
    for (key, value) in entries {
        object.insert(key.to_owned(), value);
    }
    Value::Object(object)
}

/// The keys of a record, in the order of its fields.
#[derive(Debug, Default)]
pub struct Entries(Vec<(&'static str, Value)>);

impl Entries {
    /// The entries of a record.
    pub fn of(record: &impl Record) -> Self {
        let mut entries = Self::default();
        record.write(&mut entries);
        entries
    }

    /// Adds a key, unless its value is `null`.
    pub fn put<T: Json>(&mut self, key: &'static str, value: &T) {
        self.put_value(key, value.to_value());
    }

    fn put_value(&mut self, key: &'static str, value: Value) {
        if !value.is_null() {
            self.0.push((key, value));
        }
    }

    fn into_value(self) -> Value {
        object(self.0)
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Declares a struct that is a JSON object.
///
/// Behind the type of each field stands how [`Fields`] reads it, and in parentheses its key, unless
/// the field has the key's name. A key is not written where its value is `null`.
///
/// ```
/// mape_system::record! {
///     /// A route.
///     #[derive(Debug, PartialEq)]
///     pub struct Route {
///         /// Its destination.
///         pub target: std::net::Ipv6Addr = required,
///         /// Its metric.
///         pub metric: Option<u32> = lenient("metric-value"),
///     }
/// }
///
/// let route: Route = mape_system::json::read(r#"{"target": "::", "metric-value": "x"}"#).unwrap();
/// assert_eq!(route.metric, None);
/// assert_eq!(mape_system::json::write(&route), r#"{"target":"::"}"#);
/// ```
#[macro_export]
macro_rules! record {
    (@key $name:ident) => { stringify!($name) };
    (@key $name:ident $key:literal) => { $key };
    (
        $(#[$of_struct:meta])*
        $visible:vis struct $record:ident {
            $(
                $(#[$of_field:meta])*
                $field_visible:vis $field:ident: $type:ty = $read:ident $(($key:literal))?
            ),* $(,)?
        }
    ) => {
        $(#[$of_struct])*
        $visible struct $record {
            $($(#[$of_field])* $field_visible $field: $type,)*
        }

        impl $crate::json::Record for $record {
            fn read(fields: &mut $crate::json::Fields<'_>) -> Self {
                Self { $($field: fields.$read($crate::record!(@key $field $($key)?)),)* }
            }

            fn write(&self, entries: &mut $crate::json::Entries) {
                $(entries.put($crate::record!(@key $field $($key)?), &self.$field);)*
            }
        }
    };
}

impl<T: Record> Json for T {
    fn from_value(value: &Value) -> Option<Self> {
        let mut fields = Fields::of(value);
        let record = Self::read(&mut fields);
        fields.wrong().is_none().then_some(record)
    }

    fn to_value(&self) -> Value {
        Entries::of(self).into_value()
    }

    fn empty() -> Self {
        Self::read(&mut Fields::default())
    }
}

impl<T: Json> Json for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_value(value).map(Some) }
    }

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }

    fn empty() -> Self {
        None
    }
}

/// The items of a list, and whether that is all of it.
fn items<T: Json>(value: &Value) -> (Vec<T>, bool) {
    let Value::Array(values) = value else { return (Vec::new(), false) };
    let mut items = Vec::new();
    for value in values {
        if let Some(item) = T::from_value(value) {
            items.push(item);
        }
    }
    let is_all = items.len() == values.len();
    (items, is_all)
}

fn list<T: Json>(items: &[T]) -> Value {
    let mut values = Vec::new();
    for item in items {
        values.push(item.to_value());
    }
    Value::Array(values)
}

impl<T: Json> Json for Vec<T> {
    fn from_value(value: &Value) -> Option<Self> {
        let (items, is_all) = items(value);
        is_all.then_some(items)
    }

    fn to_value(&self) -> Value {
        list(self)
    }

    fn empty() -> Self {
        Self::new()
    }
}

impl<T: Json> Json for [T; 2] {
    fn from_value(value: &Value) -> Option<Self> {
        let [first, second] = value.as_array()?.as_slice() else { return None };
        Some([T::from_value(first)?, T::from_value(second)?])
    }

    fn to_value(&self) -> Value {
        list(self)
    }

    fn empty() -> Self {
        [T::empty(), T::empty()]
    }
}

impl<V: Json> Json for Table<String, V> {
    fn from_value(value: &Value) -> Option<Self> {
        let mut table = Self::default();
        for (key, value) in value.as_object()? {
            table.insert(key.clone(), V::from_value(value)?);
        }
        Some(table)
    }

    fn to_value(&self) -> Value {
        let mut object = Map::new();
        for (key, value) in self.iter() {
            object.insert(key.clone(), value.to_value());
        }
        Value::Object(object)
    }

    fn empty() -> Self {
        Self::default()
    }
}

/// Numbers that fit into 64 bits.
macro_rules! numbers {
    ($($number:ty = $empty:expr),*) => {$(
        impl Json for $number {
            fn from_value(value: &Value) -> Option<Self> {
                value.as_u64()?.try_into().ok()
            }

            fn to_value(&self) -> Value {
                u64::from(*self).into()
            }

            fn empty() -> Self {
                $empty
            }
        }
    )*};
}

numbers!(u8 = 0, u16 = 0, u32 = 0, u64 = 0);

/// Addresses, as text.
macro_rules! texts {
    ($($address:ty = $empty:expr),*) => {$(
        impl Json for $address {
            fn from_value(value: &Value) -> Option<Self> {
                value.as_str()?.parse().ok()
            }

            fn to_value(&self) -> Value {
                Value::String(self.to_string())
            }

            fn empty() -> Self {
                $empty
            }
        }
    )*};
}

texts!(
    Ipv4Addr = Self::UNSPECIFIED,
    Ipv6Addr = Self::UNSPECIFIED,
    IpAddr = Self::V6(Ipv6Addr::UNSPECIFIED),
    SocketAddrV4 = Self::new(Ipv4Addr::UNSPECIFIED, 0)
);

impl Json for NonZeroU16 {
    fn from_value(value: &Value) -> Option<Self> {
        Self::new(u16::from_value(value)?)
    }

    fn to_value(&self) -> Value {
        self.get().to_value()
    }

    fn empty() -> Self {
        Self::MIN
    }
}

impl Json for bool {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_bool()
    }

    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }

    fn empty() -> Self {
        false
    }
}

impl Json for String {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }

    fn to_value(&self) -> Value {
        Value::String(self.clone())
    }

    fn empty() -> Self {
        Self::new()
    }
}

impl Json for Value {
    fn from_value(value: &Value) -> Option<Self> {
        Some(value.clone())
    }

    fn to_value(&self) -> Value {
        self.clone()
    }

    fn empty() -> Self {
        Self::Null
    }
}

impl Json for Map<String, Value> {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_object().cloned()
    }

    fn to_value(&self) -> Value {
        Value::Object(self.clone())
    }

    fn empty() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
