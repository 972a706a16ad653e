//! `cargo xtask bench`: measures figures side by side in one run. They are printed, not asserted.

mod count;
mod musl;
mod poll;
mod program;
mod rates;
mod router;
mod setup;

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

/// A bench: prints its figures, and returns them for the file.
type Measure = fn() -> anyhow::Result<Value>;

/// `cargo xtask bench [--json FILE]`, `bench count`, `bench poll`, or `bench setup …`
///
/// # Errors
///
/// An argument is wrong, or the file cannot be written. A bench that cannot run on this machine is
/// reported and left out.
pub(crate) fn command(words: &[&str]) -> anyhow::Result<()> {
    let file = match words {
        ["setup", rest @ ..] => return setup::command(rest),
        ["count"] => return count::measure().map(drop),
        ["poll"] => return poll::measure().map(drop),
        [] => None,
        ["--json", file] => Some(Path::new(file)),
        _ => bail!(
            "usage: cargo xtask bench [count | poll | setup --upstream|--rootfs DIRECTORY] \
             [--json FILE]"
        ),
    };
    let parts: [(&str, Measure); 5] = [
        ("program", program::measure),
        ("poll", poll::measure),
        ("veth", rates::on_this_kernel),
        ("count", count::measure),
        ("musl", musl::measure),
    ];
    let mut figures = Map::new();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    figures.insert("kernel".to_owned(), json!(kernel.trim()));
    for (name, measure) in parts {
        let figure = measure().unwrap_or_else(|error| {
            println!("NOT RUN: {error:#}");
            json!({ "not_run": format!("{error:#}") })
        });
        figures.insert(name.to_owned(), figure);
        println!();
    }
    if let Some(file) = file {
        let text = format!("{:#}\n", Value::Object(figures));
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
