//! From the interface to the other end: what is between a plan and IPv4 that works.

use serde_json::Value;

use super::{Finding, Fix, Patient, servers};
use crate::import::leftovers_of;
use crate::netifd::Zones;
use crate::status::{Condition, InterfaceStatus};

/// Packets that were sent without an answer before that says something.
const SENT: u64 = 20;

pub(super) fn checks(patient: &Patient<'_>) -> Vec<Finding> {
    let Some(interface) = &patient.interface else {
        return vec![
            Finding::wrong(
                "interface",
                "no interface is of proto mape",
                "run `mape-proto detect`, which shows the section to write",
            )
            .known_as("no_mape_interface"),
        ];
    };
    let mut checks = vec![condition(interface)];
    checks.extend(provisioning(patient, interface));
    checks.push(zone(patient, interface));
    checks.push(default_route(patient, interface));
    checks.extend(offload(interface));
    checks.extend(servers::checks(patient, interface));
    checks.extend(leftovers(patient, interface));
    checks.extend(answers(interface));
    checks
}

fn condition(interface: &InterfaceStatus) -> Finding {
    const CHECK: &str = "interface";
    let name = &interface.interface;
    match (interface.state, &interface.error) {
        (Condition::Up, _) => match &interface.warning {
            Some(told) => {
                let hint = told.hint.clone().unwrap_or_default();
                let message = told.message.clone().unwrap_or_else(|| told.code.clone());
                Finding::wrong(CHECK, format!("{name} is up, but {message}"), hint)
            }
            None => Finding::fine(CHECK, format!("{name} is up, device {}", interface.device)),
        },
        (Condition::Shut, _) => Finding::wrong(
            CHECK,
            format!("{name} is up, but its rules are not loaded, so nothing passes"),
            "run `service firewall restart`; if it stays, see `mape-proto firewall`",
        )
        .known_as("shut")
        .with(Fix::LoadRules),
        (_, Some(told)) => {
            let message = told.message.clone().unwrap_or_else(|| told.code.clone());
            let hint = told.hint.clone().unwrap_or_else(|| "see `logread`".to_owned());
            Finding::wrong(CHECK, format!("{name} is not up: {message}"), hint)
                .because(told.code.clone())
                .with(Fix::Retry { interface: name.clone() })
        }
        (_, None) => Finding::wrong(
            CHECK,
            format!("{name} is not up, and nobody said why"),
            format!("run `ifup {name}`, and see `logread`"),
        )
        .with(Fix::Retry { interface: name.clone() }),
    }
}

/// What went wrong with the last question, where one is asked.
fn provisioning(patient: &Patient<'_>, interface: &InterfaceStatus) -> Option<Finding> {
    const CHECK: &str = "provisioning";
    let name = interface.interface.parse().ok()?;
    let (message, hint) = crate::netifd::provisioning_trouble(&patient.places.netifd, &name)?;
    Some(Finding::wrong(CHECK, message, hint))
}

fn zone(patient: &Patient<'_>, interface: &InterfaceStatus) -> Finding {
    const CHECK: &str = "zone";
    let zones = Zones::read(&patient.router.directories());
    let joined = patient.own().and_then(|own| own.data.get("zone")?.as_str());
    let Some(zone) = zones.of_interface(&interface.interface).or(joined) else {
        return Finding::wrong(
            CHECK,
            format!(
                "{} is in no firewall zone, so nothing from the LAN goes there",
                interface.interface
            ),
            format!("add {} to the networks of zone wan", interface.interface),
        )
        .known_as("no_zone")
        .with(Fix::JoinZone { interface: interface.interface.clone(), zone: "wan".to_owned() });
    };
    if !zones.has(zone) {
        return Finding::wrong(
            CHECK,
            format!(
                "the firewall has no zone {zone}, which {} should be in, so nothing from the LAN \
                 goes there",
                interface.interface
            ),
            format!("correct or remove the option zone of {}", interface.interface),
        )
        .known_as("zone_missing");
    }
    let forwarded = patient.router.firewall_sections("forwarding").any(|it| {
        it.get("dest") == Some(zone) && it.get("enabled").is_none_or(|_| it.is_on("enabled"))
    });
    let masquerades = patient
        .router
        .firewall_sections("zone")
        .any(|it| it.get("name") == Some(zone) && it.is_on("masq"));
    if forwarded {
        Finding::fine(CHECK, format!("in zone {zone}, to which another zone may send")).because(
            if masquerades {
                "the zone masquerades, but the line's own rules come first"
            } else {
                "the zone does not masquerade; the line's own rules do the NAT"
            },
        )
    } else {
        Finding::wrong(
            CHECK,
            format!("no zone may send to {zone}, the zone of {}", interface.interface),
            format!("add a forwarding from lan to {zone} in /etc/config/firewall"),
        )
        .known_as("not_forwarded")
    }
}

/// The IPv4 default route of another interface with a metric that is not greater.
fn default_route(patient: &Patient<'_>, interface: &InterfaceStatus) -> Finding {
    const CHECK: &str = "default_route";
    let all = patient.dump.get("interface").and_then(Value::as_array);
    let routes = all.into_iter().flatten().filter_map(|it| {
        let text = |key: &str| it.get(key).and_then(Value::as_str);
        let is_default = |route: &Value| {
            route.get("target").and_then(Value::as_str) == Some("0.0.0.0")
                && route.get("mask").and_then(Value::as_u64) == Some(0)
        };
        let routes = it.get("route")?.as_array()?;
        routes.iter().any(is_default).then_some(())?;
        let metric = it.get("metric").and_then(Value::as_u64).unwrap_or(0);
        Some((text("interface")?, text("proto")?, metric))
    });
    let routes: Vec<_> = routes.collect();
    let own = routes.iter().find(|(name, ..)| *name == interface.interface);
    let Some((_, _, metric)) = own else {
        return if interface.state == Condition::Up {
            Finding::wrong(
                CHECK,
                format!("{} has no IPv4 default route", interface.interface),
                "remove the option defaultroute 0, unless another line is meant to carry IPv4",
            )
            .known_as("no_route")
        } else {
            Finding::fine(CHECK, "none yet, as the interface is not up")
        };
    };
    let rival =
        routes.iter().find(|(name, _, other)| *name != interface.interface && other <= metric);
    match rival {
        None => Finding::fine(CHECK, format!("that of {}", interface.interface)),
        Some((name, proto, other)) => Finding::wrong(
            CHECK,
            format!("the default route of {name} competes with that of {}", interface.interface),
            format!(
                "give {name} a greater metric (`uci set network.{name}.metric=100`), or remove it"
            ),
        )
        .known_as("rival")
        .because(format!(
            "metric {other} of {name} (proto {proto}), {metric} of {}",
            interface.interface
        )),
    }
}

fn offload(interface: &InterfaceStatus) -> Option<Finding> {
    const CHECK: &str = "flow_offload";
    let offload = &interface.flow_offload;
    (offload.on == Some(true)).then_some(())?;
    Some(match (offload.used, offload.reason) {
        (Some(false), Some(reason)) => Finding::wrong(
            CHECK,
            format!(
                "flow offload is on, but {}'s flows take no part: {reason}",
                interface.interface
            ),
            "remove the option edge; where that is not it, the kernel has no egress hooks",
        ),
        _ => Finding::fine(CHECK, "on, and the line's flows take part"),
    })
}

fn leftovers(patient: &Patient<'_>, interface: &InterfaceStatus) -> Vec<Finding> {
    const CHECK: &str = "leftovers";
    let found = leftovers_of(&patient.router, &interface.interface);
    if found.is_empty() {
        return vec![Finding::fine(CHECK, "nothing of others stands in the way")];
    }
    let finding = |leftover: crate::import::Leftover| {
        let hint = leftover.remove.join("; ");
        Finding::wrong(CHECK, format!("{}: {}", leftover.what, leftover.why), hint)
            .because(leftover.kind)
    };
    found.into_iter().map(finding).collect()
}

/// What the tunnel's counters tell without sending anything.
fn answers(interface: &InterfaceStatus) -> Option<Finding> {
    const CHECK: &str = "answers";
    let (sent, received) = (interface.traffic.tx_packets?, interface.traffic.rx_packets?);
    let evidence = format!("{sent} packets sent, {received} received");
    Some(if received == 0 && sent >= SENT {
        Finding::wrong(
            CHECK,
            "the BR answers nothing",
            "see whether another router on this line has the same CE address, whether the contract \
             is MAP-E, and whether a rule of your own has the right BR and layout",
        )
        .because(evidence)
    } else {
        Finding::fine(CHECK, evidence)
    })
}
