//! The program's entry point; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    mape_proto::run(arguments, &mut std::io::stdout(), &mut std::io::stderr()).into()
}
