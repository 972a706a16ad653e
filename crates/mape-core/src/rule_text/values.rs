//! Reading the values of a rule.

use std::net::Ipv6Addr;
use std::num::NonZeroU64;

use ipnet::{Ipv4Net, Ipv6Net};

use super::error::RuleTextError;
use crate::table::Table;
use crate::text::{Quoted, decimal};

/// What was read, or why it cannot be. The error is on the heap, because it is moved at each `?`.
pub(super) type Read<T> = Result<T, Box<RuleTextError>>;

/// The values of a rule by key.
pub(super) struct Values<'text>(pub(super) Table<&'static str, &'text str>);

impl Values<'_> {
    /// Returns the value, or `None` where the key is absent.
    pub(super) fn read<T>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Read<Option<T>> {
        let mut value = None;
        self.read_with(key, &mut |text| {
            value = read(text);
            value.is_some()
        })?;
        Ok(value)
    }

    // Not generic, so that the program contains it once. `read` returns whether it could read.
    fn read_with(&self, key: &'static str, read: &mut dyn FnMut(&str) -> bool) -> Read<()> {
        match self.0.get(key) {
            Some(text) if !read(text) => {
                Err(RuleTextError::BadValue { key, value: Quoted::new(text) }.into())
            }
            _ => Ok(()),
        }
    }

    /// Returns the value of a key that every rule has.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Read<T> {
        self.read(key, read)?.ok_or_else(|| RuleTextError::Missing(key).into())
    }
}

/// Reads an IPv6 prefix with its length. Bits after the length are kept.
///
/// The standard library reads the address, because `ipnet`'s own parser accepts `061.72.0.0`, which
/// other programs read as octal.
#[must_use]
pub fn parse_net6(text: &str) -> Option<Ipv6Net> {
    let (address, len) = text.split_once('/')?;
    Ipv6Net::new(address.parse().ok()?, bit_length(len)?).ok()
}

/// Reads an IPv4 prefix with its length, like [`parse_net6`].
#[must_use]
pub fn parse_net4(text: &str) -> Option<Ipv4Net> {
    let (address, len) = text.split_once('/')?;
    Ipv4Net::new(address.parse().ok()?, bit_length(len)?).ok()
}

/// Reads the lower half of an IPv6 address, written as an address whose upper half is 0: `::feed`.
#[must_use]
pub fn parse_interface_id(text: &str) -> Option<NonZeroU64> {
    let address = text.parse::<Ipv6Addr>().ok()?;
    u64::try_from(address.to_bits()).ok().and_then(NonZeroU64::new)
}

/// Reads a number of bits. The rule itself checks whether it fits.
pub(super) fn bit_length(text: &str) -> Option<u8> {
    decimal(text, 128).and_then(|number| u8::try_from(number).ok())
}

/// Reads a PSID of at most 16 bits: specifications write it in hexadecimal (`0x34`), calculators in
/// decimal.
#[must_use]
pub fn parse_psid(text: &str) -> Option<u16> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u16::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => decimal(text, 65535).and_then(|number| u16::try_from(number).ok()),
    }
}
