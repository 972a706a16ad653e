//! What every part above the core needs of the operating system: files, programs, JSON records, and
//! the log.
//!
//! Other users of the machine can have written what is read here, and a program that is started can
//! hang: so every file has a limit and is a regular one, and every program has a deadline.

mod command;
pub mod files;
pub mod json;
pub mod logger;
pub mod program;
pub mod rule_file;
pub mod user_rules;
