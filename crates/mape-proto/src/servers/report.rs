//! Forwards as people and programs see them.

use mape_core::{Explain as _, PortRange};
use serde::Serialize;

use super::{Forward, Hosts, Kept, Wishes, outcome, pool};
use crate::firewall::{Places, device_index, states};
use crate::uci::UciError;

/// One forward and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForwardStatus {
    /// The section in `/etc/config/firewall`.
    pub section: String,
    /// What a person calls it.
    pub name: Option<String>,
    /// The MAP-E interface; `None` where it belongs to none.
    pub interface: Option<String>,
    /// `tcp`, `udp`
    pub proto: Vec<&'static str>,
    /// The host as it is configured.
    pub host: String,
    /// Its address, if that is known.
    pub dest_ip: Option<String>,
    /// The port inside.
    pub dest_port: Option<u16>,
    /// `auto`, or the port that is asked for.
    pub wanted: String,
    /// The shared address.
    pub ipv4: Option<String>,
    /// The port outside.
    pub port: Option<u16>,
    /// Address and port before the last move.
    pub before: Option<String>,
    /// `published`, `waiting` or `refused`
    pub state: &'static str,
    /// Why it is not published.
    pub reason: Option<String>,
    /// The next step.
    pub hint: Option<String>,
    /// Free ports in place of one that cannot be had.
    pub nearest: Vec<u16>,
}

/// All forwards of the machine, and at last what would become of `asked` if it were configured too.
pub(crate) fn statuses(
    places: &Places,
    asked: Option<Forward>,
) -> Result<Vec<ForwardStatus>, UciError> {
    let mut wishes = Wishes::read(&places.servers)?;
    if asked.is_some() {
        wishes.hosts = Hosts::read(&places.servers);
    }
    wishes.asked = asked;
    let forwards = wishes.forwards.iter().chain(&wishes.asked);
    let mut all: Vec<ForwardStatus> = forwards.map(|it| one(it, &wishes)).collect();
    let states = states(&places.state);
    for (interface, state) in &states {
        let Ok(plan) = state.plan_without_servers() else { continue };
        let pool: Vec<PortRange> = pool(&plan, state.upnp_ports());
        let kept = Kept::read(&places.servers.flash, interface);
        let only = states.len() == 1;
        let found = outcome(&wishes, interface, only, &plan, &pool, &kept);
        for server in &found.servers {
            let Some(one) = all.iter_mut().find(|it| it.section == server.forward) else {
                continue;
            };
            one.interface = Some(interface.clone());
            one.ipv4 = Some(plan.ipv4().addr().to_string());
            one.port = Some(server.port);
            one.before = server.before.map(|before| before.to_string());
            if server.host.is_none() {
                one.reason = Some(format!("nobody knows the address of {}", one.host));
                one.hint = Some("switch the host on, or give its address".to_owned());
            } else if device_index(places, state.device()).is_none() {
                one.reason = Some(format!("{interface} has no device, so nothing arrives yet"));
                one.hint = Some("see `mape-proto status`".to_owned());
            } else {
                (one.state, one.reason, one.hint) = ("published", None, None);
            }
        }
        for (section, refusal) in &found.refused {
            let Some(one) = all.iter_mut().find(|it| it.section == *section) else { continue };
            one.interface = Some(interface.clone());
            one.state = "refused";
            one.reason = Some(refusal.to_string());
            one.hint = Some(refusal.hint());
            one.nearest = refusal.nearest().to_vec();
        }
    }
    all.extend(wishes.unreadable.iter().map(|(section, reason)| ForwardStatus {
        section: section.clone(),
        name: None,
        interface: None,
        proto: Vec::new(),
        host: String::new(),
        dest_ip: None,
        dest_port: None,
        wanted: String::new(),
        ipv4: None,
        port: None,
        before: None,
        state: "refused",
        reason: Some(reason.to_string()),
        hint: Some(reason.hint()),
        nearest: Vec::new(),
    }));
    Ok(all)
}

/// Before anything is known of lines.
fn one(forward: &Forward, wishes: &Wishes) -> ForwardStatus {
    ForwardStatus {
        section: forward.section.clone(),
        name: forward.name.clone(),
        interface: forward.interface.clone(),
        proto: forward.transports.iter().map(|it| it.name()).collect(),
        host: forward.host.text(),
        dest_ip: wishes.hosts.address(&forward.host).map(|address| address.to_string()),
        dest_port: Some(forward.dest_port),
        wanted: forward.wanted.text(),
        ipv4: None,
        port: None,
        before: None,
        state: "waiting",
        reason: Some("its MAP-E interface is not up, or there are several".to_owned()),
        hint: Some(
            "see `mape-proto status`; of several, name one in the option interface".to_owned(),
        ),
        nearest: Vec::new(),
    }
}
