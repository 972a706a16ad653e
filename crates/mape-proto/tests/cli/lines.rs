//! Every kind of line is named from its prefix, and only MAP-E lines get a plan.

use super::*;

#[test]
fn lines_with_a_plan() {
    for (prefix, provider, title) in [
        ("240b:10:3261:6400::/56", "v6plus", "v6 Plus"),
        ("240b:252::/56", "v6plus", "v6 Plus"),
        ("2400:4050:80ba:2200::/56", "ocn", "OCN Virtual Connect"),
        ("2400:4153:77:a000::/64", "ocn", "OCN Virtual Connect"),
        ("2404:7a82:382:3300::/56", "biglobe", "BIGLOBE IPv6 option"),
        ("240d:f:88c:8100::/64", "nuro", "NURO Hikari"),
    ] {
        assert_eq!(words(&format!("plan --json {prefix}")).json()["provider"], provider);
        let text = words(&format!("plan {prefix}")).out;
        assert!(text.starts_with(&format!("{title}: MAP-E, ")), "{text}");
    }
}

#[test]
fn lines_without_a_plan() {
    let schema = schema("error");
    for (prefix, line, mechanism, named, step) in [
        ("2408:210:8000::/56", "ngn", "none", "NGN", "IPoE"),
        ("2001:a003:1::/64", "ngn", "none", "NGN", "IPoE"),
        ("2404:8e00:1234::/56", "transix", "ds-lite", "transix", "gw.transix.jp"),
        ("2404:8e01:1234::/56", "transix", "ds-lite", "transix", "gw.transix.jp"),
        ("2409:10:1234:5600::/56", "transix", "ds-lite", "transix", "ipip6"),
        ("2409:251:1234::/64", "transix", "ds-lite", "transix", "AFTR gw.transix.jp"),
        ("2001:f61:1234::/64", "xpass", "ds-lite", "Xpass", "dgw.xpass.jp"),
        ("2001:f74:1234::/56", "xpass", "ds-lite", "Xpass", "dgw.xpass.jp"),
        ("2405:6583:1234::/56", "v6connect", "ds-lite", "v6 connect", "dslite.v6connect.net"),
        ("2001:c28:1::/64", "v6connect", "ds-lite", "v6 connect", "dslite.v6connect.net"),
        ("2400:2410:1234:5600::/64", "softbank", "ipip", "SoftBank", "ipip6"),
        ("240d:f:4000::/56", "nuro", "map-e", "NURO", "--rule"),
        ("240d:10:1000::/56", "nuro", "map-e", "NURO", "--rule"),
        ("2400:4052:f000::/56", "ocn", "map-e", "OCN", "--rule"),
        ("fe80::1", "local", "none", "not a public IPv6 prefix", "global address"),
        ("fd12:3456::/48", "local", "none", "not a public IPv6 prefix", "global address"),
        ("ff02::1", "local", "none", "not a public IPv6 prefix", "global address"),
    ] {
        let called = words(&format!("plan --json {prefix}"));
        assert_eq!(called.status, ExitStatus::NoPlan, "{prefix}");
        let json = called.json();
        assert_valid(&schema, &json);
        let error = &json["error"];
        assert_eq!(error["code"], "MAPE_PREFIX_NOT_IN_RULES");
        assert_eq!(
            (&error["params"]["line"], &error["params"]["mechanism"]),
            (&line.into(), &mechanism.into())
        );
        let called = words(&format!("plan {prefix}"));
        assert_eq!((called.status, called.out.as_str()), (ExitStatus::NoPlan, ""));
        assert!(called.err.contains(named) && called.err.contains(step), "{}", called.err);
    }
    let error = &words("plan --json 2a00:1450:4001::/56").json()["error"];
    assert_eq!(
        (&error["code"], &error["params"]["line"]),
        (&"MAPE_PREFIX_NOT_IN_RULES".into(), &Value::Null)
    );
}
