//! The words of plain Linux, as far as they change nothing. `ip` is asked, so it must be there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::scratch::Scratch;

pub(super) const PREFIX: &str = "240b:10:3261:6400::/56";
pub(super) const CE: &str = "240b:10:3261:6400:6a:4832:6100:6400";

/// A directory with a configuration; its uplink is the one device that every machine has.
fn configured(name: &str, text: &str) -> (PathBuf, String, String) {
    let directory = std::env::temp_dir().join(format!("mape-linux-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join("conf");
    fs::write(&file, text).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    (directory.clone(), path(&file), path(&directory.join("state")))
}

#[test]
fn a_dry_run_prints_the_whole_script() {
    let text = format!("uplink lo\nprefix {PREFIX}\nmtu 1460\ninput_chain inet filter input\n");
    let machine = Machine::new("dry", &text);
    let (status, out) = machine.call(&["up", "--dry-run"]);
    assert_eq!(status, 0, "{out}");
    let mut at = 0;
    for part in [
        "# wan: 240 ports of 106.72.50.97 through mape-wan on lo\n",
        &format!("address add {CE}/128 dev lo nodad preferred_lft 0\n"),
        "link add mape-wan mtu 1460 type ip6tnl mode ipip6 ",
        "nft -f - <<'EOF'\n",
        "snat ip to 106.72.50.97:16384-16623",
        "link set mape-wan up\n",
        "route add default dev mape-wan metric 512\n",
        "insert rule inet filter input ip6 saddr 2404:9200:225:100::64 ",
    ] {
        let found = out[at..].find(part);
        at += found.unwrap_or_else(|| panic!("{part:?} is not behind {at} in {out}"));
    }
    shell_reads(&out);
    // Without its rules nothing is opened.
    let run =
        format!("ip() {{ cat; }}\nnft() {{ cat >/dev/null; return 1; }}\n{out}\necho went on");
    let output = Command::new("sh").args(["-c", &run]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("link add mape-wan") && !said.contains("link set mape-wan up"), "{said}");
    assert!(!output.status.success());
    assert!(!Path::new(&machine.state).exists(), "a dry run leaves files");
}

#[test]
fn a_line_that_is_down_says_so() {
    let (directory, file, state) = configured("down", &format!("uplink lo\nprefix {PREFIX}\n"));
    let called = call(&["status", "--config", &file, "--state-dir", &state]);
    assert_eq!((called.status, called.err.as_str()), (ExitStatus::Failed, ""));
    assert!(called.out.starts_with("wan: down\n"), "{}", called.out);
    let json = call(&["status", "--json", "--config", &file, "--state-dir", &state]).json();
    assert_valid(&schema("linux-status"), &json);
    assert_eq!(json["state"], "down");
    assert_eq!(json["problems"].as_array().unwrap().len(), 1);
    let doctor = call(&["doctor", "--config", &file, "--state-dir", &state]);
    assert_eq!(doctor.status, ExitStatus::Failed);
    assert!(doctor.out.contains("ok    uplink: 240b:10:3261:6400::/56"), "{}", doctor.out);
    assert!(doctor.out.contains("FAIL  line: the line is not up."), "{}", doctor.out);
    let called = call(&["doctor", "--json", "--config", &file, "--state-dir", &state]);
    assert_eq!((called.status, called.err.as_str()), (ExitStatus::Failed, ""));
    let json = called.json();
    assert_valid(&schema("linux-doctor"), &json);
    let checks = json["checks"].as_array().unwrap();
    // The same in the same order as the text.
    let lines: Vec<&str> = doctor.out.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(checks.len(), lines.len());
    for (check, line) in checks.iter().zip(lines) {
        assert_eq!(check["fine"], line.starts_with("ok "), "{line}");
        assert!(line.contains(check["message"].as_str().unwrap()), "{line}");
    }
    assert_eq!(
        (json["fine"].as_bool(), &checks[1]["check"], &checks[1]["hint"]),
        (Some(false), &"line".into(), &"run mape-proto up".into())
    );
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn errors_are_reported_before_any_change() {
    for (text, code, part) in [
        ("uplink nosuch0", "MAPE_TUNLINK_UNKNOWN", "no device nosuch0"),
        ("uplink lo", "MAPE_NO_IPV6_YET", "lo has no global IPv6 prefix yet"),
        ("uplink lo\nprefix 2409:10:1234:5600::/56", "MAPE_PREFIX_NOT_IN_RULES", "transix"),
        ("uplnk lo", "MAPE_OPTION_INVALID", "line 1"),
        ("rules_file /nonexistent\nuplink lo\nprefix ::/56", "MAPE_OPTION_INVALID", "/nonexistent"),
    ] {
        let (directory, file, state) = configured("wrong", text);
        for word in ["up", "status"] {
            let called = call(&[word, "--config", &file, "--state-dir", &state]);
            let said = called.err + &called.out;
            assert!(said.contains(part), "{word} {text}: {said}");
            assert!(word != "up" || said.contains(&format!("code: {code}\n")), "{text}: {said}");
        }
        assert!(!Path::new(&state).exists(), "{text}");
        fs::remove_dir_all(directory).unwrap();
    }
    // Without a plan there is one check, and it says what `up` says.
    let (directory, file, state) = configured("no-uplink", "uplink nosuch0");
    let json = call(&["doctor", "--json", "--config", &file, "--state-dir", &state]).json();
    assert_valid(&schema("linux-doctor"), &json);
    assert_eq!(json["checks"].as_array().unwrap().len(), 1);
    assert_eq!(json["checks"][0]["message"], "there is no device nosuch0");
    fs::write(&file, "uplnk lo").unwrap();
    let json = call(&["doctor", "--json", "--config", &file, "--state-dir", &state]).json();
    assert_valid(&schema("error"), &json);
    fs::remove_dir_all(directory).unwrap();
    for bad in ["up x", "down --dry-run", "up --json", "watch --json", "up --config"] {
        assert_eq!(words(bad).status, ExitStatus::Usage, "{bad}");
    }
    for word in ["up", "down", "status", "doctor", "watch"] {
        let help = words(&format!("{word} --help")).out;
        assert!(help.contains("/etc/mape-rs.conf"));
        assert!(help.lines().all(|line| line.chars().count() <= 80));
    }
}

#[test]
fn a_call_waits_for_what_a_killed_one_has_started() {
    let (directory, file, state) = configured("killed", "uplink lo\n");
    let ip = directory.join("ip");
    // The first call of it is slow; a later one says whether that had come to its end.
    let script = format!(
        "#!/bin/sh\ncd {}\nif [ ! -e started ]; then : >started; sleep 1; : >ended; exit 1; fi\n\
         [ ! -e ended ] || : >right\nexit 1\n",
        directory.display()
    );
    executable(&ip, &script);
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let up = || {
        let mut up = Command::new(env!("CARGO_BIN_EXE_mape-proto"));
        up.args(["up", "--config", &file, "--state-dir", &state]).env("PATH", &path);
        up
    };
    let mut first = up().spawn().unwrap();
    while !directory.join("started").exists() {
        std::thread::yield_now();
    }
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!up().output().unwrap().status.success());
    assert!(directory.join("right").exists(), "the second call did not wait");
    fs::remove_dir_all(directory).unwrap();
}

/// A machine of two scripts: `ip` answers with the lists it is given and records the changes,
/// nft has no rules and accepts everything.
pub(super) struct Machine {
    pub(super) directory: Scratch,
    pub(super) file: String,
    state: String,
}

impl Machine {
    pub(super) fn new(name: &str, text: &str) -> Self {
        let (directory, file, state) = configured(name, text);
        let script = "#!/bin/sh\ncd \"${0%/*}\"\ncase \"$*\" in\n\
             *batch*) cat >>ran ;;\n*address*) cat devices ;;\n\
             *-6*) cat routes6 ;;\n*) cat routes4 ;;\nesac\n";
        executable(&directory.join("ip"), script);
        executable(
            &directory.join("nft"),
            "#!/bin/sh\ncase $1 in --json) echo '{\"nftables\": []}' ;; esac\ncat >/dev/null\n",
        );
        let machine = Self { directory: Scratch::of(directory), file, state };
        machine.has("devices", r#"{"ifname":"lo","mtu":65536}"#);
        machine.has("routes6", "");
        machine.has("routes4", "");
        machine
    }

    /// The elements of one of the lists that `ip` prints.
    pub(super) fn has(&self, list: &str, elements: &str) {
        fs::write(self.directory.join(list), format!("[{elements}]")).unwrap();
    }

    /// Status and everything said.
    pub(super) fn call(&self, words: &[&str]) -> (i32, String) {
        self.run(&[words, &["--config", &self.file, "--state-dir", &self.state]].concat())
    }

    /// The same without its files.
    pub(super) fn run(&self, words: &[&str]) -> (i32, String) {
        let path = format!("{}:{}", self.directory.display(), std::env::var("PATH").unwrap());
        let mut program = Command::new(env!("CARGO_BIN_EXE_mape-proto"));
        let output = program.args(words).env("PATH", path).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }
}

/// The kernel shows a route up to half a minute after its end.
#[test]
fn a_route_that_has_expired_is_none() {
    let machine = Machine::new("expired", "");
    let expired = r#"{"dst":"default","gateway":"fe80::1","dev":"lo","metric":1,"expires":-2},
        {"dst":"2001:db8:5::/64","dev":"lo","metric":256,"expires":-2}"#;
    machine.has("routes6", expired);
    assert_eq!(machine.call(&["down"]), (0, "wan: down already\n".to_owned()));
    let (status, said) = machine.call(&["up"]);
    assert!(status == 1 && said.contains("there is no IPv6 default route yet"), "{said}");
    machine.has("routes6", &expired.replace("-2", "0"));
    let (_, said) = machine.call(&["up"]);
    assert!(said.contains("2001:db8:5::/64"), "{said}");
    assert_eq!(machine.directory.ran(), "");
}

/// As a journal of the line says.
fn left_behind(machine: &Machine, name: &str) -> PathBuf {
    let state = Path::new(&machine.state);
    fs::create_dir_all(state).unwrap();
    let journal = state.join(format!("{name}.linux"));
    let text = format!(
        r#"{{"schema":1,"file":"{}","line":null,"owned":[{{"device":"lo","address":"{CE}"}}],"chains":[]}}"#,
        machine.file
    );
    fs::write(&journal, text).unwrap();
    let there = format!(
        r#"{{"ifname":"lo","mtu":65536,"addr_info":[{{"local":"{CE}","prefixlen":128}}]}},
        {{"ifname":"mape-{name}","linkinfo":{{"info_kind":"ip6tnl"}}}}"#
    );
    machine.has("devices", &there);
    journal
}

/// Stopping the service runs `down`, and so does removing the package: nothing else removes the
/// line.
#[test]
fn a_mistake_in_the_configuration_does_not_stop_down() {
    for text in ["uplnk lo\n", "interface wan\nmetric x\n", "interface = a/b\n", "interface new\n"]
    {
        let machine = Machine::new("mistake", text);
        let journal = left_behind(&machine, "wan");
        let (status, said) = machine.call(&["down"]);
        assert!(status == 0 && said.starts_with("wan: down\n"), "{text}: {said}");
        assert_eq!(
            machine.directory.ran(),
            format!("link delete mape-wan\naddress delete {CE}/128 dev lo\n")
        );
        assert!(!journal.exists(), "{text}");
    }
    // The journal of another file's line is not asked for.
    let machine = Machine::new("mistake", "interface new\nuplnk\n");
    let journal = left_behind(&machine, "wan");
    fs::write(&journal, fs::read_to_string(&journal).unwrap().replace("/conf", "/other")).unwrap();
    assert_eq!(machine.call(&["down"]), (0, "new: down already\n".to_owned()));
    assert!(journal.exists());
    // Nothing tells what the line is.
    for text in ["interface a/b\n", ""] {
        fs::write(&machine.file, text).unwrap();
        if text.is_empty() {
            fs::remove_file(&machine.file).unwrap();
        }
        let (status, said) = machine.call(&["down"]);
        assert!(status == 2 && said.contains("code: MAPE_"), "{said}");
    }
    assert_eq!(machine.directory.ran(), "");
}

#[test]
fn a_line_that_was_renamed_is_taken_down_first() {
    let machine = Machine::new("renamed", &format!("interface new\nuplink lo\nprefix {PREFIX}\n"));
    left_behind(&machine, "wan");
    for words in [&["up"][..], &["up", "--dry-run"]] {
        let (status, said) = machine.call(words);
        assert_eq!(status, 2, "{said}");
        assert!(
            said.contains("the line wan has come from this") && said.contains("down first"),
            "{said}"
        );
    }
    // Not in a circle: `up` would refuse.
    let (_, said) = machine.call(&["doctor"]);
    assert!(said.contains("next step: run mape-proto down first"), "{said}");
    assert_eq!(machine.call(&["down"]), (0, "wan: down\nnew: down already\n".to_owned()));
}

/// The loader's lock is `firewall.lock`.
#[test]
fn a_line_may_be_called_firewall() {
    let machine = Machine::new("locks", "interface firewall\nuplink lo\n");
    assert_eq!(machine.call(&["down"]), (0, "firewall: down already\n".to_owned()));
}

#[test]
fn files_name_only_their_own_directory() {
    let (directory, ..) = configured("files", "");
    let names = ["mape-wan.interfaces", "mape-wan.nft"];
    let printed = words(&format!("plan --ifupdown --uplink br0 {PREFIX}")).out;
    let place = directory.join("ifupdown");
    let place = place.to_str().unwrap();
    let written = words(&format!("plan --ifupdown --uplink br0 --dir {place} {PREFIX}")).out;
    let mut found: Vec<String> = fs::read_dir(place)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, names);
    let lines: Vec<String> = names.iter().map(|name| format!("{place}/{name}")).collect();
    assert_eq!(written.lines().collect::<Vec<_>>(), lines);
    let mut all = String::new();
    for name in names {
        let text = fs::read_to_string(format!("{place}/{name}")).unwrap();
        all.extend(["# ==> ", name, " <==\n", &text, "\n"]);
    }
    // Printed, they are the same, with the path of the usual directory.
    assert_eq!(printed, all.replace(place, "/etc/mape-rs"));
    assert!(all.contains("br0") && !all.contains("eth0"), "{all}");
    fs::remove_dir_all(directory).unwrap();
}

/// A configuration that was written again for a new prefix finds the tunnel of the old prefix.
#[test]
fn the_script_keeps_its_own_tunnel_and_no_other() {
    let script = words(&format!("plan --sh --uplink br0 {PREFIX}")).out;
    let tunnel = |there: &str| {
        let ip = format!("ip() {{ case $1 in -details) {there} ;; *) echo \"ran $*\" ;; esac; }}");
        let run = format!("{ip}\nnft() {{ cat >/dev/null; }}\nset -- mape_up\n{script}");
        let output = Command::new("sh").args(["-euc", &run]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        (said.contains("ran link delete mape-wan"), said.contains("ran link add mape-wan "))
    };
    let lines = |ce: &str, uplink: &str, mtu: u16| {
        tunnel(&format!(
            "echo '9: mape-wan@br0: <UP> mtu {mtu} qdisc noqueue ip6tnl ipip6 remote 2404:9200:225:100::64 \
             local {ce} dev {uplink} encaplimit none'"
        ))
    };
    assert_eq!(lines(CE, "br0", 1460), (false, false));
    let another = "240b:10:3251:5100:6a:4832:5100:5100";
    for other in [lines(another, "br0", 1460), lines(CE, "br00", 1460), lines(CE, "br0", 1452)] {
        assert_eq!(other, (true, true));
    }
    assert_eq!(tunnel("return 1"), (true, true));
}

/// They are read at a boot, by programs that each have quotes of their own.
#[test]
fn a_directory_is_named_from_the_root_or_refused() {
    let (directory, ..) = configured("relative", "");
    let mut program = Command::new(env!("CARGO_BIN_EXE_mape-proto"));
    program.args(["plan", "--ifupdown", "--dir", "files", PREFIX]).current_dir(&directory);
    assert!(program.output().unwrap().status.success());
    let text = fs::read_to_string(directory.join("files/mape-wan.interfaces")).unwrap();
    let rules = directory.join("files/mape-wan.nft");
    assert!(text.contains(&format!("pre-up nft -f {}\n", rules.display())), "{text}");
    for bad in ["a b", "a%b", "$HOME", "a'b", ""] {
        let place =
            if bad.is_empty() { String::new() } else { format!("{}/{bad}", directory.display()) };
        let called = call(&["plan", "--ifupdown", "--dir", &place, PREFIX]);
        assert_eq!(called.status, ExitStatus::Usage, "{bad}");
        assert!(called.err.contains("code: MAPE_OPTION_INVALID"), "{}", called.err);
    }
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "a refused directory was made");
    fs::remove_dir_all(directory).unwrap();
}

/// nft has another word for `@` in a name.
#[test]
fn what_is_loaded_is_deleted_under_the_same_name() {
    let script = words(&format!("plan --sh --device mape-a@b {PREFIX}")).out;
    let loaded = script.lines().find(|line| line.starts_with("table netdev ")).unwrap();
    let table = loaded.trim_end_matches(" {");
    assert!(script.contains(&format!("\tnft delete {table} 2>/dev/null")), "{table}");
}

#[test]
fn the_script_only_defines_functions_until_one_is_called() {
    let script = words(&format!("plan --sh --uplink br0 {PREFIX}")).out;
    shell_reads(&script);
    // Nothing is run, though a caller's own arguments may be like our words.
    let run =
        format!("ip() {{ echo \"ran $*\"; }}\nnft() {{ cat >/dev/null; }}\nset -- up\n{script}");
    let output = Command::new("sh").args(["-euc", &run]).output().unwrap();
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b""[..], &b""[..]));
    let run = run.replace("set -- up\n", "set -- mape_up\n");
    let output = Command::new("sh").args(["-euc", &run]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with(&format!("ran address replace {CE}/128 dev br0 ")), "{said}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

fn shell_reads(script: &str) {
    let output = Command::new("sh").args(["-n", "-c", script]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
