//! What a section says about the line, whoever wrote it.

use std::net::{Ipv4Addr, Ipv6Addr};

use mape_core::{
    Layout, Plan, ProviderChoice, Quoted, ReceivedPrefix, Request, Rule, find_builtin, plan,
};

use super::error::ImportError;
use super::numbers::{self, Reading};
use crate::uci::{Package, Section, Value};

/// Whose section it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// OpenWrt's package `map`, also as other packages write it.
    Map,
    /// Ours already.
    Ours,
    /// The proto `mape` of another package.
    OtherMape,
    /// The proto `fleth` of luci-app-fleth.
    Fleth,
    /// A tunnel made by hand.
    Tunnel,
}

impl Origin {
    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Ours => "mape-rs",
            Self::OtherMape => "other-mape",
            Self::Fleth => "fleth",
            Self::Tunnel => "tunnel",
        }
    }
}

/// Options that only another package's proto `mape` has.
const OTHER_MAPE: [&str; 5] =
    ["pd_prefix", "wan_dev", "legacy_mssfix", "snat_mode", "icmp_use_first_set"];

/// What the section says.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) origin: Origin,
    /// The rules it states.
    pub(super) rules: Vec<Rule>,
    /// Why its numbers cannot be read.
    pub(super) problem: Option<ImportError>,
    /// The line's prefix, as far as the configuration tells.
    pub(super) prefix: Option<ReceivedPrefix>,
    pub(super) notes: Vec<String>,
    provider: ProviderChoice,
}

impl Source {
    pub(super) fn read(
        section: &Section,
        network: &Package,
        prefix: Option<ReceivedPrefix>,
    ) -> Result<Self, ImportError> {
        let interface = || Quoted::new(section.name());
        let proto = section.get("proto").unwrap_or_default();
        let origin = origin(section, proto);
        let mechanism = match origin {
            Origin::Map | Origin::Ours => section.get("maptype").or(section.get("type")),
            Origin::Fleth => section.get("custom_aftr").or(section.get("custom_aftr_preset")),
            Origin::OtherMape | Origin::Tunnel => None,
        };
        if let Some(what) = mechanism.filter(|what| *what != "map-e") {
            let what = if origin == Origin::Fleth { "DS-Lite" } else { what };
            return Err(ImportError::OtherMechanism {
                interface: interface(),
                what: Quoted::new(what),
            });
        }
        let prefix = prefix.or_else(|| typed_prefix(section, network));
        let mut source = Self {
            origin,
            rules: Vec::new(),
            problem: None,
            prefix,
            notes: Vec::new(),
            provider: section
                .get("provider")
                .and_then(|name| name.parse().ok())
                .unwrap_or_default(),
        };
        if origin == Origin::Tunnel {
            let plan = tunnel(section, prefix).ok_or_else(|| ImportError::NotMapE {
                interface: interface(),
                proto: Quoted::new(proto),
            })?;
            source.prefix = source.prefix.or_else(|| ReceivedPrefix::new(plan.ce(), 128).ok());
            source.notes.extend(other_end(section, &plan));
        } else {
            let reading = Reading {
                layout: layout(section, origin),
                psid_from_the_left: origin == Origin::Map,
                prefix,
            };
            match numbers::rules(section, reading) {
                Ok(rules) => source.rules = rules,
                Err(problem) => source.problem = Some(problem),
            }
            if origin == Origin::Ours
                && section.get("layout").or(section.get("legacymap")).is_none()
            {
                source.rules = source.rules.into_iter().map(in_table_layout).collect();
            }
        }
        Ok(source)
    }

    /// The request that these rules make of a prefix.
    pub(super) fn request(&self, prefix: ReceivedPrefix) -> Request {
        let provider = self.provider;
        Request { explicit: self.rules.clone(), provider, ..Request::new(prefix) }
    }
}

fn origin(section: &Section, proto: &str) -> Origin {
    match proto {
        "map" => Origin::Map,
        "mape" if OTHER_MAPE.iter().any(|option| section.get(option).is_some()) => {
            Origin::OtherMape
        }
        "mape" => Origin::Ours,
        "fleth" => Origin::Fleth,
        _ => Origin::Tunnel,
    }
}

fn layout(section: &Section, origin: Origin) -> Layout {
    let stated = section.get("layout").and_then(|name| name.parse().ok());
    match origin {
        Origin::Ours if stated.is_some() => stated.unwrap_or(Layout::Rfc7597),
        Origin::Map | Origin::Ours if !section.is_on("legacymap") => Layout::Rfc7597,
        _ => Layout::Draft03,
    }
}

/// Of a `mape` section that names no layout, the built-in rule with equal numbers decides.
fn in_table_layout(rule: Rule) -> Rule {
    let line = ReceivedPrefix::new(rule.ipv6().addr(), rule.ipv6().prefix_len()).ok();
    match line.and_then(find_builtin) {
        Some(known) if known.rule.with_layout(rule.layout()) == rule => known.rule,
        _ => rule,
    }
}

/// A prefix that somebody typed: for another package's proto, or on the uplink.
fn typed_prefix(section: &Section, network: &Package) -> Option<ReceivedPrefix> {
    let own = section.get("pd_prefix").and_then(|text| text.parse().ok());
    own.or_else(|| {
        uplinks(section, network).find_map(|(_, uplink)| uplink.get("ip6prefix")?.parse().ok())
    })
}

/// The interface below, or every one that may be it.
pub(super) fn uplinks<'a>(
    section: &'a Section,
    network: &'a Package,
) -> impl Iterator<Item = (&'a str, &'a Section)> {
    let link = section.get("tunlink");
    network
        .of_kind("interface")
        .filter(move |other| match link {
            Some(link) => other.name() == link,
            None => matches!(other.get("proto"), Some("dhcpv6")),
        })
        .map(|other| (other.name(), other))
}

/// The plan of a tunnel made by hand: one of its addresses is the CE address that the table gives
/// for the address's own prefix, or its IPv4 address is the one of the prefix that is known.
fn tunnel(section: &Section, prefix: Option<ReceivedPrefix>) -> Option<Plan> {
    let own = |address: Ipv6Addr| {
        let plan = plan(&Request::new(ReceivedPrefix::new(address, 128).ok()?)).ok()?;
        (plan.ce() == address).then_some(plan)
    };
    let by_prefix = || {
        let plan = plan(&Request::new(prefix?)).ok()?;
        let same = |address: Ipv4Addr| address == plan.ipv4().addr();
        addresses(section).any(same).then_some(plan)
    };
    addresses(section).find_map(own).or_else(by_prefix)
}

/// A note where the tunnel's other end is not the BR of the plan.
fn other_end(section: &Section, plan: &Plan) -> Option<String> {
    let mut others = addresses::<Ipv6Addr>(section).filter(|address| *address != plan.ce());
    let known = others.clone().any(|address| address == plan.br());
    let other = others.next().filter(|_| !known)?;
    Some(format!("the tunnel ends at {other}; the table's BR for this line is {}", plan.br()))
}

/// All addresses among the options' values, with or without a length.
fn addresses<T: std::str::FromStr>(section: &Section) -> impl Iterator<Item = T> + Clone {
    let values = section.options().iter().flat_map(|(_, value)| match value {
        Value::Text(text) => std::slice::from_ref(text),
        Value::List(items) => items.as_slice(),
    });
    values
        .flat_map(|text| text.split_whitespace())
        .filter_map(|word| word.split('/').next()?.parse().ok())
}
