//! Host dependencies: a setup waits until another interface reaches a host.

use std::net::IpAddr;

use mape_ubus::Status;

use crate::event::Happened;
use crate::interface::{Stage, State};
use crate::netifd::{Command, Netifd};

/// One dependency of an interface. It lasts until the next setup begins.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// `None`: the interface only has to be up.
    pub(crate) host: Option<IpAddr>,
    /// Empty: any interface.
    pub(crate) interface: String,
    /// The interface that meets it now.
    pub(crate) met_by: Option<String>,
}

impl Netifd {
    /// Adds a dependency. It is refused if it is not met now: then the interface becomes
    /// unavailable, and the setup is stopped before it gets the answer.
    pub(crate) fn depend(&mut self, name: &str, dependency: Dependency) -> Result<(), Status> {
        let interface = self.interfaces.get_mut(name).ok_or(Status::NotFound)?;
        interface.dependencies.push(dependency);
        let index = interface.dependencies.len() - 1;
        self.try_dependency(name, index);
        let interface = self.interfaces.get(name).ok_or(Status::NotFound)?;
        let met =
            interface.dependencies.get(index).is_some_and(|dependency| dependency.met_by.is_some());
        if met { Ok(()) } else { Err(Status::NotFound) }
    }

    /// Checks the unmet dependencies and sets the interface's availability.
    fn try_dependency(&mut self, name: &str, index: usize) {
        let Some(interface) = self.interfaces.get(name) else { return };
        let Some(dependency) = interface.dependencies.get(index).cloned() else { return };
        if dependency.met_by.is_none() {
            let met_by = self.find_way(&dependency);
            let place = self
                .interfaces
                .get_mut(name)
                .and_then(|interface| interface.dependencies.get_mut(index));
            if let Some(place) = place {
                place.met_by = met_by;
            }
        }
        let Some(interface) = self.interfaces.get(name) else { return };
        let available = interface.dependencies.iter().all(|dependency| dependency.met_by.is_some());
        self.set_available(name, available);
    }

    /// Returns the interface that reaches the host. A specific host gets a route of its own, so
    /// that its path does not change.
    fn find_way(&mut self, dependency: &Dependency) -> Option<String> {
        let named = (!dependency.interface.is_empty()).then_some(&dependency.interface);
        if let Some(named) = named {
            self.interfaces.get(named).filter(|interface| interface.state == State::Up)?;
        }
        let Some(host) = dependency.host else { return named.cloned() };
        let ways =
            || self.interfaces.iter().filter(|(name, _)| named.is_none_or(|named| named == *name));
        if let Some((name, _)) = ways().find(|(_, way)| way.ip.on_link(host)) {
            return Some(name.clone());
        }
        let routes = ways().filter_map(|(name, way)| Some((name, way, way.ip.route_to(host)?)));
        let (name, way, route) = routes.max_by_key(|(_, _, route)| route.target.prefix_len())?;
        let (name, device) = (name.clone(), way.l3.as_ref().map(|device| device.name.clone()));
        if let (false, Some(device)) = (host.is_unspecified(), device) {
            let gateway =
                route.gateway.map_or_else(String::new, |gateway| format!(" via {gateway}"));
            self.system.ip(&format!("route replace {host}{gateway} dev {device} proto static"));
        }
        Some(name)
    }

    /// Handles an event of an interface that others may depend on.
    pub(crate) fn tell_dependents(&mut self, of: &str, happened: Happened) {
        let lost = matches!(happened, Happened::Down | Happened::UpFailed | Happened::Free);
        let gained = matches!(happened, Happened::Up | Happened::Update);
        for name in self.names() {
            for index in 0.. {
                let Some(interface) = self.interfaces.get_mut(&name) else { break };
                let Some(dependency) = interface.dependencies.get_mut(index) else { break };
                match &dependency.met_by {
                    Some(by) if lost && by == of => {
                        dependency.met_by = None;
                        // Only here, and not by availability: as in netifd, one more setup follows
                        // this teardown and finds the dependency unmet.
                        if interface.stage == Stage::Idle {
                            self.link_lost(&name);
                            self.command(&name, Command::Teardown);
                        }
                    }
                    None if gained => self.try_dependency(&name, index),
                    _ => {}
                }
            }
        }
    }
}
