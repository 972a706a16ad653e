//! `watch` goes on with a newer version of the program when SIGUSR1 asks for it.
#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "its scripts are for other tests")]
#[path = "../../../tests/support/scratch.rs"]
mod scratch;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scratch::Scratch;

#[test]
fn a_process_that_watches_runs_the_new_file() {
    let name = format!("mape-renewal-{}", std::process::id());
    let directory = Scratch::of(std::env::temp_dir().join(name));
    fs::create_dir_all(&*directory).unwrap();
    let program = directory.join("mape-proto");
    fs::copy(env!("CARGO_BIN_EXE_mape-proto"), &program).unwrap();

    let (config, state) = (directory.join("mape-rs.conf"), directory.join("state"));
    fs::write(&config, "").unwrap();
    let mut watch = Command::new(&program);
    watch.args(["watch", "--config"]).arg(&config).arg("--state-dir").arg(&state);
    // Without `ip` it only says so, and waits.
    watch.env("PATH", directory.join("none")).stderr(Stdio::piped());
    let mut child = watch.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("ip"), "{first}");

    // As a package manager does: another file takes the name.
    let new = directory.join("new");
    fs::write(&new, "#!/bin/sh\necho \"new: $*\" >&2\n").unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&new, &program).unwrap();
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGUSR1).unwrap();

    let renewed = lines.map(Result::unwrap).find(|line| line.starts_with("new: "));
    let (config, state) = (config.display(), state.display());
    let expected = format!("new: watch --config {config} --state-dir {state}");
    assert_eq!(renewed, Some(expected));
    // It was this very process that ran it.
    assert!(child.wait().unwrap().success());
}
