//! Our own handler declares itself by the stand-in's netifd-proto.sh as by the real one: the answer
//! expected here was compared with that of netifd's own file.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

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
