//! `status --history` on the recorded line.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::process::Command;

use super::recorded::Line;
use super::*;

const FILE: &str = "state/wan.history";

impl Line {
    /// Looks at the line, `seconds` after the machine's start.
    fn look(&self, seconds: u64) -> Value {
        self.write("proc/uptime", &format!("{seconds}.25 1.00\n"));
        let json = self.call("status --history --json").json();
        assert_valid(&schema("history"), &json);
        json["interfaces"][0].clone()
    }
}

#[test]
fn a_day_is_remembered() {
    let line = Line::new("history");
    assert_eq!(line.look(3600)["now"]["tcp"], 26);
    let busy = fs::read(line.0.join("recorded/conntrack")).unwrap();
    line.write("recorded/conntrack", "");
    line.look(7000);
    // The line is lost, and comes back.
    line.netifd(|interface| interface["up"] = false.into());
    line.look(20000);
    line.netifd(|interface| interface["up"] = true.into());
    line.look(20060);
    fs::write(line.0.join("recorded/conntrack"), &busy).unwrap();
    let seen = line.look(20400);
    assert_eq!(
        seen["samples"],
        serde_json::json!([[16800, 26, 12, 3], [13500, 0, 0, 0], [600, 0, 0, 0], [0, 26, 12, 3]])
    );
    assert_eq!((&seen["average"]["tcp"], &seen["peak"]["tcp"]), (&13.into(), &26.into()));
    let events = |seen: &Value| -> Vec<String> {
        let changes = seen["changes"].as_array().unwrap().iter();
        changes.map(|it| format!("{} {}", it["ago"], it["event"].as_str().unwrap())).collect()
    };
    assert_eq!(events(&seen), ["16800 up", "400 down", "340 up"]);
    golden("status/v6plus/history.txt", &line.call("status --history").out);
    golden("status/v6plus/history.json", &line.call("status --history --json").out);
    // Another address, as the file of the line has it now.
    let text = fs::read_to_string(line.0.join(FILE)).unwrap();
    line.write(FILE, &text.replace("106.72.50.97 100", "106.72.50.98 7"));
    assert_eq!(events(&line.look(20500)).last().unwrap(), "0 renumbered");
    // A day after the last look.
    let seen = line.look(20500 + 86400);
    assert_eq!(seen["samples"].as_array().unwrap().len(), 1);
}

/// After a reboot with the old file, and with a clock that is none of ours.
#[test]
fn another_start_begins_again() {
    let line = Line::new("history-start");
    line.look(50_000);
    let seen = line.look(20);
    assert_eq!(seen["samples"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&seen["changes"][0]["ago"], seen["changes"].as_array().unwrap().len()),
        (&0.into(), 1)
    );
    for bad in ["", "x", "1 1 1\n", "\u{0}\n", &"9 9 9 9\n".repeat(9999), "5 up \"\\ \n"] {
        line.write(FILE, bad);
        line.look(100);
    }
    // Without the uptime nothing can be dated, and nothing is written.
    line.remove("proc/uptime");
    line.remove(FILE);
    let json = line.call("status --history --json").json();
    assert_valid(&schema("history"), &json);
    assert!(!line.0.join(FILE).exists());
}

/// The event of an interface that netifd has taken down: its state file is gone.
#[test]
fn an_interface_that_is_no_more_is_down() {
    let line = Line::new("history-gone");
    line.look(3600);
    line.remove("state/wan.json");
    line.write("proc/uptime", "4000.00 1.00\n");
    let env = mape_firewall::Env {
        run: line.0.join("state"),
        proc: line.0.join("proc"),
        devices: line.0.join("sys"),
        kernel: mape_kernel::netlink::Kernel::Recorded(line.0.join("recorded")),
        ..mape_firewall::Env::default()
    };
    line.remove("recorded/netifd.json");
    mape_netifd::status::note(&env);
    let text = fs::read_to_string(line.0.join(FILE)).unwrap();
    assert!(text.ends_with("4000 down 106.72.50.97 100\n"), "{text}");
    mape_netifd::status::forget(&env.run, &"wan".parse().unwrap());
    assert!(!line.0.join(FILE).exists());
}

/// `status` of a user who may only look.
#[test]
fn who_may_only_look_writes_nothing() {
    let line = Line::new("history-look");
    if fs::metadata(&line.0).unwrap().uid() != 0 {
        println!("needs root, to be another user");
        return;
    }
    let state = line.0.join("state");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    let look = |user: &str, words: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
        let program = std::env::temp_dir().join(format!("mape-look-{}", std::process::id()));
        fs::copy(env!("CARGO_BIN_EXE_mape-proto"), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let output = command.arg(&program).args(line.arguments(words)).output();
        let output = output.unwrap();
        fs::remove_file(program).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{user}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let seen = look("65534", "status --history --json");
    assert_eq!(seen["interfaces"][0]["samples"], serde_json::json!([]));
    let unknown = look("65534", "status --json")["interfaces"][0]["unknown"].to_string();
    assert!(!unknown.contains("peaks"), "{unknown}");
    assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
    chown(&state, Some(65534), Some(65534)).unwrap();
    look("65534", "status --json");
    assert!(line.0.join(FILE).exists());
}
