//! Our own handler declares itself by the stand-in's netifd-proto.sh as by the real one: the answer
//! expected here was compared with that of netifd's own file.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../../tests/support/executable.rs"]
mod executable;

use std::fs;
use std::path::Path;
use std::process::Command;

use executable::executable;
use serde_json::{Value, json};

/// A program that does not run on this processor would die in each attempt.
#[test]
fn a_helper_that_dies_is_started_again_after_five_seconds() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory =
        std::env::temp_dir().join(format!("netifd-stand-in-dies-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let program = |name: &str, text: &str| {
        let path = directory.join(name);
        executable(&path, &format!("#!/bin/sh\n{text}\n"));
        path.to_str().unwrap().to_owned()
    };
    let times = directory.join("times").to_str().unwrap().to_owned();
    let slept = directory.join("slept");
    let seen = directory.join("seen").to_str().unwrap().to_owned();
    // It dies twice, and then ends as it does where an event will tell.
    let helper = program(
        "helper",
        &format!(
            "echo x >> {times}\ntr '\\0' ' ' </proc/$PPID/cmdline >{seen}\necho \"$* $(cat) ${{MAPE_OPTIONS-}}\" >>{seen}\n[ $(wc -l < {times}) -gt 2 ] && exit 3\nkill -ILL $$"
        ),
    );
    program("sleep", &format!("echo $1 >> {}", slept.to_str().unwrap()));
    let handler = fs::read_to_string(own.join("../../files/lib/netifd/proto/mape.sh")).unwrap();
    let handler = handler.replace("/usr/sbin/mape-proto", &helper);
    fs::write(directory.join("mape.sh"), handler).unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let done = Command::new("sh")
        .args(["./mape.sh", "mape", "setup", "wan", r#"{"provisioning_password":"S3cret"}"#])
        .env("PATH", path)
        .current_dir(&directory)
        .output()
        .unwrap();
    let slept = fs::read_to_string(slept).unwrap();
    let seen = fs::read_to_string(&seen).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    assert_eq!((done.status.code(), slept.as_str()), (Some(3), "5\n5\n"));
    // What others can see of the two, and then what the program is given.
    let given = "setup wan {\"provisioning_password\":\"S3cret\"} \n";
    assert_eq!(seen, format!("/bin/sh ./mape.sh mape setup wan {given}"));
    let log = String::from_utf8_lossy(&done.stdout);
    assert_eq!(log.matches("died of signal 4;").count(), 2, "{log}");
}

#[test]
fn our_handler_declares_itself() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory =
        std::env::temp_dir().join(format!("netifd-stand-in-shell-{}", std::process::id()));
    fs::create_dir_all(directory.join("proto")).unwrap();
    // The machine that tests has no /lib/functions.sh.
    let handler = fs::read_to_string(own.join("../../files/lib/netifd/proto/mape.sh")).unwrap();
    let functions = own.join("root/lib/functions.sh");
    let handler = handler.replace("/lib/functions.sh", functions.to_str().unwrap());
    fs::write(directory.join("proto/mape.sh"), handler).unwrap();
    fs::copy(own.join("root/lib/netifd/netifd-proto.sh"), directory.join("netifd-proto.sh"))
        .unwrap();
    let dump = Command::new("sh")
        .args(["./mape.sh", "", "dump"])
        .current_dir(directory.join("proto"))
        .output();
    fs::remove_dir_all(&directory).unwrap();
    let dump = dump.unwrap();
    assert_eq!(String::from_utf8_lossy(&dump.stderr), "");
    let mut dump: Value = String::from_utf8_lossy(&dump.stdout).parse().unwrap();
    let options = dump.as_object_mut().unwrap().remove("config").unwrap();
    let options = options.as_array().unwrap();
    assert!(
        options.contains(&json!(["tunlink", 3]))
            && options.contains(&json!(["reserved_ports:list(string)", 1]))
    );
    let expected = json!({"name": "mape", "no-device": true, "no-device-config": false, "no-proto-task": true,
        "available": true, "renew-handler": true, "restart-handler": false, "lasterror": true,
        "teardown-on-l3-link-down": false});
    assert_eq!(dump, expected);
}
