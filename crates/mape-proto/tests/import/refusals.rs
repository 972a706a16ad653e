//! What is not imported, and why.

use super::*;

#[test]
fn what_is_no_map_e_is_refused() {
    let router = Router::new("refusals");
    router.network(
        "config interface 'lan'\n\toption proto 'static'\n\toption ipaddr '192.168.1.1'\n\
         config interface 't'\n\toption proto 'map'\n\toption maptype 'map-t'\n\
         config interface 'lw'\n\toption proto 'map'\n\toption rule 'type=lw4o6,br=2001:db8::1'\n\
         config interface 'ds'\n\toption proto 'fleth'\n\toption custom_aftr 'gw.transix.jp'\n\
         config interface 'half'\n\toption proto 'map'\n\toption peeraddr '2001:db8::1'\n\
         config interface 'bad'\n\toption proto 'map'\n\toption peeraddr '2404:9200:225:100::64'\n\
         \toption ipaddr '106.72.0.0'\n\toption ip4prefixlen '15'\n\toption ip6prefix '240b:10::'\n\
         \toption ip6prefixlen '31'\n\toption ealen '25'\n\toption psidlen '7'\n\
         config device 'dev'\n\toption name 'eth0'\n",
    );
    for (arguments, status, code, part) in [
        ("", 2, "MAPE_OPTION_INVALID", "no interface given"),
        ("a b", 2, "MAPE_OPTION_INVALID", "unexpected argument \"b\""),
        ("lan --aply", 2, "MAPE_OPTION_INVALID", "--aply"),
        ("lan --prefix 1.2.3.4", 2, "MAPE_OPTION_INVALID", "is IPv4"),
        ("none", 2, "MAPE_OPTION_INVALID", "no interface \"none\""),
        ("dev", 2, "MAPE_OPTION_INVALID", "no interface \"dev\""),
        ("lan", 2, "MAPE_OPTION_INVALID", "proto \"static\""),
        ("lan --prefix 240b:10:3261:6400::/56", 2, "MAPE_OPTION_INVALID", "proto \"static\""),
        ("t", 2, "MAPE_OPTION_INVALID", "\"map-t\", which is not MAP-E"),
        ("lw", 2, "MAPE_OPTION_INVALID", "\"lw4o6\", which is not MAP-E"),
        ("ds", 2, "MAPE_OPTION_INVALID", "\"DS-Lite\", which is not MAP-E"),
        ("half", 2, "MAPE_OPTION_INVALID", "ip6prefix is missing"),
        ("bad", 2, "MAPE_RULE_INCONSISTENT", "PSID length 7 disagrees"),
        ("half --prefix 2409:10:1234:5600::/56", 2, "MAPE_OPTION_INVALID", "ip6prefix"),
    ] {
        let called = router.import(arguments);
        assert_eq!((called.status as u8, called.out.as_str()), (status, ""), "{arguments}");
        assert!(
            called.err.contains(part) && called.err.contains(code),
            "{arguments}: {}",
            called.err
        );
        assert!(called.err.contains("next step: "), "{}", called.err);
    }
    // With a prefix of the table the numbers are not needed, and errors in them are reported.
    for (interface, part) in [("half", "ip6prefix is missing"), ("bad", "PSID length 7")] {
        let called = router.import(&format!("{interface} --prefix 240b:10:3261:6400::/56"));
        assert_eq!(called.err, "");
        assert!(called.out.contains(part) && called.out.contains("106.72.50.97"), "{}", called.out);
    }
}

/// A section that cannot work on this line is not made.
#[test]
fn a_line_without_a_plan_is_an_error_and_changes_nothing() {
    let router = Router::of_case("no-plan", "ocn");
    let files = router.files();
    for (prefix, code) in [
        ("2409:10:1234:5600::/56", "MAPE_PREFIX_NOT_IN_RULES"),
        ("240b:10:3261:6410::/60", "MAPE_NOT_FIRST_SUBNET"),
    ] {
        let called = router.import(&format!("wan6mape --apply --prefix {prefix}"));
        assert_eq!((called.status, called.out.as_str()), (ExitStatus::NoPlan, ""));
        assert!(called.err.contains(code), "{}", called.err);
    }
    assert_eq!((router.files(), router.log()), (files, String::new()));
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let router = Router::new("unreadable");
    router.network("config interface 'wan'\n\toption proto 'map\n");
    let called = router.import("wan");
    assert_eq!(called.status, ExitStatus::Failed);
    assert!(called.err.contains("line 2 of the configuration \"network\""), "{}", called.err);
    assert!(called.err.contains("MAPE_UCI"));
}

#[test]
fn help_is_there() {
    let called = Router::new("help").import("--help");
    assert!(called.out.contains("--apply") && called.status == ExitStatus::Fine);
    assert!(called.out.lines().all(|line| line.chars().count() <= 92));
}
