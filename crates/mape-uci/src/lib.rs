//! UCI, read outside netifd: packages of typed sections with options and lists.
//!
//! One reader for a router's own configuration and for a copy of one (a backup on another machine).
//! It reads what `uci export` would print: `/etc/config/NAME`, or the file of that name in
//! `/var/run/uci`, which newer releases prefer, with the uncommitted changes in `/tmp/.uci` laid
//! over it. It never writes: changes go through the `uci` program. Why not libuci:
//! docs/decisions/0007-own-uci-reader.md.

mod delta;
mod directories;
mod error;
mod lexer;
mod package;
mod parse;

pub use directories::{CHANGES, CONFIG, Directories};
pub use error::UciError;
pub use lexer::quoted;
pub use package::{Package, Section, Sections, Value, Words, switch};
