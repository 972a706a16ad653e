//! The program's entry point; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let terminals = mape_proto::terminals();
    mape_proto::run(arguments, terminals, &mut std::io::stdout(), &mut std::io::stderr()).into()
}
