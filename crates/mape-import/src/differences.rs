//! What means something else in the two protocols.

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
        map: "have to be typed, or come by DHCPv6",
        mape: "not needed where the built-in table has the line's prefix",
        applies: |_, kept| !kept,
    },
    Difference {
        about: "legacymap",
        map: "1: draft-03 layout, PSID offset 4 where none is given; absent: RFC 7597, 6",
        mape: "the option layout (draft03, rfc7597); absent: that of the built-in rule with equal \
               numbers, else rfc7597",
        applies: |_, _| true,
    },
    Difference {
        about: "ealen, where absent",
        map: "the length of the delegated prefix less ip6prefixlen",
        mape: "56 less ip6prefixlen: the whole of a Japanese line",
        applies: |section, kept| kept && !states(section, "ealen"),
    },
    Difference {
        about: "offset, where absent",
        map: "4 with legacymap, else 6",
        mape: "that of the built-in rule with equal numbers and layout, else as in map",
        applies: |section, kept| kept && !states(section, "offset"),
    },
    Difference {
        about: "psid",
        map: "the leftmost bits of 16 (PSID 52 of 8 bits is 13312), and goes before the EA bits",
        mape: "right-aligned (52), or left-aligned where it can only be meant so, and has to agree \
               with the EA bits; best left out; in the option rule as in map, or right-aligned",
        applies: |section, _| states(section, "psid"),
    },
    Difference {
        about: "bits behind a prefix length",
        map: "ignored",
        mape: "refused, with what was probably meant",
        applies: |section, kept| kept && section.get("rule").is_none(),
    },
    Difference {
        about: "mtu, where absent",
        map: "1280",
        mape: "the uplink's MTU less 40, so 1460 on most lines",
        applies: |section, _| section.get("mtu").is_none(),
    },
    Difference {
        about: "mtu, where too large",
        map: "taken; large packets go in fragments",
        mape: "refused, so one of more than 1460 is not imported",
        applies: |section, _| translate::has_large_mtu(section),
    },
    Difference {
        about: "zone, where absent",
        map: "none: the firewall's zone lists the interface",
        mape: "that of the uplink; - for none",
        applies: |section, _| section.get("zone").is_none(),
    },
    Difference {
        about: "type, maptype",
        map: "map-e, map-t, lw4o6",
        mape: "map-e only",
        applies: |section, _| states(section, "type"),
    },
    Difference {
        about: "rule",
        map: "of several rules the last that matches; fmr makes a mesh",
        mape: "the longest that matches; traffic to other lines goes through the BR too",
        applies: |section, _| section.get("rule").is_some(),
    },
    Difference {
        about: "the uplink's prefix",
        map: "a delegated one; on a line with a /64 by RA, ip6prefix is typed on the uplink",
        mape: "delegated, by RA, or that of an address; followed when it changes",
        applies: |_, _| true,
    },
    Difference {
        about: "ports",
        map: "new connections use the first block only; ping leaves the port set",
        mape: "every port of the set, and ICMP echo too",
        applies: |_, _| true,
    },
    Difference {
        about: "a failed set-up",
        map: "stays down until ifup",
        mape: "is tried again by itself",
        applies: |_, _| true,
    },
    Difference {
        about: "the tunnel's device",
        map: "map-INTERFACE",
        mape: "mape-INTERFACE, 15 characters at most",
        applies: |_, _| true,
    },
];

/// The rows that concern this section.
pub(super) fn of(section: &Section, origin: Origin, kept: bool) -> Vec<&'static Difference> {
    if origin != Origin::Map {
        return Vec::new();
    }
    DIFFERENCES.iter().filter(|row| (row.applies)(section, kept)).collect()
}

/// Whether the option, or the key in `rule`, is there.
fn states(section: &Section, option: &str) -> bool {
    let key = format!("{option}=");
    let in_rule = section
        .get("rule")
        .is_some_and(|rule| rule.split([',', ' ']).any(|pair| pair.starts_with(&key)));
    in_rule || section.get(option).is_some() || option == "type" && section.get("maptype").is_some()
}
