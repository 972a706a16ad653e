//! How the MAP-E interfaces of this machine are: what netifd says, what the kernel has in force,
//! and which ports are in use.
//!
//! Everything is looked at anew; no process of ours watches. What cannot be known is `None`, never
//! 0, and `unknown` tells why.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use mape_core::{Code, Failure};
use mape_kernel::conntrack::Counters;
use mape_kernel::device::Device;
use mape_kernel::netlink::Kernel;
use mape_nft::InterfaceName;
use serde::Serialize;
use serde_json::{Map, Value};

mod counts;
mod interface;
mod netifd;
mod peak;
mod plan;
mod ports;
mod usage;

pub use counts::Counts;
pub use interface::{Condition, FlowOffload, InterfaceStatus, Told};
pub use peak::Peak;
pub use plan::LineStatus;
pub use ports::{Block, PortStatus, PortsStatus};
pub use usage::{Host, PerProtocol, Role};

/// Version of the JSON.
const SCHEMA: u8 = 1;
/// netifd's file in a record.
const DUMP: &str = "netifd.json";

/// Where things are. Tests have them elsewhere.
#[derive(Clone, Debug)]
pub struct Places {
    /// State files and peaks.
    pub state: PathBuf,
    /// A directory per network device.
    pub devices: PathBuf,
    /// `uptime` and `net/stat/nf_conntrack`.
    pub proc: PathBuf,
    /// ubusd's socket: the first that exists is taken. Without one nobody is asked.
    pub ubus: Vec<PathBuf>,
    /// Whom to ask of connections and rules. A record can have netifd's answer too.
    pub kernel: Kernel,
}

impl Default for Places {
    fn default() -> Self {
        let netifd = crate::Places::default();
        Self {
            state: netifd.firewall.state,
            devices: netifd.firewall.devices,
            proc: "/proc".into(),
            ubus: netifd.ubus,
            kernel: Kernel::Live,
        }
    }
}

impl Places {
    /// What netifd knows of all interfaces.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn dump_or_failure(&self) -> Result<Value, Failure> {
        self.dump().unwrap_or_else(|| {
            let ubus = self.ubus.clone();
            let places = crate::Places { ubus, ..crate::Places::default() };
            Ok(places.connect(crate::TIMEOUT).map(|_| Value::Null)?)
        })
    }

    /// What netifd knows of all interfaces; `None` where there is no netifd.
    fn dump(&self) -> Option<Result<Value, Failure>> {
        if let Kernel::Recorded(recorded) = &self.kernel {
            if let Ok(text) = std::fs::read_to_string(recorded.join(DUMP)) {
                return Some(Ok(mape_system::json::value(&text).unwrap_or_default()));
            }
        }
        self.ubus.iter().find(|path| path.exists())?;
        let places = crate::Places { ubus: self.ubus.clone(), ..crate::Places::default() };
        let answer = places.connect(crate::TIMEOUT).and_then(|mut client| {
            client.call("network.interface", "dump", &Value::Object(Map::new()))
        });
        Some(answer.map_err(Failure::from))
    }
}

/// All MAP-E interfaces, or the one that was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    schema: u8,
    /// Ordered by name.
    pub interfaces: Vec<InterfaceStatus>,
    /// Of the whole machine, not of one interface.
    pub conntrack: Counters,
}

impl Report {
    /// Looks at everything, and writes down the ports in use where they are more than ever
    /// ([`Peak`]). `only` is the one interface asked for.
    #[must_use]
    pub fn collect(places: &Places, only: Option<&InterfaceName>) -> Self {
        let (dump, failure) = match places.dump() {
            None => (None, None),
            Some(Ok(dump)) => (Some(netifd::Daemon::new(&dump)), None),
            Some(Err(failure)) => (None, Some(failure)),
        };
        let mut names = state_files(&places.state);
        names.extend(dump.iter().flat_map(netifd::Daemon::names));
        names.sort_unstable();
        names.dedup();
        let names = names.into_iter().filter(|name| only.is_none_or(|only| only == name));
        let look = interface::Look { places, daemon: dump.as_ref(), failure: failure.as_ref() };
        Self {
            schema: SCHEMA,
            interfaces: names.map(|name| look.at(&name)).collect(),
            conntrack: Counters::read(&places.proc),
        }
    }

    /// Whether there is an interface, and all of them are up and let packets through.
    #[must_use]
    pub fn is_up(&self) -> bool {
        let up = |interface: &InterfaceStatus| {
            let lost = |told: &Told| told.code == Code::CeMissing.as_str();
            interface.state == Condition::Up && !interface.warning.as_ref().is_some_and(lost)
        };
        !self.interfaces.is_empty() && self.interfaces.iter().all(up)
    }
}

/// Something has happened: looks at the ports in use of all interfaces, for their peaks' sake
/// ([`Peak`]), and notes what their tunnels have carried. netifd is not asked.
pub fn note(state: &Path) {
    let places = Places { state: state.to_owned(), ubus: Vec::new(), ..Places::default() };
    note_in(&places);
}

fn note_in(places: &Places) {
    for interface in Report::collect(places, None).interfaces {
        let device = Device::find(&places.devices, &interface.device);
        let counts = device.as_ref().and_then(Counts::of);
        if let (Some(counts), Ok(name)) = (counts, interface.interface.parse()) {
            counts.note(&places.state, &name);
        }
    }
}

/// Removes what is remembered of an interface that is no more.
pub fn forget(state: &Path, name: &InterfaceName) {
    let _ = std::fs::remove_file(peak::path(state, name));
    let _ = std::fs::remove_file(counts::path(state, name));
}

fn state_files(directory: &Path) -> Vec<InterfaceName> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        let path = entry.path();
        let name = path.file_stem().filter(|_| path.extension() == Some(OsStr::new("json")))?;
        name.to_str()?.parse().ok()
    });
    names.collect()
}
