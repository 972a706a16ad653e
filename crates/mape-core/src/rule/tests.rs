use super::*;
use crate::error::{Code, Explain as _};

fn v6plus() -> RuleParts {
    RuleParts {
        ipv6: "240b:10::/31".parse().unwrap(),
        ipv4: "106.72.0.0/15".parse().unwrap(),
        ea_len: 25,
        offset: Some(4),
        psid_len: Some(8),
        psid: None,
        br: "2404:9200:225:100::64".parse().unwrap(),
        layout: Layout::Draft03,
    }
}

fn refused(parts: RuleParts) -> (String, String) {
    let error = Rule::new(parts).unwrap_err();
    assert_eq!(error.code(), Code::RuleInconsistent);
    assert!(!error.params().is_empty(), "{error}");
    (error.to_string(), error.hint())
}

#[test]
fn a_rule_repeats_its_parts() {
    let rule = Rule::new(v6plus()).unwrap();
    assert_eq!((rule.ipv6(), rule.ipv4()), (v6plus().ipv6, v6plus().ipv4));
    assert_eq!((rule.ea_len(), rule.end_user_prefix_len(), rule.psid()), (25, 56, None));
    assert_eq!((rule.port_parameters().offset(), rule.port_parameters().psid_len()), (4, 8));
    assert_eq!((rule.br(), rule.layout()), (v6plus().br, Layout::Draft03));
    assert_eq!(rule.with_layout(Layout::Rfc7597).layout(), Layout::Rfc7597);
    assert_eq!(
        rule.to_string(),
        "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,offset=4,psidlen=8,\
         br=2404:9200:225:100::64,layout=draft03"
    );
}

#[test]
fn what_is_left_out_follows_from_the_rest() {
    let bare = RuleParts { offset: None, psid_len: None, ..v6plus() };
    assert_eq!(Rule::new(bare), Rule::new(v6plus()));
    let rfc = Rule::new(RuleParts { layout: Layout::Rfc7597, ..bare }).unwrap();
    assert_eq!(rfc.port_parameters().offset(), 6);
}

#[test]
fn prefixes_stand_on_their_boundary() {
    // The two NURO rows that circulate: 219.104.138.0/20 and 219.104.141.0/20.
    for wrong in ["219.104.138.0/20", "219.104.141.0/20"] {
        let (sentence, hint) =
            refused(RuleParts { ipv4: wrong.parse().unwrap(), ea_len: 20, ..v6plus() });
        assert!(sentence.contains(wrong) && hint.contains("219.104.128.0/20"), "{sentence} {hint}");
    }
    let (sentence, hint) = refused(RuleParts { ipv6: "240b:11::/31".parse().unwrap(), ..v6plus() });
    assert!(sentence.contains("240b:11::/31") && hint.contains("240b:10::/31"));
}

#[test]
fn addresses_are_unicast() {
    let full = |ipv4: &str| RuleParts {
        ipv4: ipv4.parse().unwrap(),
        ea_len: 8,
        psid_len: None,
        ..v6plus()
    };
    for good in ["1.0.0.0/8", "10.0.0.0/8", "126.0.0.0/8", "128.0.0.0/8", "223.255.255.0/24"] {
        assert!(Rule::new(full(good)).is_ok(), "{good}");
    }
    for bad in
        ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/8", "255.255.255.255/32", "64.0.0.0/2", "0.0.0.0/0"]
    {
        assert!(refused(full(bad)).0.contains(bad));
    }
    for good in ["2001:db8::1", "3fff:ffff::1", "fd00::1", "fcff::1"] {
        assert!(Rule::new(RuleParts { br: good.parse().unwrap(), ..v6plus() }).is_ok(), "{good}");
    }
    for bad in ["::", "::1", "fe80::1", "ff02::1", "1fff::1", "4000::1", "::ffff:1.2.3.4"] {
        assert!(refused(RuleParts { br: bad.parse().unwrap(), ..v6plus() }).0.contains(bad));
    }
}

#[test]
fn disagreeing_numbers_are_both_named() {
    let names = |parts: RuleParts, numbers: [&str; 2]| {
        let (sentence, hint) = refused(parts);
        for number in numbers {
            assert!(sentence.contains(number), "{sentence}");
        }
        (sentence, hint)
    };
    // Rule prefix and EA bits: more than a /64.
    names(RuleParts { ea_len: 34, psid_len: None, ..v6plus() }, ["31", "34"]);
    names(RuleParts { ea_len: 255, psid_len: None, ..v6plus() }, ["31", "255"]);
    // EA bits and PSID length.
    let (_, hint) = names(RuleParts { psid_len: Some(6), ..v6plus() }, ["6", "25"]);
    assert!(hint.contains("8 = 25 - 17"), "{hint}");
    names(RuleParts { psid_len: Some(0), ..v6plus() }, ["0", "25"]);
    // Fewer EA bits than the address lacks, yet a PSID.
    names(RuleParts { ea_len: 16, ..v6plus() }, ["16", "17"]);
    // Exactly the address, and a PSID length without a PSID.
    names(RuleParts { ea_len: 17, ..v6plus() }, ["8", "PSID"]);
    // More EA bits than address and port have.
    names(
        RuleParts { ipv6: "2400::/16".parse().unwrap(), ea_len: 34, psid_len: None, ..v6plus() },
        ["34", "17"],
    );
    // Offset and PSID length.
    names(RuleParts { offset: Some(9), ..v6plus() }, ["9", "8"]);
    names(RuleParts { offset: Some(17), ..v6plus() }, ["17", "16"]);
    // A PSID that fits neither right-aligned nor left-aligned.
    let (_, hint) = names(RuleParts { psid: Some(0x6401), ..v6plus() }, ["25601", "8"]);
    assert!(hint.contains("256"), "{hint}");
}

#[test]
fn the_bounds_themselves_are_legal() {
    for parts in [
        // 64 bits; 16 PSID bits; one-port blocks; an IPv4 prefix for each CE; no EA bits.
        RuleParts { ipv6: "2001:db8::/39".parse().unwrap(), ..v6plus() },
        RuleParts { ea_len: 33, offset: Some(0), psid_len: None, ..v6plus() },
        RuleParts { offset: Some(8), ..v6plus() },
        RuleParts { ea_len: 9, psid_len: Some(0), ..v6plus() },
        RuleParts { ea_len: 0, psid_len: None, ..v6plus() },
        // An explicit PSID behind a complete address, and one that repeats the EA bits.
        RuleParts { ea_len: 17, psid: Some(255), ..v6plus() },
        RuleParts { psid: Some(100), ..v6plus() },
        RuleParts { ea_len: 17, psid_len: None, psid: Some(0), ..v6plus() },
    ] {
        assert!(Rule::new(parts).is_ok(), "{parts:?}");
    }
    let longer = "2001:db8::/40".parse().unwrap();
    assert!(Rule::new(RuleParts { ipv6: longer, ..v6plus() }).is_err());
    let (sentence, hint) =
        refused(RuleParts { ea_len: 17, psid_len: None, psid: Some(1), ..v6plus() });
    assert!(sentence.contains("length of 0"), "{sentence}");
    assert!(hint.contains("length too"), "{hint}");
}

/// An OpenWrt `map` section and `DHCPv6` have PSID 100 of 8 bits as 100 * 256 = 25600.
#[test]
fn a_psid_is_right_aligned_or_can_only_be_left_aligned() {
    let stated = |parts: RuleParts| Rule::new(parts).unwrap().psid();
    let apart = RuleParts { ea_len: 17, ..v6plus() };
    assert_eq!(stated(RuleParts { psid: Some(25600), ..v6plus() }), Some(100));
    assert_eq!(stated(RuleParts { psid: Some(25600), ..apart }), Some(100));
    // 0 is the PSID where the EA bits have none, and none where they have it.
    assert_eq!(stated(RuleParts { psid: Some(0), ..apart }), Some(0));
    assert_eq!(stated(RuleParts { psid: Some(0), ..v6plus() }), None);
    // Both readings: the right-aligned one.
    let twelve = RuleParts { offset: Some(4), psid_len: Some(12), ..apart };
    assert_eq!(stated(RuleParts { psid: Some(0x340), ..twelve }), Some(0x340));
    assert_eq!(stated(RuleParts { psid: Some(0x3400), ..twelve }), Some(0x340));
    let sixteen = RuleParts { offset: Some(0), psid_len: Some(16), ..apart };
    assert_eq!(stated(RuleParts { psid: Some(0x3400), ..sixteen }), Some(0x3400));
}

#[test]
fn a_whole_address_needs_no_ea_bits() {
    let whole = RuleParts {
        ipv6: "2001:db8:40:7a30::/60".parse().unwrap(),
        ipv4: "192.0.2.77/32".parse().unwrap(),
        ea_len: 32,
        offset: Some(16),
        psid_len: Some(2),
        ..v6plus()
    };
    let plain = RuleParts { ea_len: 0, offset: Some(0), psid_len: None, ..whole };
    for counted_twice in [
        whole,
        RuleParts { psid: Some(0), ..whole },
        RuleParts { offset: Some(6), psid_len: Some(0), ..whole },
        RuleParts { offset: None, psid_len: None, ..whole },
    ] {
        assert_eq!(Rule::new(counted_twice), Rule::new(plain), "{counted_twice:?}");
    }
    // An address that is shared after all, or 32 EA bits that are not its own.
    for other in [
        RuleParts { offset: Some(6), psid_len: Some(8), psid: Some(52), ..whole },
        RuleParts { offset: Some(6), psid_len: Some(8), ..whole },
        RuleParts { psid: Some(1), ..whole },
        RuleParts { ipv4: "192.0.2.76/31".parse().unwrap(), ..whole },
        RuleParts { ea_len: 31, ..whole },
    ] {
        let (_, hint) = refused(other);
        assert!(hint.contains("needs 0 EA bits"), "{hint}");
    }
}

#[test]
fn the_psid_bits_are_what_the_address_leaves() {
    let bits = |ea_len| {
        let parts = RuleParts { ea_len, psid_len: None, ..v6plus() };
        Rule::new(parts).unwrap().psid_bits_in_ea()
    };
    assert_eq!([0, 16, 17, 18, 25].map(bits), [0, 0, 0, 1, 8]);
}
