//! Rules in the form of OpenWrt's `map` and of odhcp6c (RFC 7598 options as text):
//! `type=map-e,ealen=25,prefix4len=15,prefix6len=31,ipv4prefix=106.72.0.0,` and, in the same word,
//! `ipv6prefix=240b:10::,br=…`.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use super::error::RuleTextError;
use super::values::{Read, Values, bit_length, parse_psid};
use crate::builtin::fill_from_table;
use crate::layout::Layout;
use crate::plan::LINE_LEN;
use crate::rule::{Rule, RuleParts};
use crate::table::Table;
use crate::text::Quoted;

const KEYS: [&str; 10] = [
    "type",
    "ipv6prefix",
    "prefix6len",
    "ipv4prefix",
    "prefix4len",
    "ealen",
    "offset",
    "psidlen",
    "psid",
    "br",
];

/// Returns whether rules are written in this form rather than in that of
/// [`parse_rule`](super::parse_rule). The two forms share no key for a prefix.
#[must_use]
pub fn is_map_form(rules: &str) -> bool {
    rules.split([',', ' ']).any(|pair| {
        ["type=", "ipv6prefix=", "ipv4prefix=", "ealen="].iter().any(|key| pair.starts_with(key))
    })
}

/// Reads the type of a rule: `Some(true)` for lightweight 4over6 (RFC 7596), whose line has an
/// address and a PSID of its own. It is a MAP-E rule without EA bits, and its offset is 0 unless
/// stated.
#[must_use]
pub fn is_lw4o6(text: &str) -> Option<bool> {
    match text {
        "map-e" => Some(false),
        "lw4o6" => Some(true),
        _ => None,
    }
}

/// Reads one or more rules separated by blanks. The rules state no layout; `layout` is the user's
/// option. [`fill_from_table`] supplies the values that are left out.
///
/// `psid` is left-aligned in 16 bits, as in DHCPv6 (RFC 7598 section 4.5), or right-aligned where
/// only that reading is possible. Where the EA bits contain the PSID, they decide; a `psidlen` of 0
/// means that they do. Without `ealen` the rule describes a line of [`LINE_LEN`] bits. `fmr` is
/// accepted, because a forwarding rule can also be the line's own.
///
/// # Errors
/// [`RuleTextError`] where the text cannot be read, is of another type, or contradicts itself.
pub fn parse_map_rules(text: &str, layout: Option<Layout>) -> Result<Vec<Rule>, RuleTextError> {
    let mut rules = Vec::new();
    for rule in text.split_ascii_whitespace() {
        rules.push(one(rule, layout, Author::User).map_err(|error| *error)?);
    }
    Ok(rules)
}

/// Reads one rule as odhcp6c writes it, in the form of [`parse_map_rules`].
///
/// RFC 7598 lets a server send several BRs, of which the first is used (section 4.2), bits after
/// the length of a prefix, which a receiver ignores (section 4.1), and a PSID beside an IPv4
/// prefix, which a receiver discards (section 4.5).
///
/// # Errors
/// As [`parse_map_rules`].
pub fn parse_dhcpv6_rule(text: &str) -> Result<Rule, RuleTextError> {
    one(text, None, Author::Server).map_err(|error| *error)
}

/// The author of a rule. Mistakes of a user are reported; those of a server cannot be corrected
/// here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Author {
    User,
    Server,
}

fn one(text: &str, layout: Option<Layout>, author: Author) -> Read<Rule> {
    let is_server = author == Author::Server;
    let mut values: Table<&'static str, &str> = Table::default();
    // odhcp6c ends each rule with a comma.
    for pair in text.split(',').filter(|pair| !pair.is_empty() && *pair != "fmr") {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| RuleTextError::NotAPair(Quoted::new(pair)))?;
        let known = KEYS.into_iter().find(|known| *known == key);
        let key = known.ok_or_else(|| RuleTextError::UnknownKey(Quoted::new(key)))?;
        if values.get(key).is_none() {
            values.insert(key, value);
        } else if !is_server || key != "br" {
            return Err(RuleTextError::Twice(key).into());
        }
    }
    let values = Values(values);
    let is_lw4o6 = values.read("type", is_lw4o6)? == Some(true);
    let ipv6_len = values.required("prefix6len", bit_length)?;
    let ipv4_len = values.required("prefix4len", bit_length)?;
    let parse_net6 = |text: &str| Ipv6Net::new(text.parse::<Ipv6Addr>().ok()?, ipv6_len).ok();
    let parse_net4 = |text: &str| Ipv4Net::new(text.parse::<Ipv4Addr>().ok()?, ipv4_len).ok();
    let (ipv6, ipv4) =
        (values.required("ipv6prefix", parse_net6)?, values.required("ipv4prefix", parse_net4)?);
    let ea_len = values
        .read("ealen", bit_length)?
        .or(if is_lw4o6 { Some(0) } else { LINE_LEN.checked_sub(ipv6_len) })
        .ok_or(RuleTextError::Missing("ealen"))?;
    // Each CE has an IPv4 prefix, so no port is shared.
    let is_prefix = u32::from(ipv4_len) + u32::from(ea_len) < 32;
    let psid_len = values.read("psidlen", bit_length)?;
    let psid_len = psid_len.filter(|len| *len > 0 && !(is_server && is_prefix));
    let psid = values.read("psid", parse_psid)?;
    let mut parts = RuleParts {
        ipv6: if is_server { ipv6.trunc() } else { ipv6 },
        ipv4: if is_server { ipv4.trunc() } else { ipv4 },
        ea_len,
        offset: values.read("offset", bit_length)?.or(is_lw4o6.then_some(0)),
        psid_len,
        psid: psid.filter(|_| psid_len.is_some()),
        br: values.required("br", |text| text.parse().ok())?,
        layout: Layout::Rfc7597,
    };
    if parts.psid_bits_in_ea() == 0 {
        parts.psid = parts.psid.zip(psid_len).map(|(psid, len)| left_aligned(psid, len));
    }
    Rule::new(fill_from_table(parts, layout)).map_err(|error| RuleTextError::Rule(error).into())
}

/// Returns a PSID of `len` bits that is read as left-aligned wherever that is possible.
fn left_aligned(psid: u16, len: u8) -> u16 {
    let unused = 16_u32.saturating_sub(len.into());
    if psid.trailing_zeros() >= unused { psid.checked_shr(unused).unwrap_or(0) } else { psid }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Explain as _, ReceivedPrefix, Request, plan};

    const V6PLUS: &str = "type=map-e,ipv6prefix=240b:10::,prefix6len=31,ipv4prefix=106.72.0.0,\
                          prefix4len=15,psidlen=8,offset=4,ealen=25,br=2404:9200:225:100::64";

    fn ce(rules: Vec<Rule>) -> String {
        let prefix: ReceivedPrefix = "240b:10:3261:6400::/56".parse().unwrap();
        let mut request = Request::new(prefix);
        request.explicit = rules;
        plan(&request).unwrap().ce().to_string()
    }

    #[test]
    fn the_numbers_of_a_calculator_give_the_layout_of_the_table() {
        let rules = parse_map_rules(V6PLUS, None).unwrap();
        assert_eq!(ce(rules), "240b:10:3261:6400:6a:4832:6100:6400");
        let stated = parse_map_rules(V6PLUS, Some(Layout::Rfc7597)).unwrap();
        assert_eq!(ce(stated), "240b:10:3261:6400:0:6a48:3261:64");
    }

    #[test]
    fn an_offset_left_out_is_that_of_the_table() {
        let ocn = "type=map-e,ipv6prefix=2400:4050::,prefix6len=34,ipv4prefix=153.240.0.0,\
                   prefix4len=16,ealen=22,br=2001:380:a120::9";
        for (layout, more, offset) in [
            (None, "", 6),
            (Some(Layout::Draft03), "", 6),
            (Some(Layout::Rfc7597), "", 6),
            (Some(Layout::Draft03), ",offset=4", 4),
            (None, ",offset=0", 0),
        ] {
            let rules = parse_map_rules(&format!("{ocn}{more}"), layout).unwrap();
            assert_eq!(rules[0].port_parameters().offset(), offset, "{layout:?}{more}");
        }
        let v6plus = V6PLUS.replace("offset=4,", "");
        assert_eq!(
            ce(parse_map_rules(&v6plus, None).unwrap()),
            "240b:10:3261:6400:6a:4832:6100:6400"
        );
        assert_eq!(parse_map_rules(&v6plus, None).unwrap()[0].port_parameters().offset(), 4);
    }

    #[test]
    fn dhcpv6_rules_are_rfc_7597_and_may_be_many() {
        // RFC 7597 appendix A, as odhcp6c would write it; and a rule of another line.
        let text = "fmr,type=map-e,ealen=16,prefix4len=24,prefix6len=40,ipv4prefix=192.0.2.0,\
                    ipv6prefix=2001:db8::,offset=6,psidlen=0,psid=0,br=2001:db8:ffff::1,\n\
                    type=map-e,ealen=0,prefix4len=32,prefix6len=56,ipv4prefix=192.0.2.18,\
                    ipv6prefix=2001:db9:12:3400::,psidlen=8,psid=13312,br=2001:db8:ffff::1,";
        let rules = parse_map_rules(text, None).unwrap();
        let [shared, explicit] = rules.as_slice() else { panic!("{rules:?}") };
        assert_eq!((shared.layout(), shared.port_parameters().psid_len()), (Layout::Rfc7597, 8));
        assert_eq!((explicit.psid(), explicit.port_parameters().offset()), (Some(0x34), 6));
        assert_eq!(parse_map_rules("", None), Ok(Vec::new()));
    }

    #[test]
    fn a_server_may_send_two_brs_and_bits_behind_a_length() {
        let sent = "type=map-e,ealen=25,prefix4len=15,prefix6len=31,ipv4prefix=106.73.0.1,\
                    ipv6prefix=240b:11::1,offset=4,psidlen=0,psid=0,br=2404:9200:225:100::64,\
                    br=2404:9200:225:100::65,";
        let rule = parse_dhcpv6_rule(sent).unwrap();
        assert_eq!(parse_map_rules(V6PLUS, None), Ok(vec![rule]));
        let one_br = sent.replace("br=2404:9200:225:100::65,", "");
        for (text, sentence) in [
            (sent, "the rule gives br twice"),
            (&one_br, "the rule's IPv6 prefix 240b:11::1/31 has bits set after its length"),
        ] {
            assert_eq!(parse_map_rules(text, None).unwrap_err().to_string(), sentence);
        }
        let twice = parse_dhcpv6_rule(&sent.replace("psid=0", "offset=4")).unwrap_err();
        assert_eq!(twice, RuleTextError::Twice("offset"));
    }

    const LAB: &str = "type=map-e,ealen=16,prefix4len=24,prefix6len=40,ipv4prefix=192.0.2.0,\
                       ipv6prefix=2001:db8::,offset=6,br=2001:db8:ffff::1";
    const OWN: &str = "type=map-e,ealen=0,prefix4len=32,prefix6len=56,ipv4prefix=192.0.2.9,\
                       ipv6prefix=2001:db8:12:3400::,offset=0,br=2001:db8:ffff::1";

    fn of_lab(rule: &str) -> String {
        let mut request = Request::new("2001:db8:12:3400::/56".parse().unwrap());
        request.explicit = vec![parse_dhcpv6_rule(rule).unwrap()];
        assert_eq!(parse_map_rules(rule, None), Ok(request.explicit.clone()));
        match plan(&request) {
            Ok(plan) => format!("{} {} {}", plan.ipv4().addr(), plan.port_set().psid(), plan.ce()),
            Err(error) => error.to_string(),
        }
    }

    /// By hand, RFC 7597 section 5.2 and 6: the EA bits 0x1234 of the line are .18 (0x12) and PSID
    /// 52 (0x34); without EA bits PSID 1 of 2 bits is 0x4000 = 16384 on the wire.
    #[test]
    fn a_psid_may_be_right_aligned_or_as_on_the_wire() {
        let lab = "192.0.2.18 52 2001:db8:12:3400:0:c000:212:34";
        for psid in ["", ",psid=0", ",psid=52", ",psid=0x34", ",psid=13312", ",psid=0x3400"] {
            assert_eq!(of_lab(&format!("{LAB},psidlen=8{psid}")), lab, "{psid}");
        }
        let own = "192.0.2.9 1 2001:db8:12:3400:0:c000:209:1";
        for psid in ["1", "16384", "0x1", "0X4000"] {
            assert_eq!(of_lab(&format!("{OWN},psidlen=2,psid={psid}")), own, "{psid}");
        }
        // 0 is a PSID where no EA bits are.
        let first = "192.0.2.9 0 2001:db8:12:3400:0:c000:209:0";
        assert_eq!(of_lab(&format!("{OWN},psidlen=2,psid=0")), first);
        // 0x0340 of 12 bits has both readings: on the wire it is 0x34.
        let twelve = OWN.replace("offset=0", "offset=4,psidlen=12,psid=0x340");
        assert_eq!(of_lab(&twelve), "192.0.2.9 52 2001:db8:12:3400:0:c000:209:34");
        // EA bits decide: 0x340 of 12 bits, written in either way.
        let shared = LAB.replace(
            "ealen=16,prefix4len=24,prefix6len=40",
            "ealen=16,prefix4len=28,prefix6len=40",
        );
        let shared = shared.replace("offset=6", "offset=4,psidlen=12");
        let line = of_lab(&shared);
        assert!(line.starts_with("192.0.2.1 564 "), "{line}");
        for psid in ["564", "9024", "0x234", "0x2340", "0"] {
            assert_eq!(of_lab(&format!("{shared},psid={psid}")), line, "{psid}");
        }
        assert!(of_lab(&format!("{shared},psid=565")).contains("disagrees"));
    }

    /// By hand: the address is the rule's own, all ports; RFC 7597 puts c000:024d into the middle.
    #[test]
    fn a_whole_address_may_be_counted_as_ea_bits() {
        let rule = "type=map-e,ealen=32,prefix4len=32,prefix6len=60,ipv4prefix=192.0.2.77,\
                    ipv6prefix=2001:db8:40:7a30::,psidlen=2,offset=16,br=2001:db8:ffff::1";
        for rule in [rule.to_owned(), rule.replace("psidlen=2,offset=16", "psidlen=0,psid=0")] {
            let mut request = Request::new("2001:db8:40:7a30::/60".parse().unwrap());
            request.explicit = vec![parse_dhcpv6_rule(&rule).unwrap()];
            let plan = plan(&request).unwrap();
            assert_eq!(plan.ce().to_string(), "2001:db8:40:7a30:0:c000:24d:0");
            assert_eq!(
                (plan.ipv4().to_string().as_str(), plan.port_set().port_count()),
                ("192.0.2.77/32", 65536)
            );
        }
    }

    /// RFC 7596 section 5.1: the address has the identifier of RFC 7597, here written by hand for
    /// 192.0.2.1 (c000:0201) and PSID 4. PSID 4 of 6 bits has the ports 4096 to 5119.
    #[test]
    fn lw4o6_is_a_rule_without_ea_bits() {
        let rule = "type=lw4o6,prefix4len=32,prefix6len=64,ipv4prefix=192.0.2.1,\
                    ipv6prefix=2001:db8:1:2::,psidlen=6,br=2001:db8::1";
        for psid in ["4", "0x1000"] {
            let mut request = Request::new("2001:db8:1:2::/64".parse().unwrap());
            request.explicit = parse_map_rules(&format!("{rule},psid={psid}"), None).unwrap();
            let plan = plan(&request).unwrap();
            assert_eq!(plan.ce().to_string(), "2001:db8:1:2:0:c000:201:4");
            let ports: Vec<String> = plan.port_set().ranges().map(|it| it.to_string()).collect();
            assert_eq!(ports, ["4096-5119"]);
        }
        // A type of its own: MAP-E has other defaults.
        let map_e = rule.replace("lw4o6", "map-e");
        assert!(parse_map_rules(&format!("{map_e},psid=4"), None).is_err());
    }

    /// RFC 7598 section 4.5. A user's mistake is named.
    #[test]
    fn a_psid_beside_an_ipv4_prefix_is_discarded() {
        let rule = "type=map-e,ealen=4,prefix4len=24,prefix6len=40,ipv4prefix=192.0.2.0,\
                    ipv6prefix=2001:db8::,br=2001:db8:ffff::1";
        let sent = format!("{rule},offset=6,psidlen=8,psid=13312,");
        assert_eq!(
            parse_dhcpv6_rule(&sent),
            parse_dhcpv6_rule(&format!("{rule},offset=6,psidlen=0,psid=0,"))
        );
        let mut request = Request::new("2001:db8:e0::/44".parse().unwrap());
        request.explicit = vec![parse_dhcpv6_rule(&sent).unwrap()];
        assert_eq!(plan(&request).unwrap().ipv4().to_string(), "192.0.2.224/28");
        assert!(parse_map_rules(&sent, None).is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (change, sentence) in [
            (("map-e", "map-t"), "the rule's type cannot be \"map-t\""),
            (("ealen=25", "ealen=x"), "the rule's ealen cannot be \"x\""),
            (("ealen=25", "ealen"), "\"ealen\" in the rule is not KEY=VALUE"),
            (("offset=4", "ofset=4"), "unknown rule key \"ofset\""),
            (("offset=4", "br=::"), "the rule gives br twice"),
            (("br=2404:9200:225:100::64", "fmr"), "the rule lacks br"),
            (("240b:10::", "240b:10::/31"), "the rule's ipv6prefix cannot be \"240b:10::/31\""),
            (
                ("psidlen=8", "psidlen=8,psid=300"),
                "the PSID 300 does not fit into a PSID length of 8 bits",
            ),
        ] {
            let error = parse_map_rules(&V6PLUS.replacen(change.0, change.1, 1), None).unwrap_err();
            assert_eq!(error.to_string(), sentence);
            assert!(!error.hint().is_empty());
        }
    }
}
