//! Known tunnel ends and their operators (sources: `data/lines.tsv` of `mape-core` and the
//! operators' pages).

use std::net::Ipv6Addr;

use mape_core::LineKind;

use super::evidence::LineType;
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

/// Contracts with a dedicated IPv4 address that the protocol `mape` supports as a `provider`.
pub const FIXED_PROVIDERS: [&str; 4] =
    ["v6plus-static", "ocn-static", "transix-static", "xpass-static"];

/// Returns the provider of a fixed-address contract whose tunnel end is known.
#[must_use]
pub fn fixed_provider(end: Ipv6Addr) -> Option<&'static str> {
    let (provider, _) = FIXED.iter().find(|(_, known)| *known == end)?;
    FIXED_PROVIDERS.into_iter().find(|known| known == provider)
}

/// Returns the operator of an AFTR.
pub(super) fn aftr_owner(aftr: &Endpoint) -> Option<&'static str> {
    let is = |known: &&Aftr| match aftr {
        Endpoint::Name(name) => name == known.name,
        Endpoint::Address(address) => known.addresses.contains(address),
    };
    AFTRS.iter().find(is).map(|known| known.provider)
}

/// Returns the AFTR of an operator.
pub(super) fn aftr_of(provider: &str) -> Option<Endpoint> {
    let known = AFTRS.iter().find(|known| known.provider == provider)?;
    Some(Endpoint::Name(known.name.to_owned()))
}

/// Returns the line type and the operator of a remote tunnel end: MAP-E, DS-Lite or IPIP.
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

/// Returns the name of a provider's contract with a dedicated IPv4 address.
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

/// Returns the line type that the owner of a block mainly offers on it.
pub(super) fn line_type(kind: LineKind) -> LineType {
    match kind {
        LineKind::Local => LineType::NoIpv6,
        LineKind::Ngn => LineType::Ngn,
        LineKind::Ocn | LineKind::Nuro => LineType::MapE,
        LineKind::Transix | LineKind::Xpass | LineKind::V6connect => LineType::DsLite,
        LineKind::Softbank => LineType::Ipip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next steps of `mape-core` name the same AFTRs.
    #[test]
    fn the_cores_next_step_names_the_same_aftr() {
        for kind in [LineKind::Transix, LineKind::Xpass, LineKind::V6connect] {
            let aftr = aftr_of(kind.name()).unwrap().to_string();
            assert!(kind.next_step().contains(&format!("AFTR {aftr};")), "{aftr}");
        }
    }

    #[test]
    fn every_known_end_is_the_end_of_something() {
        let end = |text: &str| tunnel_end(text.parse().unwrap());
        for (address, expected) in [
            ("2404:9200:225:100::64", (LineType::MapE, "v6plus")),
            ("2001:380:a120::9", (LineType::MapE, "ocn")),
            ("2001:260:700:1::1:276", (LineType::MapE, "biglobe")),
            ("2001:3b8:200:ff9::1", (LineType::MapE, "nuro")),
            ("2404:9200:225:100::65", (LineType::Ipip, "v6plus-static")),
            ("2400:2000:4:0:a000::1999", (LineType::Ipip, "softbank")),
            ("2400:2000:4:0:a000::2999", (LineType::Ipip, "softbank")),
            ("2001:f60:0:205::2", (LineType::Ipip, "xpass-static")),
            ("2404:8e00::feed:102", (LineType::DsLite, "transix")),
            ("2404:8e01::feed:100", (LineType::DsLite, "transix")),
            ("2001:f60:0:200::1:1", (LineType::DsLite, "xpass")),
        ] {
            assert_eq!(end(address), Some(expected), "{address}");
        }
        assert_eq!(end("2001:db8::1"), None);
    }
}
