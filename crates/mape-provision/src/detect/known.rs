//! Tunnel ends that are known, and whose they are (sources: `data/lines.tsv` of `mape-core` and the
//! operators' pages).

use std::net::Ipv6Addr;

use mape_core::LineKind;

use super::verdict::LineType;
use crate::answer::Endpoint;

/// An operator's AFTR: its stable name, its name in the DNS, its addresses.
struct Aftr {
    provider: &'static str,
    name: &'static str,
    addresses: &'static [Ipv6Addr],
}

const fn at(address: u128) -> Ipv6Addr {
    Ipv6Addr::from_bits(address)
}

const AFTRS: [Aftr; 4] = [
    Aftr {
        provider: "transix",
        name: "gw.transix.jp",
        addresses: &[
            at(0x2404_8e00_0000_0000_0000_0000_feed_0100),
            at(0x2404_8e00_0000_0000_0000_0000_feed_0101),
            at(0x2404_8e00_0000_0000_0000_0000_feed_0102),
            at(0x2404_8e01_0000_0000_0000_0000_feed_0100),
            at(0x2404_8e01_0000_0000_0000_0000_feed_0101),
        ],
    },
    Aftr {
        provider: "xpass",
        name: "dgw.xpass.jp",
        addresses: &[at(0x2001_0f60_0000_0200_0000_0000_0001_0001)],
    },
    // Its name resolves inside the operator's network only.
    Aftr { provider: "v6connect", name: "dslite.v6connect.net", addresses: &[] },
    Aftr { provider: "rakuten", name: "gw.isp.rakuten.jp", addresses: &[] },
];

/// The far ends of tunnels without sharing.
const FIXED: [(&str, Ipv6Addr); 4] = [
    ("v6plus-static", at(0x2404_9200_0225_0100_0000_0000_0000_0065)),
    ("softbank", at(0x2400_2000_0004_0000_a000_0000_0000_1999)),
    ("softbank", at(0x2400_2000_0004_0000_a000_0000_0000_2999)),
    ("xpass-static", at(0x2001_0f60_0000_0205_0000_0000_0000_0002)),
];

/// Whose AFTR this is.
pub(super) fn aftr_owner(aftr: &Endpoint) -> Option<&'static str> {
    let is = |known: &&Aftr| match aftr {
        Endpoint::Name(name) => name == known.name,
        Endpoint::Address(address) => known.addresses.contains(address),
    };
    AFTRS.iter().find(is).map(|known| known.provider)
}

/// The AFTR of an operator.
pub(super) fn aftr_of(provider: &str) -> Option<Endpoint> {
    let known = AFTRS.iter().find(|known| known.provider == provider)?;
    Some(Endpoint::Name(known.name.to_owned()))
}

/// What a far end is the end of: MAP-E, DS-Lite or a tunnel without sharing.
pub(super) fn tunnel_end(address: Ipv6Addr) -> Option<(LineType, &'static str)> {
    let fixed = FIXED.iter().find(|(_, known)| *known == address);
    let fixed = fixed.map(|(provider, _)| (LineType::Ipip, *provider));
    let aftr =
        || aftr_owner(&Endpoint::Address(address)).map(|provider| (LineType::DsLite, provider));
    let br = || {
        let rule = mape_core::builtin_rules().find(|builtin| builtin.rule.br() == address)?;
        Some((LineType::MapE, rule.group.provider.name))
    };
    fixed.or_else(aftr).or_else(br)
}

/// The contract with an IPv4 address of one's own, on the lines of a provider.
pub(super) fn fixed_contract(provider: Option<&'static str>) -> Option<&'static str> {
    match provider? {
        "v6plus" => Some("v6plus-static"),
        "ocn" => Some("ocn-static"),
        "transix" => Some("transix-static"),
        "xpass" => Some("xpass-static"),
        "v6connect" => Some("v6connect-static"),
        other => Some(other),
    }
}

/// What the owner of a block runs on it.
pub(super) fn line_type(kind: LineKind) -> LineType {
    match kind {
        LineKind::Local => LineType::NoIpv6,
        LineKind::Ngn => LineType::Ngn,
        LineKind::Ocn | LineKind::Nuro => LineType::MapE,
        LineKind::Transix | LineKind::Xpass | LineKind::V6connect => LineType::DsLite,
        LineKind::Softbank => LineType::Ipip,
    }
}
