//! Options: `--name value` pairs.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;
use std::time::Duration;

use crate::Result;

/// The options of one command.
pub(crate) struct Args(BTreeMap<String, String>);

impl Args {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = BTreeMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("no option: {word}"))?;
            let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
            options.insert(name.to_owned(), value);
        }
        Ok(Self(options))
    }

    /// The value of `--name`, if given.
    pub(crate) fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.0.get(name) else {
            return Ok(None);
        };
        let value = text.parse().map_err(|_| format!("--{name} {text}: not understood"))?;
        Ok(Some(value))
    }

    pub(crate) fn or<T: FromStr>(&self, name: &str, default: T) -> Result<T> {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    pub(crate) fn required<T: FromStr>(&self, name: &str) -> Result<T> {
        self.optional(name)?.ok_or_else(|| format!("--{name} is needed").into())
    }

    /// `--to ADDRESS:PORT`
    pub(crate) fn to(&self) -> Result<SocketAddrV4> {
        self.required("to")
    }

    /// `--from ADDRESS,...`; without it the kernel chooses.
    pub(crate) fn sources(&self) -> Result<Sources> {
        let list = self.or("from", Ipv4Addr::UNSPECIFIED.to_string())?;
        let parsed: std::result::Result<Vec<Ipv4Addr>, _> =
            list.split(',').map(str::parse).collect();
        Ok(Sources(parsed.map_err(|_| format!("--from {list}: not addresses"))?))
    }

    /// `--wait SECONDS`: how long to wait for what may never come.
    pub(crate) fn wait(&self) -> Result<Duration> {
        Ok(Duration::from_secs(self.or("wait", 15)?))
    }

    /// `--NAME 7000,8000-8009`
    pub(crate) fn ports(&self, name: &str) -> Result<Vec<u16>> {
        let mut ports = Vec::new();
        for part in self.or(name, String::new())?.split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            ports.extend(first.parse::<u16>()?..=last.parse::<u16>()?);
        }
        Ok(ports)
    }
}

/// Source addresses, used in turn.
pub(crate) struct Sources(Vec<Ipv4Addr>);

impl Sources {
    pub(crate) fn number(&self, index: usize) -> Ipv4Addr {
        let turn = index.checked_rem(self.0.len()).unwrap_or(0);
        self.0.get(turn).copied().unwrap_or(Ipv4Addr::UNSPECIFIED)
    }
}

/// The `index`-th address after `base`, on the same port.
pub(crate) fn nth(base: SocketAddrV4, index: usize) -> SocketAddrV4 {
    let offset = u32::try_from(index).unwrap_or(u32::MAX);
    let address = u32::from(*base.ip()).wrapping_add(offset);
    SocketAddrV4::new(Ipv4Addr::from(address), base.port())
}
