//! The state file: what a set-up writes for the loader, one small JSON file per interface in
//! `/var/run/mape-rs`.
//!
//! It is a cache and never a proof. The plan is made again from prefix and rule, so a file cannot
//! hold an address that contradicts its ports, and everything else is checked as if typed.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU16;

use mape_core::{
    Explain, IntoVec as _, Layout, Plan, PortList, PortRange, ReceivedPrefix, Request,
    TUNNEL_OVERHEAD, parse_rule, plan as plan_of,
};
use mape_nft::{
    Dataplane, DeviceName, Edge, EdgeChoice, Forwards, Interface, InterfaceName, Offload, Options,
};
use mape_system::{files, json, record};

use crate::forwards::{Server, pool};

mod storage;

/// Number of the format. A file with another one is ignored: the next setup writes a new one.
const SCHEMA: u8 = 1;
/// Limit of a file with its forwards, in bytes. Half of what is read, so that everything else has
/// room too.
const MAX_SIZE: u64 = files::MAX_SIZE / 2;

record! {
    /// The content of a state file.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct State {
        schema: u8 = required,
        interface: String = required,
        device: String = required,
        /// The end-user prefix.
        prefix: String = required,
        /// As `--rule` takes it, in the layout that is used.
        rule: String = required,
        /// MTU inside the tunnel, in bytes.
        mtu: u16 = required,
        reserved: String = optional,
        /// Ports on which the router itself listens.
        listening: String = optional,
        edge: String = required,
        full_cone: bool = optional,
        /// In seconds.
        time_wait: Option<NonZeroU16> = optional,
        dscp_reset: bool = optional,
        /// Number of ports for UPnP.
        upnp_ports: u16 = optional,
        /// Hosts with full cone.
        cone_hosts: Vec<Ipv4Addr> = optional,
        /// Forwards that have a port. The loader writes them, from the sections in UCI at that
        /// moment.
        servers: Vec<Server> = optional,
        /// Reserved ports, in the order in which they were reserved. A new port goes last: in front
        /// of the others it would change the mapping of each of them.
        order: String = optional,
    }
}

/// A state file that cannot be used, as one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StateError(pub Box<str>);

impl<E: Explain> From<E> for StateError {
    fn from(error: E) -> Self {
        Self(error.to_string().into())
    }
}

/// The content of a state file, checked. The device's index and the edge are not part of it.
#[derive(Clone, Debug)]
pub struct ValidState {
    /// The interface.
    pub name: InterfaceName,
    /// Its tunnel device.
    pub device: DeviceName,
    /// What the rules translate.
    pub line: Dataplane,
    /// Where ports are translated.
    pub edge: EdgeChoice,
    pub(super) options: Options,
    /// The forwards that have a port.
    pub servers: Vec<Server>,
    /// The ports of UPnP.
    pub pool: Vec<PortRange>,
    cone_hosts: Vec<Ipv4Addr>,
}

impl State {
    /// Returns the state of an interface that is set up with this plan. `listening` are the ports
    /// on which the router itself listens.
    #[must_use]
    pub fn new(
        name: &InterfaceName,
        plan: &Plan,
        listening: &PortList,
        edge: EdgeChoice,
        options: Options,
    ) -> Self {
        let reserved: Vec<String> =
            plan.reserved_inside().iter().map(ToString::to_string).into_vec();
        Self {
            schema: SCHEMA,
            interface: name.to_string(),
            device: DeviceName::of_interface(name).to_string(),
            prefix: plan.end_user_prefix().to_string(),
            rule: plan.rule().to_string(),
            mtu: plan.mtu(),
            reserved: reserved.join(","),
            listening: listening.to_string(),
            edge: edge.name().to_owned(),
            full_cone: options.full_cone,
            time_wait: options.time_wait,
            dscp_reset: options.dscp_reset,
            upnp_ports: 0,
            cone_hosts: Vec::new(),
            servers: Vec::new(),
            order: String::new(),
        }
    }

    /// Takes over from an earlier state of the same line what existing connections depend on: the
    /// ports that the internal range avoids, and the order of the reserved ports.
    #[must_use]
    pub fn after(self, earlier: Option<&Self>) -> Self {
        let line = |state: &Self| {
            let plan = state.plan_without_servers().ok()?;
            Some((plan.ipv4(), plan.port_set()))
        };
        let same = |earlier: &&Self| line(earlier).is_some_and(|old| Some(old) == line(&self));
        match earlier.filter(same) {
            Some(Self { listening, order, .. }) => {
                Self { listening: listening.clone(), order: order.clone(), ..self }
            }
            None => self,
        }
    }

    /// Adds ports for UPnP, and hosts with endpoint-independent filtering.
    #[must_use]
    pub fn with_upnp(self, upnp_ports: u16, cone_hosts: Vec<Ipv4Addr>) -> Self {
        Self { upnp_ports, cone_hosts, ..self }
    }

    /// Replaces the forwards. As few other ports as possible change their mapping.
    pub fn set_servers(&mut self, servers: Vec<Server>) {
        self.servers = servers;
        if let Ok(plan) = self.plan() {
            let order: Vec<String> =
                plan.reserved_inside().iter().map(ToString::to_string).into_vec();
            self.order = order.join(",");
        }
    }

    /// Returns how many of these servers, from the first on, fit into a state file, also if their
    /// ports change later.
    #[must_use]
    pub fn room_for(&self, servers: &[Server]) -> usize {
        // The digits that a port can come to have, in `servers` and in `order`. A range has two.
        const GROWTH: usize = 10;
        let growth = |server: &Server| if server.ports.count() > 1 { 2 * GROWTH } else { GROWTH };
        let fits = |count: usize| {
            let mut state = self.clone();
            state.set_servers(servers.iter().take(count).map(Server::at_its_largest).into_vec());
            let size = json::write(&state).len();
            let growth = servers.iter().take(count).map(growth).sum();
            let size = u64::try_from(size.saturating_add(growth));
            size.is_ok_and(|size| size < MAX_SIZE) && state.plan().is_ok()
        };
        if servers.is_empty() || fits(servers.len()) {
            return servers.len();
        }
        let (mut room, mut too_many) = (0, servers.len());
        while let Some(middle) = (room + 1 < too_many).then_some(room.midpoint(too_many)) {
            if fits(middle) {
                room = middle;
            } else {
                too_many = middle;
            }
        }
        room
    }

    /// The forwards that have a port.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The line's address; `None` where the state gives no plan.
    #[must_use]
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.plan_without_servers().ok().map(|plan| plan.address())
    }

    /// Returns the external address and port of this forward.
    pub(super) fn has_at(&self, forward: &str) -> Option<SocketAddrV4> {
        let server = self.servers.iter().find(|server| server.forward == forward)?;
        Some(SocketAddrV4::new(self.address()?, server.ports.first()))
    }

    /// Returns the external ports that are reserved for UPnP port mappings.
    pub(super) fn pool(&self) -> Vec<PortRange> {
        self.plan_without_servers().map_or_else(|_| Vec::new(), |plan| pool(&plan, self.upnp_ports))
    }

    pub(super) fn interface(&self) -> &str {
        &self.interface
    }

    pub(super) const fn is_of_this_format(&self) -> bool {
        self.schema == SCHEMA
    }

    /// Returns this state without forwards.
    pub(super) fn without_servers(&self) -> Self {
        self.with_servers(|_| false)
    }

    /// Returns this state with the selected forwards only.
    pub(super) fn with_servers(&self, wanted: impl Fn(&Server) -> bool) -> Self {
        let mut state = self.clone();
        state.set_servers(self.servers.iter().filter(|it| wanted(it)).cloned().into_vec());
        state
    }

    /// Returns this earlier state without the forwards and full-cone hosts that the new state does
    /// not have; `None` if it is the state of another line.
    pub(super) fn still_wanted_by(&self, new: &Self) -> Option<Self> {
        let line = |state: &Self| (state.prefix.clone(), state.rule.clone(), state.device.clone());
        if line(self) != line(new) {
            return None;
        }
        let leads_there = |server: &Server| {
            let published = server.published();
            new.servers.iter().any(|it| published.iter().all(|one| it.publishes(one)))
        };
        let is_unchanged = self.servers.iter().all(leads_there);
        let mut state = if is_unchanged { self.clone() } else { self.with_servers(leads_there) };
        state.full_cone &= new.full_cone;
        state.cone_hosts.retain(|host| new.cone_hosts.contains(host));
        Some(state)
    }

    /// The tunnel device.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }

    /// How many ports UPnP has.
    #[must_use]
    pub const fn upnp_ports(&self) -> u16 {
        self.upnp_ports
    }

    /// Returns the values on which the kinds of rules depend, as words. What nft and the kernel
    /// accept with some of these options, they accept with fewer of them, and with the same edge.
    #[must_use]
    pub fn shape(&self) -> String {
        let shared = self.plan().is_ok_and(|plan| plan.port_set().parameters().psid_len() > 0);
        let mut shape = format!("{} {}", self.edge, if shared { "shared" } else { "whole" });
        for (word, is_set) in [
            (" full_cone", self.full_cone || !self.cone_hosts.is_empty()),
            (" time_wait", self.time_wait.is_some()),
            (" dscp_reset", self.dscp_reset),
        ] {
            if is_set {
                shape.push_str(word);
            }
        }
        shape
    }

    /// Returns the plan with which the interface was set up. The ports of forwards and UPnP are
    /// reserved in it.
    ///
    /// # Errors
    /// [`StateError`] where prefix, rule or ports are not valid.
    pub fn plan(&self) -> Result<Plan, StateError> {
        let plan = self.plan_without_servers()?;
        let upnp = pool(&plan, self.upnp_ports);
        if upnp.is_empty() && self.servers.is_empty() && self.order.is_empty() {
            return Ok(plan);
        }
        let mut request = self.request()?;
        let servers = self.servers.iter().map(|server| server.ports.to_string());
        for ports in upnp.iter().map(ToString::to_string).chain(servers) {
            request.reserved.extend(self::ports(&ports)?)?;
        }
        request.reserved = in_order(&ports(&self.order)?, request.reserved)?;
        Ok(plan_of(&request)?)
    }

    /// Returns the plan in which only the ports in the interface's options are reserved.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn plan_without_servers(&self) -> Result<Plan, StateError> {
        let plan = plan_of(&self.request()?)?;
        if plan.mtu() != self.mtu {
            return Err(StateError(format!("an MTU of {} is too large", self.mtu).into()));
        }
        Ok(plan)
    }

    fn request(&self) -> Result<Request, StateError> {
        let mut request = Request::new(self.prefix.parse::<ReceivedPrefix>()?);
        request.explicit.push(parse_rule(&self.rule, Layout::Draft03)?);
        request.reserved = ports(&self.reserved)?;
        request.uplink_mtu = self.mtu.saturating_add(TUNNEL_OVERHEAD);
        Ok(request)
    }

    /// Returns the ports on which the router listened when this state was made; none if they cannot
    /// be read.
    #[must_use]
    pub fn listening(&self) -> PortList {
        ports(&self.listening).unwrap_or_default()
    }

    ///
    /// # Errors
    /// [`StateError`]
    pub fn validate(&self) -> Result<ValidState, StateError> {
        let listening = ports(&self.listening)?;
        let pool = pool(&self.plan_without_servers()?, self.upnp_ports);
        Ok(ValidState {
            servers: self.servers.clone(),
            pool,
            cone_hosts: self.cone_hosts.clone(),
            name: self.interface.parse()?,
            device: self.device.parse()?,
            line: Dataplane::new(&self.plan()?, listening.ranges())?,
            edge: self.edge.parse()?,
            options: Options {
                full_cone: self.full_cone,
                time_wait: self.time_wait,
                dscp_reset: self.dscp_reset,
            },
        })
    }
}

/// Returns the wanted ports; those that were reserved before come first, in their order.
fn in_order(before: &PortList, wanted: PortList) -> Result<PortList, StateError> {
    let mut still: Vec<String> = Vec::new();
    for range in before.ranges() {
        let mut parts: Vec<PortRange> =
            wanted.ranges().iter().filter_map(|one| one.intersection(*range)).into_vec();
        parts.sort_unstable_by_key(|part| part.first());
        still.extend(parts.iter().map(ToString::to_string));
    }
    let mut ordered = ports(&still.join(","))?;
    ordered.extend(wanted)?;
    Ok(ordered)
}

fn ports(text: &str) -> Result<PortList, StateError> {
    if text.is_empty() { Ok(PortList::default()) } else { Ok(text.parse()?) }
}

impl ValidState {
    /// Returns the interface for `mape-nft`, with this device index and this edge.
    pub(super) fn interface(&self, index: u32, edge: Edge, time_wait: bool) -> Interface {
        let mut options = self.options;
        if !time_wait {
            options.time_wait = None;
        }
        Interface {
            name: self.name.clone(),
            device: self.device.clone(),
            index: Some(index),
            dataplane: self.line.clone(),
            edge,
            options,
            // A property of the machine, which the loader sets.
            offload: Offload::default(),
            forwards: Forwards::with_hairpin(
                self.servers.iter().flat_map(Server::reached_from).into_vec(),
                self.cone_hosts.clone(),
            ),
        }
    }
}
