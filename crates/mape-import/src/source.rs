//! Identifies the package that a section belongs to, and the line that it describes.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use mape_core::{IntoVec as _, Plan, Quoted, ReceivedPrefix, Request, plan};
use mape_uci::{Package, Section};

use super::error::ImportError;

/// The package that a section belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// OpenWrt's package `map`, also as other packages write it.
    Map,
    /// The proto `mape` of mape-rs.
    Ours,
    /// The proto `mape` of another package.
    OtherMape,
    /// The proto `fleth` of luci-app-fleth.
    Fleth,
    /// A manual tunnel.
    Tunnel,
}

/// Options that only another package's proto `mape` has.
const OTHER_MAPE: [&str; 5] =
    ["pd_prefix", "wan_dev", "legacy_mssfix", "snat_mode", "icmp_use_first_set"];

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

    /// Returns the package of a section, independent of its mechanism.
    pub(super) fn named(section: &Section) -> Self {
        let foreign = || OTHER_MAPE.iter().any(|option| section.get(option).is_some());
        match section.get("proto") {
            Some("map") => Self::Map,
            Some("mape") if foreign() => Self::OtherMape,
            Some("mape") => Self::Ours,
            Some("fleth") => Self::Fleth,
            _ => Self::Tunnel,
        }
    }

    pub(super) fn of(section: &Section) -> Result<Self, ImportError> {
        let origin = Self::named(section);
        let in_rule =
            || section.get("rule")?.split([',', ' ']).find_map(|pair| pair.strip_prefix("type="));
        let other = match origin {
            Self::Map => section.get("maptype").or(section.get("type")).or_else(in_rule),
            Self::Fleth => {
                let custom = section.get("custom_aftr").or(section.get("custom_aftr_preset"));
                custom.map(|_| "DS-Lite")
            }
            Self::Ours | Self::OtherMape | Self::Tunnel => None,
        };
        match other.filter(|what| *what != "map-e") {
            None => Ok(origin),
            Some(what) => Err(ImportError::OtherMechanism {
                interface: Quoted::new(section.name()),
                what: Quoted::new(what),
            }),
        }
    }
}

/// Returns a configured prefix: an option of another package's proto, or of the uplink.
pub(super) fn typed_prefix(section: &Section, network: &Package) -> Option<ReceivedPrefix> {
    let own = section.get("pd_prefix").and_then(|text| text.parse().ok());
    own.or_else(|| {
        uplinks(section, network).iter().find_map(|it| it.get("ip6prefix")?.parse().ok())
    })
}

/// The interface below, or every one that may be it.
pub(super) fn uplinks<'a>(section: &Section, network: &'a Package) -> Vec<&'a Section> {
    let link = section.get("tunlink");
    let is_uplink = |other: &&Section| match link {
        Some(link) => other.name() == link,
        None => other.get("proto") == Some("dhcpv6"),
    };
    network.of_kind("interface").filter(is_uplink).into_vec()
}

/// The result of examining a manual tunnel.
pub(super) struct Tunnel {
    pub(super) prefix: ReceivedPrefix,
    /// What does not fit.
    pub(super) note: Option<String>,
}

/// Recognises a tunnel by its numbers: one of its addresses is the CE address that the table gives
/// for the address's own prefix, or its IPv4 address is that of the prefix which is known.
pub(super) fn tunnel(
    section: &Section,
    prefix: Option<ReceivedPrefix>,
) -> Result<Tunnel, ImportError> {
    let of = |prefix| Some((prefix, plan(&Request::new(prefix)).ok()?));
    let own = |address: Ipv6Addr| {
        of(ReceivedPrefix::new(address, 128).ok()?).filter(|(_, plan)| plan.ce() == address)
    };
    let known = || {
        of(prefix?).filter(|(_, plan)| addresses::<Ipv4Addr>(section).contains(&plan.ipv4().addr()))
    };
    let found = addresses(section).into_iter().find_map(own).or_else(known);
    let (prefix, plan) = found.ok_or_else(|| ImportError::NotMapE {
        interface: Quoted::new(section.name()),
        proto: Quoted::new(section.get("proto").unwrap_or_default()),
    })?;
    Ok(Tunnel { prefix, note: other_end(section, &plan) })
}

/// A note where the tunnel's other end is not the BR of the plan.
fn other_end(section: &Section, plan: &Plan) -> Option<String> {
    let ends = addresses::<Ipv6Addr>(section);
    let other =
        ends.iter().find(|end| **end != plan.ce()).filter(|_| !ends.contains(&plan.br()))?;
    Some(format!("the tunnel ends at {other}; the BR of this line is {}", plan.br()))
}

/// All addresses among the options' values, with or without a length.
pub(super) fn addresses<T: FromStr>(section: &Section) -> Vec<T> {
    let address = |word: &str| word.split('/').next()?.parse().ok();
    words(section).into_iter().filter_map(address).into_vec()
}

/// The words of all options.
pub(super) fn words(section: &Section) -> Vec<&str> {
    let mut words = Vec::new();
    for (name, _) in section.options() {
        section.list(name).for_each(|word| words.push(word));
    }
    words
}
