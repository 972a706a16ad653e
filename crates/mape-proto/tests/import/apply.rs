//! `--apply`: that one section, once, and back again.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

const CASES: [(&str, &str); 7] = [
    ("guide-v6plus", "wan_mape"),
    ("forgotten-legacymap", "mape"),
    ("own-rule", "lab"),
    ("rules-as-text", "mape"),
    ("fleth", "wanfleth"),
    ("another-mape", "mape"),
    ("ipip6", "tun"),
];

/// OpenWrt's own `uci`, where there is one.
fn real_uci(router: &Router) -> bool {
    let Some(program) = std::env::var_os("MAPE_UCI").map(PathBuf::from) else { return false };
    let library = program.parent().unwrap().display();
    let program = program.display();
    router.program("uci", &format!("#!/bin/sh\nLD_LIBRARY_PATH={library} exec {program} \"$@\"\n"));
    true
}

/// Runs commands as a person would type them.
fn type_in(router: &Router, commands: &[Value]) {
    let (root, uci) = (router.root.display(), router.tools.join("uci"));
    let mut batch = String::new();
    for command in commands {
        let command = command.as_str().unwrap().strip_prefix("uci ").unwrap();
        batch.push_str(command);
        batch.push('\n');
    }
    for (arguments, input) in [("batch", batch.as_str()), ("commit network", "")] {
        let mut child = Command::new(&uci)
            .args(["-c", &format!("{root}/etc/config"), "-t", &format!("{root}/tmp/.uci")])
            .args(arguments.split(' '))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }
    router.commit();
}

#[test]
fn one_section_is_changed_once_and_comes_back() {
    for (case, interface) in CASES {
        let router = Router::of_case(&format!("apply-{case}"), case);
        let real = real_uci(&router);
        let (before, files) = (router.package(), router.files());
        let planned = router.import(&format!("{interface} --json")).json();
        assert_eq!(router.files(), files, "{case}: without --apply nothing is touched");

        let called = router.import(&format!("{interface} --apply --json"));
        let done = called.json();
        assert!(done["applied"].as_bool().unwrap() && !planned["applied"].as_bool().unwrap());
        assert_eq!((&done["commands"], &done["undo"]), (&planned["commands"], &planned["undo"]));
        assert_eq!(done["next"], format!("ifup {interface}").as_str());
        if !real {
            assert_eq!(router.log(), "batch\ncommit network\n");
        }
        router.commit();
        let after = router.package();
        assert_eq!(after.section(interface).unwrap().get("proto"), Some("mape"));
        let backup = after.section(&format!("{interface}_before_mape")).unwrap();
        assert_eq!(backup.options(), before.section(interface).unwrap().options(), "{case}");
        assert_ne!(backup.kind(), "interface");
        let others = |package: &Package| {
            let mine = |name: &str| name.starts_with(interface);
            package.sections().iter().filter(|it| !mine(it.name())).cloned().collect::<Vec<_>>()
        };
        assert_eq!(others(&after), others(&before), "{case}");
        let other_files = |files: Vec<(PathBuf, Vec<u8>)>| {
            let network =
                |path: &PathBuf| path.ends_with("config/network") || path.ends_with(".uci/network");
            files.into_iter().filter(|(path, _)| !network(path)).collect::<Vec<_>>()
        };
        assert_eq!(other_files(router.files()), other_files(files), "{case}");

        // Again: nothing is left to do.
        let network = fs::read(router.root.join("etc/config/network")).unwrap();
        let again = router.import(&format!("{interface} --apply --json")).json();
        assert_eq!(
            (again["commands"].to_string(), &again["applied"]),
            ("[]".to_owned(), &false.into())
        );
        // Where the prefix does not stand in what was replaced.
        if !again["plan"].is_null() {
            assert_eq!(again["plan"], done["plan"], "{case}");
        }
        assert_eq!(fs::read(router.root.join("etc/config/network")).unwrap(), network);

        // And back.
        type_in(&router, done["undo"].as_array().unwrap());
        let back = router.package();
        let sorted = |package: &Package| {
            let mut options = package.section(interface).unwrap().options().to_vec();
            options.sort_by(|one, other| one.0.cmp(&other.0));
            options
        };
        assert_eq!(sorted(&back), sorted(&before), "{case}");
        assert_eq!(back.sections().len(), before.sections().len());
    }
}

#[test]
fn values_survive_whatever_they_hold() {
    let router = Router::new("values");
    if !real_uci(&router) {
        eprintln!("the stand-in reads values in one line only; MAPE_UCI names the real uci");
    }
    let name = if std::env::var_os("MAPE_UCI").is_some() {
        "it'\\''s\n$(reboot) \"x\" `y` \\"
    } else {
        "it'\\''s $(reboot) \"x\" `y` \\"
    };
    router.network(&format!(
        "config interface 'wan6'\n\toption proto 'dhcpv6'\n\nconfig interface 'f'\n\
         \toption proto 'fleth'\n\toption weakif '{name}'\n\tlist dns '192.0.2.1'\n\tlist dns '192.0.2.2'\n"
    ));
    let before = router.package();
    let called = router.import("f --apply --json");
    assert_eq!(called.status, ExitStatus::Fine, "{}", called.out);
    router.commit();
    let after = router.package();
    let backup = after.section("f_before_mape").unwrap();
    assert_eq!(backup.options(), before.section("f").unwrap().options());
    assert_eq!(after.section("f").unwrap().get("weakif"), None);
    assert_eq!(after.section("f").unwrap().list("dns").count(), 2);
}

#[test]
fn an_older_backup_makes_room() {
    let router = Router::new("backup");
    real_uci(&router);
    router.network(
        "config interface 'f'\n\toption proto 'fleth'\n\nconfig mape_backup 'f_before_mape'\n\
         \toption proto 'map'\n\toption old '1'\n",
    );
    assert_eq!(router.import("f --apply").status, ExitStatus::Fine);
    router.commit();
    let after = router.package();
    let backup = after.section("f_before_mape").unwrap();
    assert_eq!((backup.get("proto"), backup.get("old")), (Some("fleth"), None));
}

/// They would be committed with ours.
#[test]
fn changes_of_others_are_in_the_way() {
    let router = Router::of_case("pending", "twice");
    let files = router.files();
    let called = router.import("mape --apply");
    assert_eq!((called.status, called.out.as_str()), (ExitStatus::Failed, ""));
    assert!(
        called.err.contains("MAPE_UCI") && called.err.contains("uci changes network"),
        "{}",
        called.err
    );
    assert_eq!((router.files(), router.log()), (files, String::new()));
}

#[test]
fn a_uci_that_fails_changes_nothing() {
    for (script, part) in [
        ("#!/bin/sh\necho 'uci: I/O error' >&2; exit 1\n", "I/O error"),
        // Skips a command, as `uci batch` does with a line that it refuses.
        (
            "#!/bin/sh\nwhile [ $# -gt 1 ]; do [ \"$1\" = -t ] && at=$2; shift; done\ncase $1 in\nbatch) head -n 3 | sed 's/^set //' > $at/network ;;\nnetwork) rm -f $at/network ;;\nesac\n",
            "not as it was meant",
        ),
        ("", "cannot change"),
    ] {
        let router = Router::of_case("failing", "guide-v6plus");
        fs::create_dir_all(router.root.join("tmp/.uci")).unwrap();
        let files = router.files();
        if script.is_empty() {
            fs::remove_file(router.tools.join("uci")).unwrap();
        } else {
            router.program("uci", script);
        }
        let called = router.import("wan_mape --apply");
        assert_eq!((called.status, called.out.as_str()), (ExitStatus::Failed, ""), "{part}");
        assert!(called.err.contains(part), "{part}: {}", called.err);
        assert_eq!(router.files(), files, "{part}");
    }
}

#[test]
fn a_list_that_became_a_value_comes_back_as_a_list() {
    let router = Router::new("list");
    real_uci(&router);
    router.network(
        "config interface 'x'\n\toption proto 'map'\n\toption peeraddr '2001:db8:ffff::1'\n\
         \tlist ipaddr '192.0.2.7'\n\toption ip4prefixlen '24'\n\toption ip6prefix '2001:db8::'\n\
         \toption ip6prefixlen '40'\n\toption ealen '16'\n",
    );
    let before = router.package();
    let done = router.import("x --apply --json").json();
    router.commit();
    assert_eq!(router.package().section("x").unwrap().get("ipaddr"), Some("192.0.2.0"));
    type_in(&router, done["undo"].as_array().unwrap());
    let list = |package: &Package| {
        package.section("x").unwrap().options().iter().find(|it| it.0 == "ipaddr").cloned()
    };
    assert_eq!(list(&router.package()), list(&before));
}
