//! Every parameter of every method arrives where it belongs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::path::Path;

use mape_core::Layout;
use mape_provision::{Answer, Auth, Capability, Endpoint, Method, NoMethod, Shape};

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/provision/answers");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn the_standards_example_in_full() {
    let answer = Answer::hb46pp(&file("standard.json")).unwrap();
    assert_eq!(answer.shape, Shape::Hb46pp);
    assert_eq!(answer.labels, ["Example VNE", "Example 4over6", "Example ISP"]);
    assert_eq!((answer.ttl, answer.auth), (Some(86400), Some(Auth::Good)));
    assert_eq!(answer.token.as_ref().unwrap().as_str(), "0123456789abcdef".repeat(4));
    let order: Vec<&str> = answer.methods.iter().map(|it| it.capability().name()).collect();
    assert_eq!(order, ["464xlat", "ipip", "lw4o6", "map_t", "dslite", "map_e"]);

    let [xlat, ipip, lw4o6, map_t, dslite, map_e] = answer.methods.as_slice() else { panic!() };
    assert_eq!(*xlat, Method::Xlat464("2001:db8:6::/96".parse().unwrap()));
    assert_eq!(*dslite, Method::DsLite(Endpoint::Name("aftr.example.net".to_owned())));
    let Method::Ipip(tunnels) = ipip else { panic!() };
    assert_eq!(
        (tunnels[0].local.to_string(), tunnels[0].remote.to_string(), tunnels[0].ipv4.to_string()),
        ("2001:db8:7:100::7".into(), "2001:db8:ffff::3".into(), "203.0.113.64/29".into())
    );
    let Method::Lw4o6(lw4o6) = lw4o6 else { panic!() };
    assert_eq!(lw4o6.lwaftr, Endpoint::Address("2001:db8:ffff::2".parse().unwrap()));
    assert_eq!(lw4o6.ipv6, "2001:db8:3:100::/56".parse().unwrap());
    assert_eq!(lw4o6.ipv4.to_string(), "203.0.113.16");
    // Offset 6, 8 bits of PSID 3: 63 ranges of 4, the first at 1024 + 3 * 4.
    assert_eq!((lw4o6.ports.psid(), lw4o6.ports.port_count()), (3, 252));
    assert_eq!(lw4o6.ports.ranges().next().unwrap().first(), 1036);
    let Method::MapT(map_t) = map_t else { panic!() };
    assert_eq!(map_t.dmr, "2001:db8:5::/64".parse().unwrap());
    let rule = map_t.rules[0];
    assert_eq!((rule.ea_len(), rule.port_parameters().psid_len()), (8, 4));
    let Method::MapE(map_e) = map_e else { panic!() };
    assert!(map_e.mesh && map_e.broken.is_empty());
    assert_eq!(map_e.rules[0].layout(), Layout::Rfc7597);
    assert_eq!(
        map_e.rules[0].to_string(),
        "ipv6=2001:db8:1:2000::/52,ipv4=203.0.113.0/24,ea=12,offset=4,psidlen=4,\
         br=2001:db8:ffff::1,layout=rfc7597"
    );
}

/// Bits behind a length are ignored, as in DHCPv6 (RFC 7598 section 4.1). By hand: the line's bits
/// 40 to 55 are 0x1234, so .18 and PSID 52; draft-03 puts cb00:7112 and 0034 one octet behind the
/// /64.
#[test]
fn bits_behind_a_length_are_ignored_in_every_servers_answer() {
    let line = "2001:db8:12:3400::/56".parse().unwrap();
    let hb46pp = r#"{"order":["map_e"],"map_e":{"version":0,"br":"2001:db8:1::1","rules":[
        {"ipv6":"2001:db8:10:abcd::/40","ipv4":"203.0.113.7/24","ea_length":16,"psid_offset":4}]}}"#;
    let jpne = r#"({"dmr":"2001:db8:1::1","fmr":[
        {"ipv6":"2001:db8::1/40","ipv4":"203.0.113.255/24","ea_length":"16","psid_offset":4}]})"#;
    let ocn = r#"{"basicMapRules":[{"brIpv6Address":"2001:db8:1::1","ipv6Prefix":"2001:db8:ff::",
        "ipv6PrefixLength":"40","ipv4Prefix":"203.0.113.99","ipv4PrefixLength":"24","eaBitLength":"16",
        "psIdOffset":"4","psId":"0x34"}]}"#;
    for body in [hb46pp, jpne, ocn] {
        let answer = Answer::any(body.as_bytes()).unwrap();
        let Method::MapE(map_e) = answer.choose(&[Capability::MapE], &[line]).unwrap() else {
            panic!()
        };
        assert!(map_e.broken.is_empty(), "{body}");
        let request =
            mape_core::Request { explicit: map_e.rules.clone(), ..mape_core::Request::new(line) };
        let plan = mape_core::plan(&request).unwrap();
        assert_eq!(
            (plan.ipv4().to_string(), plan.port_set().psid(), plan.ce().to_string()),
            ("203.0.113.18/32".into(), 52, "2001:db8:12:3400:cb:71:1200:3400".into())
        );
        let ranges: Vec<_> = plan.port_set().ranges().collect();
        let ends = [ranges[0].first(), ranges[0].last(), ranges[14].first(), ranges[14].last()];
        assert_eq!(ends, [4928, 4943, 62272, 62287]);
        assert_eq!(plan.port_set().port_count(), 240);
    }
    // An address with a length keeps its bits.
    let others = r#"{"order":["ipip","lw4o6","map_t"],"ipip":[{"ipv6_local":"2001:db8::7",
        "ipv6_remote":"2001:db8::3","ipv4":"203.0.113.66/29"}],"lw4o6":{"lwaftr":"2001:db8::2",
        "ipv6":"2001:db8:3:1ff::/56","ipv4":"203.0.113.16","psid":768,"psid_length":8,"psid_offset":6},
        "map_t":{"dmr":"2001:db8:5::9/64","rules":[
        {"ipv6":"2001:db8:10:abcd::/40","ipv4":"203.0.113.7/24","ea_length":16}]}}"#;
    let answer = Answer::any(others.as_bytes()).unwrap();
    let [Method::Ipip(tunnels), Method::Lw4o6(lw4o6), Method::MapT(map_t)] =
        answer.methods.as_slice()
    else {
        panic!("{:?}", answer.methods)
    };
    assert_eq!(tunnels[0].ipv4.to_string(), "203.0.113.66/29");
    assert_eq!((lw4o6.ipv6.to_string(), lw4o6.ports.psid()), ("2001:db8:3:100::/56".into(), 3));
    assert_eq!(map_t.dmr.to_string(), "2001:db8:5::/64");
}

#[test]
fn the_order_and_what_we_can_decide() {
    use Capability::{DsLite, HubSpoke, Ipip, MapE, Xlat464};

    let answer = Answer::hb46pp(&file("standard.json")).unwrap();
    let line = ["2001:db8:1:2a00::/56".parse().unwrap()];
    let elsewhere = ["2001:db8:1:3a00::/56".parse().unwrap()];
    let chosen = |can: &[Capability], prefixes: &[_]| {
        answer.choose(can, prefixes).map(Method::capability).map_err(|why| match why {
            NoMethod::Others(methods) => methods.len(),
            NoMethod::Unusable(_) => 1,
            NoMethod::Nothing => 0,
        })
    };
    assert_eq!(chosen(&Capability::ALL, &line), Ok(Xlat464));
    assert_eq!(chosen(&[MapE, DsLite, Ipip], &line), Ok(Ipip));
    assert_eq!(chosen(&[MapE, DsLite], &line), Ok(DsLite));
    assert_eq!(chosen(&[MapE, HubSpoke], &line), Ok(MapE));
    assert_eq!(chosen(&[MapE], &[]), Ok(MapE));
    assert_eq!(chosen(&[MapE], &[elsewhere[0], line[0]]), Ok(MapE));
    assert_eq!(chosen(&[MapE], &elsewhere), Err(1));
    assert_eq!(chosen(&[HubSpoke], &line), Err(6));
    let nothing = Answer::hb46pp(b"{\"order\":[]}").unwrap();
    assert_eq!(nothing.choose(&[MapE], &line), Err(NoMethod::Nothing));
}

#[test]
fn what_routers_rule_servers_say() {
    let jpne = Answer::any(&file("get_rules.txt")).unwrap();
    assert_eq!(jpne.shape, Shape::Jpne);
    assert_eq!(jpne.id.as_deref(), Some("0123456789ABCDEF0123456789abcdef"));
    let ocn = Answer::any(&file("ocn.json")).unwrap();
    assert_eq!((ocn.shape, ocn.map_e().unwrap().rules.len()), (Shape::Ocn, 2));
    // Each shape is read where it belongs, and only there.
    assert!(Answer::hb46pp(&file("ocn.json")).is_err());
    assert_eq!(Answer::any(&file("standard.json")).unwrap().shape, Shape::Hb46pp);
}
