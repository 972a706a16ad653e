//! A loader that is killed leaves an nft that still works: the next loader waits for it. The nft
//! here is a script, so no kernel has to take any rules.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::executable::executable;

fn loader(directory: &Path) -> Command {
    let mut loader = Command::new(env!("CARGO_BIN_EXE_mape-proto"));
    let below = |name: &str| directory.join(name);
    loader.arg("firewall").arg("--state-dir").arg(below("state"));
    loader.arg("--device-dir").arg(below("devices")).arg("--root").arg(below("root"));
    loader.arg("--nft-program").arg(below("nft")).stdout(Stdio::null()).stderr(Stdio::null());
    loader
}

#[test]
fn an_nft_whose_loader_was_killed_does_not_overtake_the_next_one() {
    let directory = std::env::temp_dir().join(format!("mape-orphan-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    for part in ["state", "devices", "root"] {
        std::fs::create_dir_all(directory.join(part)).unwrap();
    }
    let log = directory.join("log");
    let text = format!(
        "#!/bin/sh\n[ \"$*\" = '-f -' ] || exit 0\n\
         echo begins >>{log}\ncat >/dev/null\nsleep 1\necho ends >>{log}\n",
        log = log.display()
    );
    executable(&directory.join("nft"), &text);
    let has_begun = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("begins"));

    let mut killed = loader(&directory).spawn().unwrap();
    let start = Instant::now();
    while !has_begun() {
        assert!(start.elapsed() < Duration::from_secs(20), "nft is not run");
        sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(loader(&directory).status().unwrap().success());
    let order = std::fs::read_to_string(&log).unwrap();
    assert_eq!(order, "begins\nends\nbegins\nends\n");
    std::fs::remove_dir_all(&directory).unwrap();
}
