//! `cargo xtask COMMAND`: everything a developer or CI runs on this repository.
//!
//! One file per command; a command returns an error instead of exiting, so that the caller can
//! report every failure and not only the first.

mod lab;
mod packages;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  test [--long]   install what is missing and run every test
  lab [--kernel 6.1|6.12] SCRIPT [ARGUMENT...]
                  boot a Debian kernel and run a script of tests/vm in it
  lab --self-test test the lab itself
  help            this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result: anyhow::Result<()> = match words.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["lab", rest @ ..] => lab::command(rest),
        _ => Err(anyhow::anyhow!(
            "unknown command {words:?}; `cargo xtask help` lists them"
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
