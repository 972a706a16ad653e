//! What the commands of `cargo xtask` share: steps with a report, the programs and Debian packages
//! of this machine, compilers, and the programs that are built with them.

pub mod compiler;
pub mod debian;
pub mod elf;
pub mod musl;
pub mod npm;
pub mod packages;
pub mod paths;
pub mod steps;
pub mod tools;
