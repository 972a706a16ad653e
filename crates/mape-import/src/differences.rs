//! Options and behaviour that differ between `map` and `mape`.

use mape_core::IntoVec as _;
use mape_uci::Section;

use super::source::Origin;
use super::translate;

/// One row of the table that `docs/coming-from-map.md` shows too.
#[derive(Debug, serde::Serialize)]
pub struct Difference {
    /// The option, or what it is about.
    pub about: &'static str,
    /// In OpenWrt's `map`.
    pub map: &'static str,
    /// In `mape`.
    pub mape: &'static str,
    #[serde(skip)]
    applies: fn(&Section, bool) -> bool,
}

/// All rows.
pub const DIFFERENCES: [Difference; 15] = [
    Difference {
        about: "the rule's numbers",
        map: "typed by the user, or received by DHCPv6",
        mape: "not needed if the built-in table covers the line's prefix",
        applies: |_, kept| !kept,
    },
    Difference {
        about: "legacymap",
        map: "1: draft-03 layout, default PSID offset 4; absent: RFC 7597 layout, default offset 6",
        mape: "the option layout (draft03, rfc7597); absent: the layout of the built-in rule \
               with equal numbers, else rfc7597",
        applies: |_, _| true,
    },
    Difference {
        about: "ealen, where absent",
        map: "length of the delegated prefix minus ip6prefixlen",
        mape: "56 minus ip6prefixlen, because Japanese end-user prefixes are /56",
        applies: |section, kept| kept && !states(section, "ealen"),
    },
    Difference {
        about: "offset, where absent",
        map: "4 with legacymap, else 6",
        mape: "the offset of the built-in rule with equal numbers and layout, else as in map",
        applies: |section, kept| kept && !states(section, "offset"),
    },
    Difference {
        about: "psid",
        map: "left-aligned in 16 bits (PSID 52 of 8 bits is 13312); overrides the EA bits",
        mape: "right-aligned (52), or left-aligned if only that fits; must agree with the EA \
               bits; not needed",
        applies: |section, _| states(section, "psid"),
    },
    Difference {
        about: "bits behind a prefix length",
        map: "ignored",
        mape: "rejected, with the probable correction",
        applies: |section, kept| kept && section.get("rule").is_none(),
    },
    Difference {
        about: "mtu, where absent",
        map: "1280",
        mape: "uplink MTU minus 40, which is 1460 on most lines",
        applies: |section, _| section.get("mtu").is_none(),
    },
    Difference {
        about: "mtu, where too large",
        map: "accepted; large packets are fragmented",
        mape: "rejected, so import omits an mtu above 1460",
        applies: |section, _| translate::has_large_mtu(section),
    },
    Difference {
        about: "zone, where absent",
        map: "none; the firewall zone has to list the interface",
        mape: "the uplink's zone; - for none",
        applies: |section, _| section.get("zone").is_none(),
    },
    Difference {
        about: "type, maptype",
        map: "map-e, map-t, lw4o6",
        mape: "map-e and lw4o6; import leaves sections of lw4o6",
        applies: |section, _| states(section, "type"),
    },
    Difference {
        about: "rule",
        map: "the last matching rule; fmr enables mesh mode",
        mape: "the longest matching rule; no mesh mode, traffic to other lines uses the BR",
        applies: |section, _| section.get("rule").is_some(),
    },
    Difference {
        about: "the uplink's prefix",
        map: "delegated; on a line with a /64 by RA, the user sets ip6prefix on the uplink",
        mape: "delegated, by RA, or the /64 of an address; changes are followed",
        applies: |_, _| true,
    },
    Difference {
        about: "ports",
        map: "new connections use the first block only; ping uses identifiers outside the set",
        mape: "every port of the set, also for ICMP echo",
        applies: |_, _| true,
    },
    Difference {
        about: "a failed set-up",
        map: "stays down until ifup",
        mape: "retried automatically",
        applies: |_, _| true,
    },
    Difference {
        about: "the tunnel's device",
        map: "map-INTERFACE",
        mape: "mape-INTERFACE, 15 characters at most",
        applies: |_, _| true,
    },
];

/// Returns the rows that apply to this section.
pub(super) fn of(section: &Section, origin: Origin, kept: bool) -> Vec<&'static Difference> {
    if origin != Origin::Map {
        return Vec::new();
    }
    DIFFERENCES.iter().filter(|row| (row.applies)(section, kept)).into_vec()
}

/// Whether the section has the option, or `rule` has the key.
fn states(section: &Section, option: &str) -> bool {
    let key = format!("{option}=");
    let in_rule = section
        .get("rule")
        .is_some_and(|rule| rule.split([',', ' ']).any(|pair| pair.starts_with(&key)));
    in_rule || section.get(option).is_some() || option == "type" && section.get("maptype").is_some()
}
