//! Provisioning on plain Linux: asks the server that the user has chosen, when it is time.
//!
//! The answer is kept in `/var/lib/mape-rs`, and the time of the next request beside the journal.
//! Nothing is sent, and nothing is read, while the option `provisioning` is off.

use std::time::Duration;

use mape_core::{Code, Failure};
use mape_firewall::{Env, lock};
use mape_kernel::device::Device;
use mape_net::Fetcher;
use mape_netifd::status::Issue;
use mape_netifd::{ProvisioningClient, ProvisioningStore, ask_for_rule};
use mape_nft::InterfaceName;
use mape_provision::{LineFacts, Mode, Provisioned};
use mape_system::logger;

use crate::advice::advised_in_file;
use crate::config::{Config, DEFAULT_FILE};
use crate::dhcpv6;
use crate::ip::Snapshot;
use crate::journal::Journal;
use crate::system::System;
use crate::uplink::{Requester, requester};

mod resolvers;

/// The longest wait of the standard (`mape_provision`'s machine has no longer one). A longer one
/// comes from a pause of an earlier boot, where `/var/run` is on a disk.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Name of the source in the journal.
const PROVISIONED: &str = "provisioned";

/// What is to be done about provisioning.
#[derive(Debug)]
pub(super) enum Schedule {
    /// Nothing before an event.
    Idle,
    /// A request is due.
    Due(Box<Request>),
    /// A request is due after this time.
    In(Duration),
}

/// A request for the rule of a line.
#[derive(Debug)]
pub(super) struct Request {
    env: Env,
    interface: InterfaceName,
    mode: Mode,
    authority: Option<String>,
    client: ProvisioningClient,
}

impl Schedule {
    /// Returns what is due for the line. Erases what is kept if the user has switched provisioning
    /// off.
    pub(super) fn of(config: &Config, system: &System) -> Self {
        let store = ProvisioningStore::new(&system.env, &config.interface);
        if config.provisioning == Mode::Off {
            if store.exists() {
                store.forget();
            }
            return Self::Idle;
        }
        let Ok(machine) = system.ip.snapshot() else { return Self::Idle };
        let client = client(config, system, &machine);
        // What was arranged stays: the line may come back as it was.
        if client.prefixes.is_empty() {
            return Self::Idle;
        }
        let wait = Duration::from_secs(store.due_in(&config.provisioning, &client.prefixes));
        if (1..=LONGEST_WAIT.as_secs()).contains(&wait.as_secs()) {
            return Self::In(wait);
        }
        Self::Due(Box::new(Request {
            env: system.env.clone(),
            interface: config.interface.clone(),
            mode: config.provisioning.clone(),
            authority: config.authority.clone(),
            client,
        }))
    }
}

impl Request {
    /// Sends the request, unless another process is about to, and keeps what comes of it. Returns
    /// whether the rules have changed.
    pub(super) fn send(self) -> bool {
        let name = format!(".{}.provisioning-lock", self.interface);
        let Ok(lock) = lock::take_within(&self.env.run, &name, Duration::ZERO) else {
            return false;
        };
        let fetcher = Fetcher::find(self.authority);
        let (count, servers) = (self.client.prefixes.len(), self.client.resolvers.servers.len());
        let uplink = &self.client.interface;
        log::debug!("provisioning: uplink {uplink} with {count} prefixes and {servers} resolvers");
        let store = ProvisioningStore::new(&self.env, &self.interface);
        let asked =
            ask_for_rule(&store, self.mode, &self.client, fetcher.as_ref(), advised_in_file);
        let _ = std::fs::remove_file(self.env.run.join(name));
        drop(lock);
        asked.is_some_and(|asked| asked.changed)
    }
}

/// Sends the request for the rule of a line, if it is due.
pub fn request_rule(config: &Config, system: &System) {
    logger::about(config.interface.as_str(), config.log_level);
    if let Schedule::Due(request) = Schedule::of(config, system) {
        request.send();
    }
}

/// Returns the facts of the line that the machine and the kept answer have, and whom to ask for
/// more. The configuration is the usual one; if it cannot be read, its defaults.
#[must_use]
pub fn line_facts(system: &System) -> (LineFacts, ProvisioningClient) {
    let file = system.env.root.join(DEFAULT_FILE.trim_start_matches('/'));
    let config = Config::read(Some(&file)).unwrap_or_default();
    let machine = system.ip.snapshot().unwrap_or_default();
    let client = client(&config, system, &machine);
    let mut facts = LineFacts {
        prefixes: client.prefixes.clone(),
        s46: dhcpv6::rules(&system.env),
        ..LineFacts::default()
    };
    if !client.interface.is_empty() {
        facts.uplink.clone_from(&client.interface);
    }
    let kept = ProvisioningStore::new(&system.env, &config.interface).cached();
    if let Some(answer) = kept.and_then(|kept| kept.answer) {
        facts.provisioned = Provisioned::Answer(Box::new(answer));
    }
    (facts, client)
}

/// Returns the client for the line's uplink; an empty one without an uplink.
fn client(config: &Config, system: &System, machine: &Snapshot) -> ProvisioningClient {
    let Ok(Requester { uplink, prefixes, source, own }) = requester(config, machine) else {
        return ProvisioningClient::default();
    };
    let index = Device::find(&system.env.devices, &uplink).map_or(0, |device| device.index);
    let mut resolvers = resolvers::of(config, &system.env.root, &uplink, index);
    (resolvers.source, resolvers.own) = (source, own);
    ProvisioningClient { interface: uplink, prefixes, resolvers }
}

/// Why the last request gave nothing, and what to do: `None` if provisioning is off, or all went
/// well.
#[must_use]
pub fn last_failure(config: &Config, system: &System) -> Option<Issue> {
    let store = ProvisioningStore::new(&system.env, &config.interface);
    (config.provisioning != Mode::Off).then(|| store.issue())?
}

/// Whether the line's rule came from a server, and the network has said since that there is none. A
/// request that failed, and an answer that was lost, say nothing of the kind.
pub(super) fn is_withdrawn(config: &Config, system: &System, journal: &Journal) -> bool {
    let says_so = |issue: Issue| {
        let codes =
            [Code::ProvisioningNoService, Code::ProvisioningAuth, Code::ProvisioningOtherMethod];
        codes.iter().any(|code| code.as_str() == issue.code)
    };
    journal.rule_source.as_deref() == Some(PROVISIONED)
        && ProvisioningStore::new(&system.env, &config.interface)
            .rules(&config.provisioning)
            .is_empty()
        && last_failure(config, system).is_some_and(says_so)
}

/// Returns the failure of a line without a rule while a server is asked for one: the reason is why
/// there is no answer yet.
pub(super) fn explained(mut failure: Failure, config: &Config, system: &System) -> Failure {
    if config.provisioning == Mode::Off || !failure.is_without_rule() {
        return failure;
    }
    let store = ProvisioningStore::new(&system.env, &config.interface);
    let (why, next) = store.failure_reason().unwrap_or_else(|| {
        let why = "the answer of provisioning is not there yet";
        let next = "run mape-proto up, which asks for it; mape-proto watch does so by itself";
        (why.to_owned(), next.to_owned())
    });
    failure.message += ", and ";
    failure.message += &why;
    failure.hint = next;
    failure
}
