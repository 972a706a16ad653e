//! See the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    match netifd_stand_in::run(std::env::args().collect()) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("netifd-stand-in: {error:#}");
            ExitCode::FAILURE
        }
    }
}
