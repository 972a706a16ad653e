//! A section that means to `mape` what the old one meant to its own protocol.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{
    DEFAULT_UPLINK_MTU, LINE_LEN, Layout, ReceivedPrefix, TUNNEL_OVERHEAD, decimal, parse_psid,
};
use mape_netifd::RULE_OPTIONS;
use mape_uci::Section;

use super::source::Origin;

/// What else selects a rule or its mechanism.
const OF_A_RULE: [&str; 5] = ["rule", "layout", "legacymap", "type", "maptype"];

/// What a section of another protocol and one of `mape` have in common: netifd's own options and
/// those of any tunnel.
const COMMON: [&str; 18] = [
    "proto",
    "auto",
    "disabled",
    "force_link",
    "defaultroute",
    "metric",
    "ip4table",
    "ip6table",
    "delegate",
    "peerdns",
    "dns",
    "dns_metric",
    "dns_search",
    "zone",
    "tunlink",
    "mtu",
    "ttl",
    "encaplimit",
];

/// With all numbers kept. What cannot be read is left for the handler's parser to refuse.
pub(super) fn to_mape(old: &Section, origin: Origin, prefix: Option<ReceivedPrefix>) -> Section {
    let mut new = old.clone();
    if origin == Origin::Ours {
        return new;
    }
    new.set("proto", "mape".to_owned());
    let has_rules = matches!(origin, Origin::Map | Origin::OtherMape);
    if origin != Origin::Map {
        let stays = |name: &str| {
            COMMON.contains(&name) || has_rules && (RULE_OPTIONS.contains(&name) || name == "rule")
        };
        for (name, _) in old.options().iter().filter(|(name, _)| !stays(name)) {
            remove(&mut new, name);
        }
    }
    if has_rules && is_stated(old) {
        if old.get("rule").is_some() {
            // Upstream ignores numbers beside it.
            for name in RULE_OPTIONS {
                remove(&mut new, name);
            }
        }
        let draft = origin != Origin::Map || old.is_on("legacymap");
        let layout = if draft { Layout::Draft03 } else { Layout::Rfc7597 };
        new.set("layout", layout.name().to_owned());
        numbers(&mut new, prefix);
    }
    remove(&mut new, "legacymap");
    // Only others write it so; it is what we do without the option.
    if new.get("encaplimit") == Some("none") {
        remove(&mut new, "encaplimit");
    }
    if has_large_mtu(old) {
        remove(&mut new, "mtu");
    }
    new
}

/// Whether the MTU does not fit an uplink of 1500 bytes: then the handler would refuse it.
pub(super) fn has_large_mtu(section: &Section) -> bool {
    let usual = u32::from(DEFAULT_UPLINK_MTU - TUNNEL_OVERHEAD);
    section.get("mtu").and_then(|mtu| decimal(mtu, 65535)).is_some_and(|mtu| mtu > usual)
}

/// Without any of them: the built-in table decides.
pub(super) fn without_numbers(mut section: Section) -> Section {
    for name in RULE_OPTIONS.into_iter().chain(OF_A_RULE) {
        remove(&mut section, name);
    }
    section
}

fn is_stated(section: &Section) -> bool {
    section.get("rule").is_some() || RULE_OPTIONS.iter().any(|name| section.get(name).is_some())
}

fn remove(section: &mut Section, name: &str) {
    section.set(name, String::new());
}

/// What upstream reads differently in numbers of the same name.
fn numbers(section: &mut Section, prefix: Option<ReceivedPrefix>) {
    let number = |section: &Section, name| {
        section
            .get(name)
            .and_then(|text| decimal(text, 65535))
            .and_then(|it| u16::try_from(it).ok())
    };
    let small = |section: &Section, name| {
        number(section, name).and_then(|number| u8::try_from(number).ok())
    };
    let ipv6_len = small(section, "ip6prefixlen");
    let ipv4_len = small(section, "ip4prefixlen").unwrap_or(32);
    // Without `ealen` the prefix's length says where the EA bits end; of a longer one only the
    // line's part.
    if let (None, Some(ipv6_len), Some(prefix)) = (section.get("ealen"), ipv6_len, prefix) {
        let ea_len = prefix.net().prefix_len().min(LINE_LEN).saturating_sub(ipv6_len);
        section.set("ealen", ea_len.to_string());
    }
    // Bits behind a length are ignored.
    if let Some(address) = section.get("ip6prefix").and_then(|text| text.parse::<Ipv6Addr>().ok()) {
        if let Some(Ok(net)) = ipv6_len.map(|len| Ipv6Net::new(address, len)) {
            if net != net.trunc() {
                section.set("ip6prefix", net.network().to_string());
            }
        }
    }
    if let Some(address) = section.get("ipaddr").and_then(|text| text.parse::<Ipv4Addr>().ok()) {
        if let Some(net) = Ipv4Net::new(address, ipv4_len).ok().filter(|net| *net != net.trunc()) {
            section.set("ipaddr", net.network().to_string());
        }
    }
    // `psid` is left-aligned in 16 bits, and ignored without a length; one that can only be
    // right-aligned was meant so, and of any other `map` leaves out what is behind the length. In
    // the EA bits it stands anyway, so that a second one could only be wrong.
    if let Some(psid) = section.get("psid").and_then(parse_psid) {
        let in_ea = small(section, "ealen").is_some_and(|len| len > 32_u8.saturating_sub(ipv4_len));
        let len = small(section, "psidlen").filter(|len| *len > 0 && !in_ea);
        let unused = |len: u8| 16_u32.saturating_sub(len.into());
        let aligned = len.map(|len| {
            let is_left =
                psid.trailing_zeros() >= unused(len) || psid.checked_shr(len.into()) > Some(0);
            if is_left { psid.checked_shr(unused(len)).unwrap_or(0) } else { psid }
        });
        section.set("psid", aligned.map_or_else(String::new, |psid| psid.to_string()));
    }
}
