//! Status of the MAP-E interfaces of this machine: what netifd reports, what the kernel has in
//! force, and which ports are in use.
//!
//! Every call reads everything again; no process of ours runs in between. A value that cannot be
//! determined is `None`, never 0, and `unknown` says why.

use std::ffi::OsStr;
use std::path::Path;

use mape_core::{Code, Failure, IntoVec as _};
use mape_firewall::Env;
use mape_kernel::conntrack::Counters;
use mape_kernel::device::Device;
use mape_kernel::netlink::Kernel;
use mape_kernel::uptime::uptime;
use mape_nft::InterfaceName;
use mape_system::files;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};
use serde::Serialize;

use crate::bus::{TIMEOUT, connect, read_dump};
use crate::dump::Dump;

mod address_block;
mod counts;
mod history;
mod interface;
mod issue;
mod peak;
mod plan;
mod ports;
mod usage;

pub use address_block::AddressBlock;
pub use counts::Counts;
pub use history::{Change, History, STEP, Sample, raise};
pub use interface::{Condition, FlowOffload, InterfaceStatus};
pub use issue::Issue;
pub use peak::Peak;
pub use plan::LineStatus;
pub use ports::{Block, PortStatus, PortsStatus};
pub use usage::{Host, PerProtocol, Role};

/// Version of the JSON.
const SCHEMA: u8 = 1;
/// netifd's file in a record.
const DUMP: &str = "netifd.json";

/// Returns what netifd reports of all interfaces.
///
/// # Errors
/// netifd does not answer, or there is none.
pub fn dump_or_failure(env: &Env) -> Result<Dump, Failure> {
    dump(env).unwrap_or_else(|| Ok(connect(env, TIMEOUT).map(|_| Dump::default())?))
}

/// Returns what netifd reports of all interfaces; `None` where there is no netifd.
fn dump(env: &Env) -> Option<Result<Dump, Failure>> {
    if let Kernel::Recorded(recorded) = &env.kernel {
        if let Ok(text) = std::fs::read_to_string(recorded.join(DUMP)) {
            return Some(Ok(Dump::of(&mape_system::json::value(&text).unwrap_or_default())));
        }
    }
    if !env.has_ubus() {
        return None;
    }
    let dump = connect(env, TIMEOUT).and_then(|mut client| read_dump(&mut client));
    Some(dump.map_err(Failure::from))
}

/// The status of all MAP-E interfaces, or of the one that was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    schema: u8,
    /// Ordered by name.
    pub interfaces: Vec<InterfaceStatus>,
    /// Of the whole machine, not of one interface.
    pub conntrack: Counters,
}

impl Report {
    /// Collects the status of all interfaces, or of `only` one. It writes nothing.
    #[must_use]
    pub fn collect(env: &Env, only: Option<&InterfaceName>) -> Self {
        let (dump, failure) = match dump(env) {
            None => (None, None),
            Some(Ok(dump)) => (Some(dump), None),
            Some(Err(failure)) => (None, Some(failure)),
        };
        let mut names = files_with(&env.run, "json");
        let ours = dump.iter().flat_map(Dump::interfaces).filter(|it| it.is_ours());
        names.extend(ours.filter_map(|it| it.name.parse::<InterfaceName>().ok()));
        names.sort_unstable();
        names.dedup();
        let names = names.into_iter().filter(|name| only.is_none_or(|only| only == name));
        let collector =
            interface::Collector { env, dump: dump.as_ref(), failure: failure.as_ref() };
        Self {
            schema: SCHEMA,
            interfaces: names.map(|name| collector.interface(&name)).into_vec(),
            conntrack: Counters::read(&env.proc),
        }
    }

    /// Records the ports in use where they are more than ever ([`Peak`]), and the [`History`].
    /// Where that fails, the interface's `unknown` says why. It does nothing for a user who may
    /// not write.
    pub fn note(&mut self, env: &Env) {
        if access(&env.run, AccessFlags::W_OK) == Err(Errno::EACCES) {
            return;
        }
        let now = uptime(&env.proc);
        for interface in &mut self.interfaces {
            let Ok(name) = interface.interface.parse() else { continue };
            let mut noted = interface.peak.as_ref().map_or(Ok(()), |it| it.note(&env.run, &name));
            if let (Ok(()), Some(now)) = (&noted, now) {
                noted = history::note(&env.run, &name, Some(interface), now);
            }
            if let Err(error) = noted {
                interface.unknown.push(format!("peaks: {error}"));
            }
        }
    }

    /// Whether there is an interface, and all of them are up and let packets through.
    #[must_use]
    pub fn is_up(&self) -> bool {
        let up = |interface: &InterfaceStatus| {
            let lost = |issue: &Issue| issue.code == Code::CeMissing.as_str();
            interface.state == Condition::Up && !interface.warning.as_ref().is_some_and(lost)
        };
        !self.interfaces.is_empty() && self.interfaces.iter().all(up)
    }
}

/// Records, after an event, the ports in use of all interfaces ([`Report::note`]) and what their
/// tunnels have carried ([`Counts`]). netifd is not asked.
pub fn note(env: &Env) {
    let env = &Env { ubus: Vec::new(), ..env.clone() };
    let mut report = Report::collect(env, None);
    report.note(env);
    // The state file of an interface that went down is retired.
    for name in files_with(&env.run, "history") {
        let is_gone = report.interfaces.iter().all(|it| it.interface != name.as_str());
        if let Some(now) = uptime(&env.proc).filter(|_| is_gone) {
            let _ = history::note(&env.run, &name, None, now);
        }
    }
    for interface in report.interfaces {
        let device = Device::find(&env.devices, &interface.device);
        let counts = device.as_ref().and_then(Counts::of);
        if let (Some(counts), Ok(name)) = (counts, interface.interface.parse()) {
            counts.note(&env.run, &name);
        }
    }
}

/// Removes the files of an interface that is no more.
pub fn forget(state: &Path, name: &InterfaceName) {
    let _ = std::fs::remove_file(peak::path(state, name));
    let _ = std::fs::remove_file(counts::path(state, name));
    let _ = std::fs::remove_file(history::path(state, name));
}

fn files_with(directory: &Path, extension: &str) -> Vec<InterfaceName> {
    let paths = files::paths(directory).into_iter();
    let names = paths.filter_map(|path| {
        let name = path.file_stem().filter(|_| path.extension() == Some(OsStr::new(extension)))?;
        name.to_str()?.parse().ok()
    });
    names.into_vec()
}
