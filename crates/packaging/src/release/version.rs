//! The version of a release: three numbers, without a suffix.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, ensure};

/// A version `X.Y.Z`. Pre-releases are not supported, because opkg and apk sort them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    numbers: [u32; 3],
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let fault = || {
            format!(
                "{text:?} is not of the form X.Y.Z; there are no pre-releases, because opkg sorts \
                 0.1.0_rc1 behind 0.1.0 and apk refuses 0.1.0~rc1"
            )
        };
        let parts: Vec<&str> = text.split('.').collect();
        let parts = <[&str; 3]>::try_from(parts).ok().with_context(fault)?;
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(parts) {
            let plain = part == "0" || !part.starts_with('0');
            ensure!(plain && part.bytes().all(|byte| byte.is_ascii_digit()), fault());
            *number = part.parse().with_context(fault)?;
        }
        Ok(Self { numbers })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_and_no_other_form() {
        for good in ["0.1.0", "1.0.0", "10.20.30"] {
            assert_eq!(good.parse::<Version>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "1",
            "0.1",
            "0.1.0.0",
            "v0.1.0",
            "0.1.0-rc1",
            "0.1.0_rc1",
            "0.1.0~rc1",
            "0.01.0",
            "+1.0.0",
        ] {
            let error = bad.parse::<Version>().unwrap_err().to_string();
            assert!(error.contains("X.Y.Z"), "{bad}: {error}");
        }
        assert!("0.10.0".parse::<Version>().unwrap() > "0.9.9".parse().unwrap());
    }
}
