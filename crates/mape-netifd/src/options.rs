//! The options of an interface as netifd hands them over: one JSON object.
//!
//! The shim declares every option as text, because netifd drops a number that it cannot read
//! without a word; read here, it gets an error.

use std::cell::Cell;
use std::num::NonZeroU16;
use std::ops::RangeInclusive;

use ipnet::Ipv4Net;
use log::LevelFilter;
use mape_core::{
    Code, Explain, Explanation, Failure, IntoVec as _, MIN_MTU, Quoted, TUNNEL_OVERHEAD, decimal,
};
use mape_system::{json, logger};
use serde_json::{Map, Value};

/// An option that is missing, unreadable, or contradicts another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// Not even JSON; netifd never does this.
    #[error("the interface's options are not a JSON object")]
    NotJson,
    /// A value that the option cannot have.
    #[error("the option {name} cannot be {value}")]
    Bad {
        /// The option.
        name: &'static str,
        /// Its value.
        value: Quoted,
        /// What it can be.
        hint: &'static str,
    },
    /// An address of a block, with the block's length.
    #[error("the option ipaddr has {0}, which is not the first address of its block")]
    InsideBlock(Ipv4Net),
    /// Two options that say different things.
    #[error("the options {0} and {1} contradict each other")]
    Contradiction(&'static str, &'static str),
    /// An option that means nothing without another one.
    #[error("the option {0} needs the option {1}")]
    Without(&'static str, &'static str),
    /// Some numbers of a rule are given and this one is not.
    #[error("the option {0} is missing: a rule is given, but not all of it")]
    Incomplete(&'static str),
    /// The MTU inside the tunnel is less than IPv6 guarantees.
    #[error("the option mtu is {0}, less than {MIN_MTU}")]
    MtuTooSmall(u16),
    /// The MTU inside the tunnel does not fit the uplink.
    #[error("the option mtu is {mtu}, but an uplink MTU of {uplink_mtu} leaves {room}")]
    MtuTooLarge {
        /// As configured, in bytes.
        mtu: u16,
        /// The uplink's, in bytes.
        uplink_mtu: u16,
        /// What fits, in bytes.
        room: u16,
    },
}

/// Returns the uplink MTU for the plan, in bytes: `mtu` (inside the tunnel) and the outer header.
///
/// # Errors
/// [`OptionError::MtuTooLarge`] if `uplink_mtu` is smaller than that.
pub fn planned_uplink_mtu(mtu: u16, uplink_mtu: u16) -> Result<u16, OptionError> {
    let room = uplink_mtu.saturating_sub(TUNNEL_OVERHEAD);
    if mtu > room {
        return Err(OptionError::MtuTooLarge { mtu, uplink_mtu, room });
    }
    Ok(mtu + TUNNEL_OVERHEAD)
}

impl OptionError {
    /// A value that cannot be. A password, or a URL that may hold one, is not repeated: the
    /// sentence stands in the log and in `ifstatus`.
    pub(super) fn bad(name: &'static str, value: &str, hint: &'static str) -> Self {
        let may_be_shown = !name.ends_with("_password") && !name.ends_with("_url");
        Self::Bad { name, value: Quoted::new(if may_be_shown { value } else { "…" }), hint }
    }
}

impl Explain for OptionError {
    fn explain(&self) -> Explanation {
        const OUT: &str = "remove the option mtu";
        match self {
            Self::NotJson => {
                Explanation::new(Code::OptionInvalid, "this program is called by netifd")
            }
            Self::Bad { name, value, hint } => {
                Explanation::of_option(name, *hint).text("value", &value.text())
            }
            Self::InsideBlock(net) => {
                let (block, address) = (net.trunc(), net.addr());
                let hint = format!(
                    "did you mean {block}? For a contract with one address write {address}"
                );
                Explanation::of_option("ipaddr", hint).text("value", &net.to_string())
            }
            Self::Contradiction(one, other) => {
                Explanation::of_option(one, format!("remove the option {other}"))
                    .text("other_option", other)
            }
            Self::Without(one, other) => {
                Explanation::of_option(one, format!("set the option {other} too"))
                    .text("other_option", other)
            }
            Self::Incomplete(name) => Explanation::of_option(
                name,
                "give the whole rule, or remove its numbers to use the built-in ones",
            ),
            Self::MtuTooSmall(mtu) => {
                Explanation::new(Code::MtuTooSmall, OUT).text("option", "mtu").param("value", mtu)
            }
            Self::MtuTooLarge { mtu, uplink_mtu, .. } => Explanation::of_option("mtu", OUT)
                .param("value", mtu)
                .param("uplink_mtu", uplink_mtu),
        }
    }
}

/// Named values, all of them text or lists of text.
///
/// A value that cannot be read counts as absent. [`Self::checked`] returns the error of the first
/// one: an error to check at each of thirty options would be more code than the reading.
pub(super) struct Options {
    values: Map<String, Value>,
    wrong: Cell<Option<Failure>>,
}

impl Options {
    /// From names and values.
    pub(super) fn of(options: &[(&'static str, String)]) -> Self {
        let value = |(name, value): &(&str, String)| ((*name).to_owned(), value.as_str().into());
        Self { values: options.iter().map(value).collect(), wrong: Cell::default() }
    }

    pub(super) fn parse(json: &str) -> Result<Self, Failure> {
        match json::value(json) {
            Ok(Value::Object(values)) => Ok(Self { values, wrong: Cell::default() }),
            _ => Err(OptionError::NotJson.into()),
        }
    }

    /// Returns what was made of the options, if all of them could be read.
    pub(super) fn checked<T>(self, made: Result<T, Failure>) -> Result<T, Failure> {
        match self.wrong.into_inner() {
            Some(first) => Err(first),
            None => made,
        }
    }

    /// Keeps the error of an option, unless there is one of an earlier option.
    fn refuse(&self, error: OptionError) {
        let first = self.wrong.take();
        self.wrong.set(first.or_else(|| Some(error.into())));
    }

    /// The option as text, written as an option or as a list of one; an empty one is as good as
    /// none.
    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        let value = match self.values.get(name) {
            Some(Value::Array(entries)) if entries.len() <= 1 => entries.first(),
            value => value,
        };
        let text = match value? {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(bit) => u8::from(*bit).to_string(),
            list => {
                self.refuse(OptionError::bad(name, &json::to_text(list), "give it one value"));
                return None;
            }
        };
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The entries of a list; an option with one value counts as one, or as many as blanks make it.
    pub(super) fn list(&self, name: &'static str) -> Vec<String> {
        let Some(Value::Array(entries)) = self.values.get(name) else {
            let text = self.text(name).unwrap_or_default();
            return text.split_ascii_whitespace().map(str::to_owned).into_vec();
        };
        let mut list = Vec::new();
        for entry in entries {
            list.push(match entry {
                Value::String(text) => text.trim().to_owned(),
                Value::Number(number) => number.to_string(),
                other => {
                    self.refuse(OptionError::bad(name, &json::to_text(other), "list plain values"));
                    break;
                }
            });
        }
        list
    }

    pub(super) fn has(&self, name: &'static str) -> bool {
        self.text(name).is_some()
    }

    /// The value read by `read`; the error names what it should have been.
    pub(super) fn read<T>(
        &self,
        name: &'static str,
        hint: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let mut value = None;
        self.read_with(name, hint, &mut |text| {
            value = read(text);
            value.is_some()
        });
        value
    }

    // Not generic, so that the program contains it once. `read` returns whether it could read.
    fn read_with(
        &self,
        name: &'static str,
        hint: &'static str,
        read: &mut dyn FnMut(&str) -> bool,
    ) {
        if let Some(text) = self.text(name).filter(|text| !read(text)) {
            self.refuse(OptionError::bad(name, &text, hint));
        }
    }

    pub(super) fn number<T: TryFrom<u32>>(
        &self,
        name: &'static str,
        hint: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<T> {
        self.in_range(name, hint, range).and_then(|number| T::try_from(number).ok())
    }

    // Not generic, so that the program contains it once.
    fn in_range(
        &self,
        name: &'static str,
        hint: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        self.read(name, hint, |text| {
            decimal(text, *range.end()).filter(|number| range.contains(number))
        })
    }

    /// The words that UCI takes for a switch.
    pub(super) fn switch(&self, name: &'static str) -> Option<bool> {
        self.read(name, "use 0 or 1", mape_uci::switch)
    }

    pub(super) fn seconds(&self, name: &'static str) -> Option<NonZeroU16> {
        let number = self.number(name, "write a number of seconds from 1 to 65535", 1..=65535);
        number.and_then(NonZeroU16::new)
    }

    /// The least important messages that are logged.
    pub(super) fn log_level(&self) -> LevelFilter {
        let level = self.read("log_level", "use error, warn, info or debug", logger::level);
        level.unwrap_or(logger::DEFAULT_LEVEL)
    }
}
