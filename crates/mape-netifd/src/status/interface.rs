//! Status of one interface.

use std::net::Ipv6Addr;

use mape_core::{Code, Explain, Failure, IntoVec as _};
use mape_firewall::forwards::Server;
use mape_firewall::{Env, OtherFlowtables, STOPPED, State, StateError, ValidState, in_force};
use mape_kernel::conntrack;
use mape_kernel::device::{Device, Traffic};
use mape_kernel::nft_state::{self, Drops, InForce};
use mape_kernel::uptime::uptime;
use mape_nft::{DeviceName, Edge, EdgeChoice, InterfaceName, Offload};
use serde::Serialize;
use serde_json::{Map, Value};

use super::address_block::AddressBlock;
use super::issue::{Issue, newest_error, warning};
use super::peak::Record;
use super::plan::{LineStatus, plan_of};
use super::ports::PortsStatus;
use super::usage::{Ports, Usage};
use crate::dump::{Dump, InterfaceDump};
use crate::interface_data::InterfaceData;

/// Whether it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Up; as far as can be seen, packets pass.
    Up,
    /// Up, but the rules for NAT and firewall are not loaded, so nothing passes.
    #[serde(rename = "shut")]
    Blocked,
    /// The handler is at work, or waits for an event.
    Pending,
    /// Not up, and no handler is at work.
    Down,
}

/// Whether flows of this interface are offloaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlowOffload {
    /// Whether the machine's firewall offloads flows (in software).
    pub on: Option<bool>,
    /// Whether this interface's flows take part.
    pub used: Option<bool>,
    /// Why they do not, although it is on.
    pub reason: Option<&'static str>,
}

impl FlowOffload {
    /// Whether the kernel is the reason, so that no setting helps.
    #[must_use]
    pub fn is_beyond_the_kernel(&self) -> bool {
        self.reason == Some(NOT_CARRIED)
    }
}

/// The status of one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceStatus {
    /// Its name.
    pub interface: String,
    /// Whether it works.
    pub state: Condition,
    /// Why it is not up.
    pub error: Option<Issue>,
    /// What is wrong although it is up.
    pub warning: Option<Issue>,
    /// Seconds since it came up.
    pub uptime: Option<u64>,
    /// Seconds since the interface came up that has the line's prefix.
    pub uplink_uptime: Option<u64>,
    /// The tunnel device.
    pub device: String,
    /// Its MTU in bytes; `None` where there is no device.
    pub mtu: Option<u16>,
    /// The line's numbers; `None` where nothing was set up.
    pub line: Option<LineStatus>,
    /// The addresses of a contract with a block; `None` for one address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<AddressBlock>,
    /// Where ports are translated.
    pub edge: Option<&'static str>,
    /// Flow offload.
    pub flow_offload: FlowOffload,
    /// When the present numbers began, in seconds since 1970.
    pub since: Option<u64>,
    /// The numbers (address, PSID, CE address) that were in use before `since`.
    pub before: Option<Map<String, Value>>,
    /// What went through the tunnel.
    pub traffic: Traffic,
    /// Ports in use.
    pub ports: Option<PortsStatus>,
    /// Which ports lead to hosts of the LAN; `None` where there is no state file that says so.
    pub forwards: Option<Vec<Server>>,
    /// Packets that our rules dropped since they were loaded.
    pub dropped: Option<Drops>,
    /// Why something is unknown.
    pub unknown: Vec<String>,
    /// What the file of peaks has to hold.
    #[serde(skip)]
    pub(super) peak: Option<Record>,
}

impl InterfaceStatus {
    /// The ports in use of TCP, UDP and ICMP.
    #[must_use]
    pub fn used(&self) -> Option<[u32; 3]> {
        let used = self.ports.as_ref()?.used;
        Some([used.tcp?, used.udp?, used.icmp?])
    }
}

/// Collects the status of interfaces.
pub(super) struct Collector<'env> {
    pub(super) env: &'env Env,
    /// `None` where there is no netifd, or it does not answer.
    pub(super) dump: Option<&'env Dump>,
    /// Why netifd does not answer.
    pub(super) failure: Option<&'env Failure>,
}

const KEPT_OUT: &str = "the edge postrouting has to see every packet, which an offloaded flow's \
                        packets pass by; it works, but the processor carries each packet";
const NOT_CARRIED: &str = "this kernel does not offload IPv4 in IPv6; it works, but the processor \
                           carries each packet";

impl Collector<'_> {
    pub(super) fn interface(&self, name: &InterfaceName) -> InterfaceStatus {
        let mut unknown: Vec<String> = self.failure.map(Failure::line).into_iter().into_vec();
        let netifd = self.dump.and_then(|dump| dump.interface(name.as_str()));
        let netifd = netifd.filter(|netifd| netifd.is_ours());
        let nothing = InterfaceData::default();
        let data = netifd.map_or(&nothing, |netifd| &netifd.data);
        let up = netifd.is_some_and(|netifd| netifd.up);
        let state = self.state(name, up, &mut unknown);
        let device_name = state.as_ref().map(|(_, checked)| checked.device.clone());
        let device_name = device_name.unwrap_or_else(|| DeviceName::of_interface(name));
        let device = Device::find(&self.env.devices, device_name.as_str());
        if up && device.is_none() {
            unknown.push(format!(
                "device: {device_name} is not there, although netifd has {name} up; `ifup {name}` makes \
                 it again"
            ));
        }
        let ports = state.as_ref().map(|(plan, checked)| {
            let published =
                checked.servers.iter().flat_map(|server| server.ports.ports()).into_vec();
            Ports::new(plan, &checked.line).with_servers(published, checked.pool.clone())
        });
        let shared = ports.as_ref().is_none_or(Ports::is_shared);
        let rules = device.and_then(|device| {
            nft_state::in_force(&self.env.kernel, name, device.index, shared)
                .map_err(|error| unknown.push(format!("rules: {error}")))
                .ok()
        });
        let edge = edge(rules.as_ref(), state.as_ref().map(|(_, checked)| checked.edge), data);
        let usage = ports.as_ref().and_then(|ports| self.usage(ports, edge, &mut unknown));
        let servers = state.as_ref().map(|(_, checked)| checked.servers.as_slice());
        let forwards = servers.map(|servers| self.forwards(name, device, servers, &mut unknown));
        let plan = state.map(|(plan, _)| plan).or_else(|| plan_of(data));
        let record = plan.as_ref().zip(usage.as_ref()).and_then(|(plan, usage)| {
            let (ports, parameters) = (plan.port_set(), plan.port_set().parameters());
            let (offset, length) = (parameters.offset(), parameters.psid_len());
            let line = format!("{} {offset} {length} {}", plan.ipv4(), ports.psid());
            let now = uptime(&self.env.proc)?;
            Some((Record::with(&self.env.run, name, line, now, usage.ports()), now))
        });
        let peak = record.as_ref().map(|(record, now)| record.peak(*now));
        let lost = plan.as_ref().filter(|_| up).and_then(|plan| self.lost(name, plan.ce()));
        InterfaceStatus {
            interface: name.to_string(),
            state: self.condition(netifd, device, rules.as_ref()),
            error: netifd.filter(|netifd| !netifd.up).and_then(newest_error),
            warning: lost.or_else(|| warning(data)),
            uptime: netifd.filter(|netifd| netifd.up).and_then(|netifd| netifd.uptime),
            uplink_uptime: self
                .dump
                .zip(data.uplink.as_deref())
                .and_then(|(dump, uplink)| dump.interface(uplink)?.uptime),
            device: device_name.to_string(),
            mtu: device.and_then(|device| device.mtu),
            block: plan
                .as_ref()
                .and_then(|plan| AddressBlock::of(plan, &self.env.proc, device_name.as_str())),
            line: plan.map(|plan| LineStatus::new(&plan, data)),
            edge: edge.map(Edge::name),
            flow_offload: self.flow_offload(edge, shared),
            since: data.since,
            before: data.before.clone(),
            traffic: device.map(|device| device.traffic).unwrap_or_default(),
            ports: ports.map(|ports| PortsStatus::new(&ports, usage.as_ref(), peak)),
            forwards,
            dropped: rules.and_then(|rules| rules.dropped),
            unknown,
            peak: record.map(|(record, _)| record),
        }
    }

    fn state(
        &self,
        name: &InterfaceName,
        up: bool,
        unknown: &mut Vec<String>,
    ) -> Option<(mape_core::Plan, ValidState)> {
        let path = self.env.run.join(format!("{name}.json"));
        if !path.exists() {
            // Before the first set-up there is none.
            if up {
                unknown.push(format!("state file: {} is not there", path.display()));
            }
            return None;
        }
        let read = State::read(&path).and_then(|state| Ok((state.plan()?, state.validate()?)));
        match read {
            Ok((plan, checked)) if checked.name == *name => Some((plan, checked)),
            Ok(_) => {
                unknown
                    .push(format!("state file: {} is that of another interface", path.display()));
                None
            }
            Err(StateError(reason)) => {
                unknown.push(format!("state file: {reason}"));
                None
            }
        }
    }

    /// Forwards that the kernel has; where it does not answer, those of the state file.
    fn forwards(
        &self,
        name: &InterfaceName,
        device: Option<Device>,
        servers: &[Server],
        unknown: &mut Vec<String>,
    ) -> Vec<Server> {
        let published = match device {
            Some(device) => nft_state::published(&self.env.kernel, name, device.index),
            None => Ok(Vec::new()),
        };
        match published {
            Ok(published) => {
                let (found, differences) = in_force(servers, &published);
                unknown.extend(differences);
                let stopped = !published.is_empty()
                    && nft_state::fw4_stops_published(&self.env.kernel).unwrap_or_default();
                let line = |it: &Server| format!("forward {}: {STOPPED}", it.forward);
                unknown.extend(found.iter().filter(|_| stopped).map(line));
                found
            }
            Err(error) => {
                unknown.extend((!servers.is_empty()).then(|| format!("forwards: {error}")));
                servers.to_vec()
            }
        }
    }

    fn condition(
        &self,
        netifd: Option<&InterfaceDump>,
        device: Option<Device>,
        rules: Option<&InForce>,
    ) -> Condition {
        let up = match (netifd, self.dump) {
            (Some(netifd), _) if netifd.pending => return Condition::Pending,
            // The device may have been deleted under it.
            (Some(netifd), _) => netifd.up && device.is_some(),
            // netifd knows no such interface.
            (None, Some(_)) => false,
            (None, None) => device.is_some_and(|device| device.up),
        };
        match rules {
            _ if !up => Condition::Down,
            Some(InForce { open: false, .. }) => Condition::Blocked,
            _ => Condition::Up,
        }
    }

    fn flow_offload(&self, edge: Option<Edge>, shared: bool) -> FlowOffload {
        let others = OtherFlowtables::read(self.env).ok();
        let on = others.as_ref().map(OtherFlowtables::exist);
        let Some(others) = others.filter(OtherFlowtables::exist) else {
            return FlowOffload { on, used: on, reason: None };
        };
        let reason = edge.and_then(|edge| match others.offload(edge, shared) {
            _ if !others.carry_tunnels() => Some(NOT_CARRIED),
            Offload::KeptOut | Offload::Refused => Some(KEPT_OUT),
            Offload::Own(_) | Offload::Untouched => None,
        });
        FlowOffload { on, used: edge.map(|_| reason.is_none()), reason }
    }

    /// Warns where the CE address is lost: the tunnel then sends nothing.
    fn lost(&self, name: &InterfaceName, ce: Ipv6Addr) -> Option<Issue> {
        mape_kernel::link::is_lost(&self.env.proc.join("net"), ce, "")?.then(|| Issue {
            code: Code::CeMissing.as_str().to_owned(),
            message: Some(format!("its CE address {ce} is lost, so nothing is sent")),
            hint: Some(format!("the next event puts it back; `ifup {name}` does so at once")),
            params: vec![("ce".to_owned(), ce.to_string())],
        })
    }

    fn usage(&self, ports: &Ports, edge: Option<Edge>, unknown: &mut Vec<String>) -> Option<Usage> {
        match conntrack::list(&self.env.kernel, ports.address()) {
            Ok(entries) => Some(ports.usage(&entries, edge)),
            Err(error) => {
                unknown.push(format!("ports in use: {error}; {}", error.hint()));
                None
            }
        }
    }
}

/// The edge in force; where the kernel does not say it, the one of the state file, or the one that
/// the handler published.
fn edge(rules: Option<&InForce>, wanted: Option<EdgeChoice>, data: &InterfaceData) -> Option<Edge> {
    let fixed = |choice: EdgeChoice| match choice {
        EdgeChoice::Fixed(edge) => Some(edge),
        EdgeChoice::Auto => None,
    };
    match rules {
        Some(rules) => rules.edge,
        None => wanted
            .and_then(fixed)
            .or_else(|| data.edge.as_deref().and_then(|edge| edge.parse().ok()).and_then(fixed)),
    }
}
