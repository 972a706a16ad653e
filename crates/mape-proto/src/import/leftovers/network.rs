//! Other sections of the network's configuration.

use super::{Leftover, Subject};
use crate::import::router::{Router, interface_of_rules};
use crate::import::source::uplinks;
use crate::uci::Section;

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

fn is_second_ce(other: &Section, subject: &Subject) -> bool {
    let link = |section: &Section| section.get("tunlink").unwrap_or("wan6").to_owned();
    other.name() != subject.section.name()
        && matches!(other.get("proto"), Some("map" | "mape" | "fleth"))
        && !other.is_on("disabled")
        && other.get("auto") != Some("0")
        && link(other) == link(subject.section)
}

const HANDLER: &str = "/lib/netifd/proto/mape.sh";

/// What is worth knowing and no leftover.
pub(in crate::import) fn notes(router: &Router, section: &Section) -> Vec<String> {
    let name = section.name();
    let mut notes = Vec::new();
    let zone = section.get("zone").filter(|zone| *zone != "-");
    let mut zones = router.firewall.iter().flat_map(|firewall| firewall.of_kind("zone"));
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
    if router.tables.is_none() {
        notes.push("nft was not asked for tables of other scripts".to_owned());
    }
    notes
}
