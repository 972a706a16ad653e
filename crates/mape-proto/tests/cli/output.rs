//! Good answers in every format.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

use super::*;

/// The contract in full: other programs rely on keys, order and values.
#[test]
fn the_plan_of_the_contract() {
    let called = words("plan --json 240b:10:3261:6400::/56");
    assert_eq!(called.status, ExitStatus::Fine);
    assert_eq!(
        called.out,
        concat!(
            r#"{"schema":1,"provider":"v6plus","rule":{"ipv6":"240b:10::/31","ipv4":"106.72.0.0/15","#,
            r#""ea_len":25,"psid_offset":4,"psid_len":8,"layout":"draft03","#,
            r#""br":"2404:9200:225:100::64","source":"builtin"},"#,
            r#""end_user_prefix":"240b:10:3261:6400::/56","ipv4":"106.72.50.97","ipv4_prefix_len":32,"#,
            r#""psid":100,"port_ranges":[[5696,5711],[9792,9807],[13888,13903],[17984,17999],"#,
            r#"[22080,22095],[26176,26191],[30272,30287],[34368,34383],[38464,38479],[42560,42575],"#,
            r#"[46656,46671],[50752,50767],[54848,54863],[58944,58959],[63040,63055]],"port_count":240,"#,
            r#""ce":"240b:10:3261:6400:6a:4832:6100:6400","br":"2404:9200:225:100::64","mtu":1460}"#,
            "\n"
        )
    );
}

#[test]
fn every_plan_fits_the_schema() {
    let schema = schema("plan");
    for arguments in [
        "2400:4050:80ba:2200::/56",
        "2404:7a82:382:3300::/64",
        "240d:f:123:4500::1",
        "--uplink-mtu 1454 --layout rfc7597 240b:10:3261:6400::/56",
        "--reserve 5696,80,9792-9799 240b:10:3261:6400::/56",
        "--rule ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=4,br=2001:db8:ffff::1 2001:db8:e0::/44",
        "--rule ipv6=2001:db8::/40,ipv4=192.0.2.18/32,ea=0,psidlen=8,psid=52,br=2001:db8:ffff::1 2001:db8::/56",
        "--rule ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=9,offset=15,br=2001:db8:ffff::1 2001:db8::/56",
    ] {
        let called = words(&format!("plan --json {arguments}"));
        assert_eq!(called.status, ExitStatus::Fine, "{arguments}: {}", called.out);
        assert_valid(&schema, &called.json());
    }
}

/// A line of OpenWrt's `map` states no layout: that of the table's rule, or RFC 7597's.
#[test]
fn a_rule_of_map() {
    let table = "type=map-e,ipv6prefix=240b:10::,prefix6len=31,ipv4prefix=106.72.0.0,prefix4len=15,\
                 psidlen=8,offset=4,ealen=25,br=2404:9200:225:100::64";
    let own = "type=map-e,ipv6prefix=2001:db8::,prefix6len=40,ipv4prefix=192.0.2.0,prefix4len=24,\
               ealen=16,offset=6,br=2001:db8:ffff::1";
    for (rule, prefix, layout, ce) in [
        (table, "240b:10:3261:6400::/56", "draft03", "240b:10:3261:6400:6a:4832:6100:6400"),
        // RFC 7597 appendix A.
        (own, "2001:db8:12:3400::/56", "rfc7597", "2001:db8:12:3400:0:c000:212:34"),
    ] {
        let json = words(&format!("plan --json --rule {rule} {prefix}")).json();
        assert_eq!((&json["rule"]["layout"], &json["ce"]), (&layout.into(), &ce.into()));
        let stated = words(&format!("plan --json --layout draft03 --rule {rule} {prefix}")).json();
        assert_eq!(stated["rule"]["layout"], "draft03");
    }
    let called = words("plan --rule type=map-t,ealen=1 240b:10:3261:6400::/56");
    assert_eq!(called.status, ExitStatus::Usage, "{}", called.err);
}

#[test]
fn the_schema_refuses_what_is_no_plan() {
    let schema = schema("plan");
    let good = words("plan --json 240b:10:3261:6400::/56").json();
    for (key, bad) in [("mtu", "1279"), ("ipv4", "\"x\""), ("port_ranges", "[[1]]"), ("new", "1")] {
        let mut value = good.clone();
        value[key] = serde_json::from_str(bad).unwrap();
        assert!(!schema.is_valid(&value), "{key}");
    }
}

#[test]
fn an_unstated_layout_is_that_of_the_option() {
    let rule = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,br=2001:db8::1";
    for (option, stated, layout, offset) in [
        ("", "", "draft03", 4),
        ("--layout rfc7597", "", "rfc7597", 6),
        ("--layout rfc7597", ",offset=5", "rfc7597", 5),
        ("--layout rfc7597", ",layout=draft03", "rfc7597", 4),
        ("--layout draft03", ",layout=rfc7597", "draft03", 6),
    ] {
        let json =
            words(&format!("plan --json {option} --rule {rule}{stated} 240b:10::/56")).json();
        assert_eq!(
            (&json["rule"]["layout"], &json["rule"]["psid_offset"]),
            (&layout.into(), &offset.into())
        );
    }
}

#[test]
fn reserved_ports_are_reported() {
    let json =
        words("plan --json --reserve 9800,80 --reserve 5696-5697 240b:10:3261:6400::/56").json();
    assert_eq!(json["reserved"].to_string(), "[[9800,9800],[5696,5697]]");
    assert_eq!(json["reserved_outside"].to_string(), "[[80,80]]");
    assert_eq!(json["port_count"], 240);
    let text = words("plan --reserve 9800,80 240b:10:3261:6400::/56").out;
    assert!(text.contains("reserved         9800\n"), "{text}");
    assert!(text.contains("not in the set   80 ("), "{text}");
}

/// The next step names the command's own help; without a command it is that of the program.
#[test]
fn a_wrong_word_leads_to_the_help_of_its_command() {
    for (call, hint) in [
        ("forward add", "see mape-proto forward --help"),
        ("ports --nonsense", "see mape-proto ports --help"),
        ("--nonsense", "see mape-proto --help and mape-proto COMMAND --help"),
    ] {
        let error = words(call).err;
        assert!(error.contains(&format!("next step: {hint}.\n")), "{call}: {error}");
    }
}

#[test]
fn the_text_for_people() {
    let text = words("plan 240b:10:3261:6400::/56").out;
    for line in [
        "v6 Plus: MAP-E, 240 ports of 106.72.50.97\n",
        "  end-user prefix  240b:10:3261:6400::/56\n",
        "  IPv4 address     106.72.50.97, shared by 256 lines\n",
        "  PSID             100 (0x64), 8 bits, offset 4\n",
        "  ports            240 in 15 blocks of 16\n",
        "                   5696-5711  9792-9807  13888-13903  17984-17999\n",
        "  CE address       240b:10:3261:6400:6a:4832:6100:6400\n",
        "  BR address       2404:9200:225:100::64\n",
        "  MTU              1460, TCP MSS 1420\n",
        "  rule             240b:10::/31 -> 106.72.0.0/15, 25 EA bits, draft-03 layout\n",
        "  rule source      built in (2026-11): ",
        "  note             a fixed-IPv4 contract",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    let whole = "--rule ipv6=2001:db8:12:3400::/56,ipv4=192.0.2.18/32,ea=0,br=2001:db8:ffff::1,layout=rfc7597";
    let text = words(&format!("plan {whole} 2001:db8:12:3400::/56")).out;
    for line in [
        "192.0.2.18, not shared\n",
        "65536 in 1 block of 65536\n",
        "RFC 7597 layout\n",
        "Own rule: MAP-E, all ports of 192.0.2.18\n",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    assert!(!text.contains("PSID  "), "{text}");
    let prefix = "--rule ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=4,br=2001:db8:ffff::1";
    let text = words(&format!("plan {prefix} 2001:db8:e0::/44")).out;
    assert!(text.contains("  IPv4 prefix      192.0.2.224/28, not shared\n"), "{text}");
    assert!(text.starts_with("Own rule: MAP-E, all ports of 192.0.2.224/28\n"), "{text}");
    // 63 blocks are all shown; of 255 one-port blocks, 64.
    assert!(words("plan 2400:4050:80ba:2200::/56").out.contains("65056-65071\n"));
    let ports = "--rule ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,offset=8,br=2001:db8:ffff::1";
    let text = words(&format!("plan {ports} 2001:db8:12:3400::/56")).out;
    assert!(text.contains("255 in 255 blocks of 1\n") && text.contains("and 191 more;"), "{text}");
}

#[test]
fn the_text_for_nft() {
    let called = words("plan --nft 240b:10:3261:6400::/56");
    assert_eq!((called.status, called.err.as_str()), (ExitStatus::Fine, ""));
    assert!(called.out.starts_with("# mape-rs: mape-wan, 106.72.50.97, edge netdev.\n"));
    assert_eq!(called.out, words("plan --nft --edge auto 240b:10:3261:6400::/56").out);
    for (arguments, part) in [
        ("--edge netdev", "hook egress device \"mape-wan\""),
        ("--edge netdev --device tun0", "hook egress device \"tun0\""),
        ("--edge postrouting", "tcp sport set @th,0,32 & 0xffff0000 | 0x1 map @int2ext-word_wan"),
        ("--edge plain", "numgen inc mod 15"),
        ("--full-cone", "update @full-cone_wan"),
        ("--reserve 5696", "elements = { 5696 }"),
        ("--uplink-mtu 1454", "maxseg size set 1374"),
    ] {
        let text = words(&format!("plan --nft {arguments} 240b:10:3261:6400::/56")).out;
        assert!(text.contains(part), "{arguments}: {text}");
        assert_eq!(text.contains("full-cone-learn_wan {\n"), arguments == "--full-cone");
    }
    let port_zero =
        "--rule ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=24,br=2001:db8:ffff::1,offset=0";
    let called = words(&format!("plan --nft {port_zero} 2001:db8::/64"));
    assert_eq!(called.status, ExitStatus::Usage);
    assert!(called.err.contains("no port of the port set is left"), "{}", called.err);
}

#[test]
fn a_shell_reads_the_variables() {
    let assignments = words("plan --sh --reserve 9792-9793,5696,80 240b:10:3261:6400::/56").out;
    let script = format!(
        "{assignments}set -eu\necho $MAPE_IPV4 $MAPE_CE $MAPE_BR $MAPE_MTU $MAPE_PSID\n\
        echo $MAPE_PROVIDER $MAPE_PSID_LEN $MAPE_PSID_OFFSET $MAPE_IPV4_PREFIX_LEN $MAPE_RULE_SOURCE\n\
        set -- $MAPE_PORT_RANGES\necho $# $1 $MAPE_PORT_COUNT $MAPE_END_USER_PREFIX $MAPE_RESERVED $MAPE_RESERVED_OUTSIDE $MAPE_LAYOUT"
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "106.72.50.97 240b:10:3261:6400:6a:4832:6100:6400 2404:9200:225:100::64 1460 100\n\
         v6plus 8 4 32 builtin\n15 5696-5711 240 240b:10:3261:6400::/56 9792-9793 5696 80 draft03\n"
    );
    // The rule is one that --rule takes back.
    let rule = assignments.lines().find_map(|line| line.strip_prefix("MAPE_RULE=")).unwrap();
    let again =
        call(&["plan", "--sh", "--rule", rule.trim_matches('\''), "240b:10:3261:6400::/56"]);
    assert!(again.out.contains(&format!("MAPE_RULE={rule}\n")), "{}{}", again.out, again.err);
}

#[test]
fn the_rules_as_json() {
    let json = words("rules --json").json();
    assert_valid(&schema("rules"), &json);
    assert_eq!(json["count"], 426);
    let providers = json["providers"].as_array().unwrap();
    let counts: Vec<usize> =
        providers.iter().map(|it| it["rules"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [4, 160, 258, 4]);
    for provider in providers {
        let evidence = provider["evidence"].as_array().unwrap().len() as u64;
        for rule in provider["rules"].as_array().unwrap() {
            assert!(rule["evidence"].as_u64().unwrap() < evidence);
        }
    }
    // 44 OCN rules have a single source, which the output shows.
    let ocn = &providers[1];
    let single = |rule: &&Value| {
        let index = usize::try_from(rule["evidence"].as_u64().unwrap()).unwrap();
        ocn["evidence"][index].as_str().unwrap().contains("only this source")
    };
    assert_eq!(ocn["rules"].as_array().unwrap().iter().filter(single).count(), 44);
}

#[test]
fn the_rules_as_text_are_a_rule_file() {
    let text = words("rules").out;
    assert!(text.contains("# v6plus: v6 Plus, 4 rules\n"), "{text}");
    let file = std::env::temp_dir().join(format!("mape-rules-{}", std::process::id()));
    std::fs::write(&file, text).unwrap();
    for prefix in ["240b:10:3261:6400::/56", "2400:4152:be00::/56", "2404:7a86:b5dd:a500::/56"] {
        let own =
            words(&format!("plan --json --provider manual --rules {} {prefix}", file.display()))
                .json();
        let builtin = words(&format!("plan --json {prefix}")).json();
        assert_eq!(own["rule"]["source"], "file");
        for key in ["ipv4", "psid", "port_ranges", "ce", "br", "mtu", "end_user_prefix"] {
            assert_eq!(own[key], builtin[key], "{key} of {prefix}");
        }
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn help_and_version() {
    for (arguments, part) in [
        ("--help", "Commands:"),
        ("-h", "Commands:"),
        ("help", "Commands:"),
        ("plan --help", "--uplink-mtu"),
        ("plan -h", "Examples:"),
        ("rules --help", "rule file"),
        ("status --help", "Usage:"),
        ("doctor --help", "Usage:"),
        ("ports --help", "Usage:"),
        ("detect --help", "Usage:"),
        ("import --help", "Usage:"),
        ("forward --help", "mape_forward"),
        ("firewall --help", "Usage:"),
        ("up --help", "Usage:"),
    ] {
        let called = words(arguments);
        assert_eq!((called.status, called.err.as_str()), (ExitStatus::Fine, ""));
        assert!(called.out.contains(part), "{arguments}: {}", called.out);
        assert!(called.out.lines().all(|line| line.chars().count() <= 80), "{arguments}");
    }
    assert_eq!(words("--version").out, format!("mape-proto {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(words("-V").out, words("--version").out);
    assert_eq!(words("help ports").out, words("ports --help").out);
}

/// Every example of the help text works.
#[test]
fn the_examples_of_the_help_text() {
    let help = words("plan --help").out.replace("\\\n", "");
    let examples: Vec<&str> =
        help.lines().filter_map(|line| line.strip_prefix("  mape-proto ")).collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        let (example, _) = example.split_once(" | ").unwrap_or((example, ""));
        assert_eq!(words(example).status, ExitStatus::Fine, "{example}");
    }
}

/// A reader that goes away is no reason to panic.
#[test]
fn a_closed_pipe_is_no_panic() {
    let (reader, writer) = UnixStream::pair().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_mape-proto"))
        .arg("rules")
        .stdout(OwnedFd::from(writer))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

/// Whether nft has taken the rules cannot be seen there; it is not missing for that.
#[test]
fn a_starter_that_ignores_ended_children_is_named() {
    let directory = std::env::temp_dir().join(format!("mape-unseen-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("wan.json"), forward::STATE).unwrap();
    let mut command = Command::new("env");
    command.args(["--ignore-signal=CHLD", env!("CARGO_BIN_EXE_mape-proto"), "firewall"]);
    command.args(["--nft-program", "true"]);
    for option in ["--state-dir", "--root", "--device-dir"] {
        command.arg(option).arg(&directory);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("SIGCHLD") && !said.contains("install nftables"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_mape-proto")).arg("rules").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("could not be written"));
}

/// What LuCI gets where it asks what a line is: the verdict, and the plan for its prefix. Its tests
/// read these files.
#[test]
fn a_line_as_the_pages_get_it() {
    use mape_provision::{Answer, LineFacts, Provisioned, detect};

    let elsewhere = "2a00:1:2:300::/56";
    let of = |prefix: &str| LineFacts {
        prefixes: vec![prefix.parse().unwrap()],
        ..LineFacts::default()
    };
    let body = br#"{"order": ["map_e"], "map_e": {"br": "2404:9200:225:100::64", "rules":
        [{"ipv6": "2a00:1::/32", "ipv4": "106.72.0.0/16", "ea_length": 24, "psid_offset": 4}]}}"#;
    let stated = "ipv6=2a00:1::/32,ipv4=106.72.0.0/16,ea=24,br=2404:9200:225:100::64";
    let provisioned = Provisioned::Answer(Box::new(Answer::any(body).unwrap()));
    let s46 = vec![mape_core::parse_rule(stated, mape_core::Layout::Rfc7597).unwrap()];
    for (name, facts, provider) in [
        ("provisioned", LineFacts { provisioned, ..of(elsewhere) }, "auto"),
        ("dhcpv6", LineFacts { s46, ..of(elsewhere) }, "auto"),
        ("nobodys", of(elsewhere), "auto"),
        ("other-provider", of("240b:10:3261:6400::/56"), "ocn"),
        ("table", of("240b:10:3261:6400::/56"), "auto"),
    ] {
        let line: Value = serde_json::from_str(&detect(&facts).to_json()).unwrap();
        assert_valid(&schema("detect"), &line);
        let prefix = line["prefix"].as_str().unwrap();
        let plan = words(&format!("plan --json --provider {provider} {prefix}")).json();
        let got = serde_json::json!({"line": line, "plan": plan});
        golden(&format!("luci/{name}.json"), &format!("{got}\n"));
    }
}
