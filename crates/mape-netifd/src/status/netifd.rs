//! What netifd knows of our interfaces.

use mape_nft::InterfaceName;
use mape_system::json::items;
use serde_json::Value;

use super::interface::Told;

/// Its answer to `network.interface dump`, reduced to interfaces of proto `mape`.
pub(super) struct Daemon {
    ours: Vec<Interface>,
    /// Names of all interfaces that are up, with their uptime in seconds.
    up: Vec<(String, u64)>,
}

/// One of them. What is missing or not understood is left out.
pub(super) struct Interface {
    pub(super) name: InterfaceName,
    pub(super) up: bool,
    pub(super) pending: bool,
    /// In seconds.
    pub(super) uptime: Option<u64>,
    pub(super) error: Option<Told>,
    pub(super) data: Value,
}

impl Daemon {
    pub(super) fn new(dump: &Value) -> Self {
        let all = || items(dump, "interface").iter();
        let ours = all().filter(|item| text(item, "proto") == Some("mape"));
        let uptime = |item: &Value| {
            let seconds = item.get("uptime").and_then(Value::as_u64)?;
            Some((text(item, "interface")?.to_owned(), seconds))
        };
        Self {
            ours: ours.filter_map(Interface::new).collect(),
            up: all().filter_map(uptime).collect(),
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = InterfaceName> {
        self.ours.iter().map(|interface| interface.name.clone())
    }

    pub(super) fn interface(&self, name: &InterfaceName) -> Option<&Interface> {
        self.ours.iter().find(|interface| interface.name == *name)
    }

    /// Seconds since this interface came up, which need not be one of ours.
    pub(super) fn uptime(&self, name: &str) -> Option<u64> {
        self.up.iter().find(|(up, _)| up == name).map(|(_, seconds)| *seconds)
    }
}

impl Interface {
    fn new(item: &Value) -> Option<Self> {
        let is = |key: &str| item.get(key).and_then(Value::as_bool).unwrap_or(false);
        let errors: Vec<Told> = items(item, "errors").iter().filter_map(error).collect();
        // The newest is the last. One of ours tells why, where netifd's own tell what came of it.
        let ours = errors.iter().rfind(|error| error.code.starts_with("MAPE_"));
        Some(Self {
            name: text(item, "interface")?.parse().ok()?,
            up: is("up"),
            pending: is("pending"),
            uptime: item.get("uptime").and_then(Value::as_u64),
            error: ours.or(errors.last()).cloned(),
            data: item.get("data").cloned().unwrap_or_default(),
        })
    }

    /// What is wrong although the interface is up.
    pub(super) fn warning(&self) -> Option<Told> {
        let warning = self.data.get("warning")?;
        Some(Told {
            code: text(warning, "code")?.to_owned(),
            message: text(warning, "message").map(str::to_owned),
            hint: text(warning, "hint").map(str::to_owned),
        })
    }
}

/// Our own errors carry sentence and next step; netifd's own have a code only.
fn error(error: &Value) -> Option<Told> {
    let data = |index: usize| error.get("data")?.get(index)?.as_str().map(str::to_owned);
    let code = text(error, "code")?.to_owned();
    Some(Told { code, message: data(0), hint: data(1) })
}

/// A text of an object.
pub(super) fn text<'value>(object: &'value Value, key: &str) -> Option<&'value str> {
    object.get(key).and_then(Value::as_str)
}
