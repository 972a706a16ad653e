//! Bad input: one sentence with the value, the next step, the documented status and code.

use std::os::unix::ffi::OsStringExt as _;

use super::*;

const GOOD: &str = "240b:10:3261:6400::/56";
const RULE: &str = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,br=2404:9200:225:100::64";

/// Runs both modes and holds them against each other.
fn refused(arguments: &[&str], status: ExitStatus, code: &str, value: &str) {
    let text = call(arguments);
    assert_eq!((text.status, text.out.as_str()), (status, ""), "{arguments:?}: {}", text.err);
    let lines: Vec<&str> = text.err.lines().collect();
    assert_eq!(lines.len(), 3, "{}", text.err);
    assert!(lines[0].starts_with("mape-proto: ") && lines[0].contains(value), "{}", text.err);
    assert!(lines[1].starts_with("  next step: ") && lines[1].len() > 15, "{}", text.err);
    assert_eq!(lines[2], format!("  code: {code}"));

    let mut json = arguments.to_vec();
    json.insert(1, "--json");
    let called = call(&json);
    assert_eq!(called.status, status);
    let json = called.json();
    assert_valid(&schema("error"), &json);
    assert_eq!(json["error"]["code"], code);
    assert_eq!(format!("mape-proto: {}.", json["error"]["message"].as_str().unwrap()), lines[0]);
}

fn usage(arguments: &[&str], value: &str) {
    refused(arguments, ExitStatus::Usage, "MAPE_OPTION_INVALID", value);
}

#[test]
fn commands_and_options() {
    usage(&["plam"], "\"plam\"");
    usage(&["plan"], "no IPv6 prefix given");
    usage(&["plan", GOOD, "extra"], "\"extra\"");
    usage(&["plan", "--nftables", GOOD], "\"--nftables\"");
    usage(&["plan", "--edge", "egress", GOOD], "\"egress\"");
    for bad in ["", "a b", "mape-wan\";flush ruleset", "abcdefghijklmnop", "-x", "7"] {
        usage(
            &["plan", &format!("--device={bad}"), GOOD],
            &mape_core::Quoted::new(bad).to_string(),
        );
    }
    usage(&["plan", "-x", GOOD], "\"-x\"");
    usage(&["plan", GOOD, "--provider"], "needs a value");
    usage(&["plan", "--help=1", GOOD], "\"--help\"");
    usage(&["--verbose"], "\"--verbose\"");
    usage(&["rules", "--sh"], "\"--sh\"");
    usage(&["rules", "v6plus"], "\"v6plus\"");
    usage(&["rules", "--help", "x"], "\"x\"");
    assert!(call(&["help", "me"]).err.contains("unknown command \"me\""));
    assert!(call(&["help", "plan", "me"]).err.contains("unexpected argument \"plan\""));
    assert!(call(&["staus"]).err.contains("did you mean status?"));
    assert!(!call(&["install"]).err.contains("did you mean"));
    assert!(call(&["--version", "--long"]).err.contains("unknown option \"--long\""));
    usage(&["plan", "--provider", "softbank", GOOD], "\"softbank\"");
    usage(&["plan", "--provider", "manual", GOOD], "manual");
    usage(&["plan", "--layout", "draft-03", GOOD], "\"draft-03\"");
    usage(&["plan", "a\u{1b}[2Jb"], r"a\u{1b}[2Jb");
    let long = "x".repeat(100_000);
    usage(&["plan", &long], "xxx…\" is not");
    let both = call(&["plan", "--json", "--sh", GOOD]);
    assert_eq!(both.status, ExitStatus::Usage);
    assert_eq!(call(&["plan", "--nft", "--sh", GOOD]).status, ExitStatus::Usage);
    assert!(both.json()["error"]["message"].as_str().unwrap().contains("cannot be combined"));
    assert_eq!(call::<&str>(&[]).status, ExitStatus::Usage);
}

#[test]
fn prefixes() {
    for bad in [
        "",
        "hello",
        "240b:10:3261:6400::/65",
        "240b:10:3261:6400::/x",
        "240b::10::/56",
        "/56",
        "106.72.50.97",
        "240b:10:3251:6410::/56",
        "240b:10:3261:6400::/",
        "fe80::1%eth0",
        "240b:10:3261:6400::/-1",
        "240b:10:3261:6400::/56 240b::/64",
    ] {
        usage(&["plan", bad], bad.rsplit('/').next().unwrap_or(bad));
    }
    let no_plan =
        |arguments: &[&str], code, value| refused(arguments, ExitStatus::NoPlan, code, value);
    no_plan(&["plan", "240b:10::/32"], "MAPE_PREFIX_NOT_IN_RULES", "240b:10::/32");
    no_plan(&["plan", "::/0"], "MAPE_PREFIX_NOT_IN_RULES", "::/0");
    no_plan(&["plan", "240b:10:3251:6410::/60"], "MAPE_NOT_FIRST_SUBNET", "240b:10:3251:6410::/60");
    no_plan(&["plan", "--provider", "ocn", GOOD], "MAPE_PREFIX_NOT_IN_RULES", "ocn");
    no_plan(
        &["plan", "--rule", RULE, "2400:4050::/56"],
        "MAPE_PREFIX_NOT_IN_RULES",
        "2400:4050::/56",
    );
}

#[test]
fn numbers() {
    for bad in ["", "-1", "65536", "1500.0", "0x5dc", "many"] {
        usage(&["plan", "--uplink-mtu", bad, GOOD], &format!("{bad:?}"));
    }
    for small in ["0", "39", "1280", "1319"] {
        refused(
            &["plan", "--uplink-mtu", small, GOOD],
            ExitStatus::NoPlan,
            "MAPE_MTU_TOO_SMALL",
            small,
        );
    }
    for (bad, entry) in
        [("", ""), ("0", "0"), ("1,,2", ""), ("65536", "65536"), ("9-8", "9-8"), ("ssh", "ssh")]
    {
        usage(&["plan", "--reserve", bad, GOOD], &format!("{entry:?}"));
    }
    usage(&["plan", "--reserve", "1-65535", GOOD], "1-65535");
}

#[test]
fn rules() {
    for (bad, value) in [
        ("", "\"\""),
        ("v6plus", "\"v6plus\""),
        ("ipv6=240b:10::/31", "lacks ipv4"),
        ("ea=1,ea=2", "ea twice"),
        ("prefix=1", "\"prefix\""),
    ] {
        usage(&["plan", "--rule", bad, GOOD], value);
    }
    usage(&["plan", "--rule", &RULE.replace("ea=25", "ea=x"), GOOD], "\"x\"");
    let inconsistent = |change: (&str, &str), value: &str| {
        let rule = RULE.replace(change.0, change.1);
        refused(
            &["plan", "--rule", &rule, GOOD],
            ExitStatus::Usage,
            "MAPE_RULE_INCONSISTENT",
            value,
        );
    };
    inconsistent(("ea=25", "ea=40"), "40");
    inconsistent(("ea=25", "ea=25,psidlen=6"), "6");
    inconsistent(("ea=25", "ea=25,offset=9"), "9");
    inconsistent(("ea=25", "ea=25,psid=256"), "256");
    inconsistent(("ea=25", "ea=25,psid=7"), "7");
    inconsistent(("106.72.0.0", "106.73.0.0"), "106.73.0.0/15");
    inconsistent(("2404:9200:225:100::64", "::"), "::");
    let other = RULE.replace("::64", "::65");
    let two = ["plan", "--rule", RULE, "--rule", &other, GOOD];
    refused(&two, ExitStatus::Usage, "MAPE_RULE_INCONSISTENT", "two different rules");
}

#[test]
fn rule_files() {
    let directory = std::env::temp_dir().join(format!("mape-bad-input-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = directory.join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    for (path, value) in [
        (file("empty", b""), "contains no rule"),
        (file("second", format!("{RULE}\n\noops\n").as_bytes()), "line 3"),
        (file("binary", &[0xff, 0xfe, 0x00]), "cannot be read"),
        (file("huge", &vec![b'\n'; (1 << 20) + 1]), "larger than 1 MiB"),
        (directory.display().to_string(), "not a regular file"),
        ("/dev/null".to_owned(), "not a regular file"),
        (directory.join("absent").display().to_string(), "cannot be read"),
    ] {
        usage(&["plan", "--rules", &path, GOOD], value);
        usage(&["plan", "--rules", &path, GOOD], &name(&path));
    }
    let conflict =
        file("conflict", format!("{RULE}\n{}\n", RULE.replace("::64", "::65")).as_bytes());
    refused(
        &["plan", "--rules", &conflict, GOOD],
        ExitStatus::Usage,
        "MAPE_RULE_INCONSISTENT",
        "lines 1 and 2",
    );
    // Neither the order of two files nor of their lines chooses between two rules.
    let (one, two) =
        (file("one", RULE.as_bytes()), file("two", RULE.replace("::64", "::65").as_bytes()));
    for (first, second) in [(&one, &two), (&two, &one)] {
        let both = ["plan", "--rules", first, "--rules", second, GOOD];
        refused(&both, ExitStatus::Usage, "MAPE_RULE_INCONSISTENT", "240b:10::/31");
    }
    // At the limit itself a file is read.
    let mut largest = RULE.as_bytes().to_vec();
    largest.resize(1 << 20, b'\n');
    assert_eq!(
        call(&["plan", "--rules", &file("largest", &largest), GOOD]).status,
        ExitStatus::Fine
    );
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn arguments_that_are_not_text() {
    for position in 0..2 {
        let mut arguments: Vec<OsString> = vec!["plan".into(), GOOD.into()];
        arguments[position] = OsString::from_vec(vec![b'a', 0xff, b'b']);
        let called = call_os(arguments);
        assert_eq!((called.status, called.out.as_str()), (ExitStatus::Usage, ""));
        assert!(called.err.contains("is not text"), "{}", called.err);
    }
    let called = call_os(vec!["plan".into(), OsString::from_vec(b"--\xff".to_vec())]);
    assert_eq!(called.status, ExitStatus::Usage, "{}", called.err);
}
