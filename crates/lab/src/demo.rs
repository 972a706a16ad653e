//! `cargo xtask demo`: sets up MAP-E lines on a real kernel and uses every port.
//!
//! `tests/vm/demo.sh` does the work in the VM. This module boots it and turns its events into a
//! report for a terminal or a file.

mod picture;
mod recording;
mod report;

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::kernel::Kernel;
use crate::vm::Vm;
use host_tools::tools;
use recording::Recorder;
use report::Report;

/// Ten times what two busy cores need. The limit only ends a machine that hangs.
const LIMIT: Duration = Duration::from_secs(900);

/// `cargo xtask demo [--kernel NAME] [--recording FILE]`. The recording is an SVG file.
///
/// # Errors
///
/// An argument is wrong, the lab is not available, or a step of the demonstration failed.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    // Debian's own kernel is there in seconds; a kernel as a program has to be built first.
    let (mut kernel, mut recording, mut rest) = ("6.12", None, words);
    while let [option, value, more @ ..] = rest {
        match *option {
            "--kernel" => kernel = value,
            "--recording" => recording = Some(*value),
            _ => break,
        }
        rest = more;
    }
    if !rest.is_empty() {
        bail!("usage: cargo xtask demo [--kernel NAME] [--recording FILE]");
    }
    let started = Instant::now();
    // Everything that prints for itself runs before the report begins.
    crate::prepare()?;
    eprintln!("preparing a kernel and the programs for it (the first time takes some minutes)");
    let kernel = Kernel::obtain(kernel)?;
    let mut files = crate::initramfs(&kernel, &host_tools::steps::root().join("tests/vm"))?;
    files.add_file("usr/bin/mape-proto", 0o755, &tools::build_static("mape-proto")?)?;

    let terminal = recording.is_some() || std::io::stdout().is_terminal();
    let colours = recording.is_some() || terminal && std::env::var_os("NO_COLOR").is_none();
    let mut recorder = Recorder::new(std::io::stdout().lock());
    let mut report = Report::new(&mut recorder, terminal, colours);
    report.title("mape-rs: a MAP-E line on a real kernel, every port of it in use")?;
    report.step("a virtual machine boots, no KVM")?;
    let vm = Vm::boot(&kernel, files, "exec sh ./demo.sh\n", LIMIT)?;
    let mut broken = Ok(());
    let ended = vm.finish(|line| {
        if broken.is_ok() {
            broken = report.line(line);
        }
    });
    broken?;
    let passed = report.finish(ended?, started.elapsed())?;
    if !passed {
        bail!("the demonstration failed");
    }
    if let Some(file) = recording {
        std::fs::write(file, recorder.svg())
            .with_context(|| format!("{file} cannot be written"))?;
    }
    Ok(())
}
