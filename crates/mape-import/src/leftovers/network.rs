//! Other sections of the network's configuration.

use std::net::Ipv6Addr;

use mape_core::{ReceivedPrefix, Request, plan};
use mape_uci::Section;

use super::finding::{Leftover, Subject};
use crate::router::{Router, interface_of_rules};
use crate::source::{addresses, uplinks};

pub(super) fn find(router: &Router, subject: &Subject) -> Vec<Leftover> {
    let network = &router.network;
    let mut found = Vec::new();
    for uplink in uplinks(subject.section, network) {
        let name = uplink.name();
        if let Some(prefix) = uplink.get("ip6prefix") {
            let why = format!(
                "the prefix {prefix} is typed: it stays when the line gets another one, and is not \
                 needed here"
            );
            found.push(
                Leftover::new("typed-prefix", format!("network.{name}.ip6prefix"), why)
                    .remove(format!("uci delete network.{name}.ip6prefix"))
                    .remove(format!("uci commit network && ifup {name}")),
            );
        }
        let dynamic = uplink.get("iface_map").filter(|dynamic| *dynamic != "0");
        if dynamic.is_some() {
            found.push(switch_off(name, format!("network.{name}.iface_map")));
        }
    }
    for other in network.of_kind("interface").filter(|other| is_second_ce(other, subject)) {
        let name = other.name();
        let why = "another interface brings the same line up: two tunnels would share one address \
                   and one port set";
        found.push(
            Leftover::new("second-ce", format!("network.{name}"), why)
                .remove(format!("uci set network.{name}.disabled='1'"))
                .remove(format!("uci commit network && ifdown {name}")),
        );
    }
    for other in network.of_kind("interface") {
        if let Some(ce) = ce_in(other, router, subject) {
            found.push(held_by_hand(other, ce));
        }
    }
    // A file for an interface that no section describes: odhcp6c has made it from DHCPv6.
    for name in router.scripts.iter().filter_map(|script| interface_of_rules(&script.path)) {
        let uplink = name.strip_suffix("_4").filter(|_| network.section(name).is_none());
        if let Some(uplink) = uplink.filter(|uplink| network.section(uplink).is_some()) {
            found.push(switch_off(uplink, format!("interface {name}")));
        }
    }
    found
}

fn switch_off(uplink: &str, what: String) -> Leftover {
    let why = "upstream's map makes an interface by itself where the line announces a rule by DHCPv6: \
               a second tunnel for the same line";
    Leftover::new("dynamic-map", what, why)
        .remove(format!("uci set network.{uplink}.iface_map='0'"))
        .remove(format!("uci commit network && ifup {uplink}"))
}

const OF_MAP: [&str; 3] = ["map", "mape", "fleth"];

fn is_second_ce(other: &Section, subject: &Subject) -> bool {
    let link = |section: &Section| section.get("tunlink").unwrap_or("wan6").to_owned();
    is_brought_up_beside(other, subject)
        && other.get("proto").is_some_and(|proto| OF_MAP.contains(&proto))
        && link(other) == link(subject.section)
}

fn is_brought_up_beside(other: &Section, subject: &Subject) -> bool {
    other.name() != subject.section.name()
        && !other.is_on("disabled")
        && other.get("auto") != Some("0")
}

/// The CE address of the line, where a tunnel made by hand or an address has it. Where the line's
/// prefix is not known, one that is the table's for its own prefix, on the same uplink.
fn ce_in(other: &Section, router: &Router, subject: &Subject) -> Option<Ipv6Addr> {
    let proto = other.get("proto").unwrap_or_default();
    if OF_MAP.contains(&proto) || !is_brought_up_beside(other, subject) {
        return None;
    }
    let is_ce = |address: &Ipv6Addr| {
        let plan = || plan(&Request::new(ReceivedPrefix::new(*address, 128).ok()?)).ok();
        match subject.ce {
            Some(ce) => ce == *address,
            None => {
                plan().is_some_and(|plan| plan.ce() == *address)
                    && is_on_the_uplink(other, router, subject)
            }
        }
    };
    addresses(other).into_iter().find(is_ce)
}

/// By its option `tunlink`, as an alias (`@wan6`), by the device of the uplink, or as the uplink
/// itself.
fn is_on_the_uplink(other: &Section, router: &Router, subject: &Subject) -> bool {
    uplinks(subject.section, &router.network).iter().any(|uplink| {
        let below = other.get("tunlink").or(other.get("device")).or(other.get("ifname"));
        below.is_none_or(|below| {
            below.trim_start_matches('@') == uplink.name() || Some(below) == uplink.get("device")
        })
    })
}

fn held_by_hand(other: &Section, ce: Ipv6Addr) -> Leftover {
    let name = other.name();
    let what = format!("network.{name}");
    if other.get("proto") == Some("static") {
        let why = format!(
            "it holds the CE address {ce}, which the new interface puts on the uplink by itself: \
             this one would stay when the line gets another prefix"
        );
        return Leftover::new("second-ce", what, why)
            .remove(format!("vi /etc/config/network   # delete {ce} in interface {name}"))
            .remove("/etc/init.d/network reload");
    }
    let why = format!(
        "a tunnel made by hand has the line's CE address {ce}: two tunnels would share one address \
         and one port set"
    );
    Leftover::new("second-ce", what, why)
        .remove(format!("uci set network.{name}.disabled='1'"))
        .remove(format!("uci commit network && ifdown {name}"))
}

const HANDLER: &str = "/lib/netifd/proto/mape.sh";

/// Returns notes that are no conflicts.
pub(crate) fn notes(router: &Router, section: &Section) -> Vec<String> {
    let name = section.name();
    let mut notes = Vec::new();
    let zone = section.get("zone").filter(|zone| *zone != "-");
    let mut zones = router.firewall_sections("zone");
    let in_zone =
        zone.is_some() || zones.any(|zone| zone.list("network").any(|member| member == name));
    if router.firewall.is_some() && !in_zone {
        notes.push(format!(
            "no firewall zone holds {name}: add it to wan, or set its option zone to wan"
        ));
    }
    if section.is_on("disabled") {
        notes.push(format!("{name} is disabled, and stays so"));
    }
    if !router.has(HANDLER) {
        notes.push(format!("{HANDLER} is missing: mape-rs is not installed here"));
    }
    if router.unread > 0 {
        notes.push(format!("{} more scripts are too much text, and were not read", router.unread));
    }
    if router.tables.is_none() {
        notes.push("nft was not asked for tables of other scripts".to_owned());
    }
    notes
}
