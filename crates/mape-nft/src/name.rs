//! Names in nft text. They are checked once, so that no name can break out of the syntax.

use std::fmt;
use std::str::FromStr;

use mape_core::{Explain, Explanation, Quoted};

/// Longest name of a network device, in bytes (`IFNAMSIZ` without the final zero).
const DEVICE_LEN: usize = 15;
/// Longest accepted interface name, in bytes. netifd itself sets no limit.
const INTERFACE_LEN: usize = 64;
/// Prefix of the names of our tunnel devices. The leak guard matches it.
const PREFIX: &str = "mape-";
/// Prefix of the interface name for a device with another name. It is longer than what can follow
/// [`PREFIX`] in a device name, so no two devices get the same interface name.
const OTHER: &str = "of-device-";
/// Bytes of a long interface name that its device name keeps before the hash.
const KEPT: usize = 5;

/// Name of a network device: 1 to 15 letters, digits, `_`, `.`, `@` or `-`.
///
/// It does not begin with `-` or `.`. It is not a number, which nft would take for an index.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceName(Box<str>);

/// Name of a logical interface (a UCI section): 1 to 64 letters, digits, `_`, `.`, `@` or `-`. It
/// does not begin with `-` or `.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceName(Box<str>);

impl DeviceName {
    /// Returns the tunnel device of an interface called `wan`.
    #[must_use]
    pub fn default_tunnel() -> Self {
        Self(format!("{PREFIX}wan").into())
    }

    /// Returns the tunnel device of an interface: `mape-IFACE`. An interface name of more than 10
    /// bytes is cut to 5 bytes, followed by 5 characters that are a hash of the whole name.
    #[must_use]
    pub fn of_interface(interface: &InterfaceName) -> Self {
        let name = interface.as_str();
        if PREFIX.len() + name.len() <= DEVICE_LEN {
            return Self(format!("{PREFIX}{name}").into());
        }
        let kept = name.get(..KEPT).unwrap_or_default();
        Self(format!("{PREFIX}{kept}{}", short_hash(name)).into())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the leak guard of the static text matches the device: its name begins with
    /// `mape-`.
    pub(crate) fn is_guarded_by_name(&self) -> bool {
        self.0.starts_with(PREFIX)
    }

    /// Returns a name for the interface of a tunnel device whose configuration is unknown: the part
    /// after `mape-`, or `of-device-` followed by the whole device name.
    #[must_use]
    pub fn interface(&self) -> InterfaceName {
        let rest = self.0.strip_prefix(PREFIX).filter(|rest| is_name(rest, INTERFACE_LEN));
        InterfaceName(rest.map_or_else(|| format!("{OTHER}{}", self.0), str::to_owned).into())
    }
}

impl InterfaceName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name as part of an nft identifier. nft's scanner accepts `/` there but not `@`.
    /// No name contains `/`, so no two interfaces share an identifier.
    pub(crate) fn identifier(&self) -> String {
        self.0.replace('@', "/")
    }
}

/// Returns 25 bits of FNV-1a as five characters.
fn short_hash(text: &str) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let hash = mape_core::fnv1a_32(text);
    (0..5)
        .filter_map(|place| DIGITS.get((hash >> (5 * place) & 31) as usize))
        .map(|digit| char::from(*digit))
        .collect()
}

/// Returns whether a kernel device can have the name and nft reads it unchanged between quotes.
pub(crate) fn is_device_name(text: &str) -> bool {
    is_name(text, DEVICE_LEN)
}

fn is_name(text: &str, max: usize) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte);
    (1..=max).contains(&text.len()) && text.bytes().all(known) && !text.starts_with(['-', '.'])
}

/// Error: the text is not the name of a device or of an interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a [`DeviceName`].
    #[error("{0} cannot be the name of a network device")]
    Device(Quoted),
    /// Not an [`InterfaceName`].
    #[error("{0} cannot be the name of an interface")]
    Interface(Quoted),
}

impl Explain for NameError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Device(value) => Explanation::of_option(
                "device",
                "use 1 to 15 letters, digits, _, ., @ or -, not only digits, like mape-wan",
            )
            .text("value", value.as_str()),
            Self::Interface(value) => Explanation::of_option(
                "interface",
                "use 1 to 64 letters, digits, _, ., @ or -, like wan",
            )
            .text("value", value.as_str()),
        }
    }
}

impl FromStr for DeviceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // nft takes `oif "7"` for the device with index 7 if no device has that name.
        let number = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_name(text, DEVICE_LEN) && !number {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Device(Quoted::new(text)))
        }
    }
}

impl FromStr for InterfaceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if is_name(text, INTERFACE_LEN) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Interface(Quoted::new(text)))
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mape_core::Code;

    #[test]
    fn nothing_breaks_out_of_the_syntax() {
        for bad in [
            "",
            "-x",
            ".",
            "..",
            ".x",
            "a b",
            "a\"b",
            "a;b",
            "a\nb",
            "a{",
            "a#b",
            "a/b",
            "a*",
            "é",
            "12",
            "abcdefghijklmnop",
            "a\\",
            "$a",
            "@a b",
        ] {
            let error = bad.parse::<DeviceName>().unwrap_err();
            assert_eq!(error.code(), Code::OptionInvalid);
            assert!(error.to_string().contains(&Quoted::new(bad).to_string()), "{error}");
            assert!(!error.hint().is_empty() && error.params().len() == 2);
        }
        for good in ["a", "mape-wan", "eth0.7", "ip6tnl0", "a@b", "7a", "_", "abcdefghijklmno"] {
            assert_eq!(good.parse::<DeviceName>().unwrap().as_str(), good);
        }
        assert!("x".repeat(64).parse::<InterfaceName>().is_ok());
        let long = "x".repeat(65).parse::<InterfaceName>().unwrap_err();
        assert!(!long.hint().is_empty() && long.params()[0].1 == "interface");
        assert_eq!("7".parse::<InterfaceName>().unwrap().to_string(), "7");
    }

    fn device(interface: &str) -> String {
        DeviceName::of_interface(&interface.parse().unwrap()).to_string()
    }

    #[test]
    fn long_interface_names_get_a_stable_short_device() {
        assert_eq!(device("wan"), "mape-wan");
        assert_eq!(device("abcdefghij"), "mape-abcdefghij");
        assert_eq!(device("abcdefghijk"), "mape-abcdermag6");
        assert_ne!(device("abcdefghijl"), device("abcdefghijk"));
        let device = DeviceName::of_interface(&"a".repeat(64).parse().unwrap());
        assert_eq!(device.to_string().parse(), Ok(device));
    }

    #[test]
    fn a_device_stands_for_an_interface() {
        let interface =
            |device: &str| device.parse::<DeviceName>().unwrap().interface().to_string();
        assert_eq!(interface("mape-wan"), "wan");
        assert_eq!(interface("tun0"), "of-device-tun0");
        assert_eq!(interface("mape-"), "of-device-mape-");
        assert_eq!(interface("mape--x"), "of-device-mape--x");
        // The longest that can follow `mape-`.
        assert_eq!(interface("mape-of-device-"), "of-device-");
        assert_eq!("a@b".parse::<InterfaceName>().unwrap().identifier(), "a/b");
        assert!("mape-x".parse::<DeviceName>().unwrap().is_guarded_by_name());
        assert!(!"map-x".parse::<DeviceName>().unwrap().is_guarded_by_name());
    }
}
