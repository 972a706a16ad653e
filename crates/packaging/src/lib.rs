//! Packages and feeds for OpenWrt and Debian, and what a release needs: its version, its changelog,
//! its list of components.

mod command;
pub mod feed;
mod notices;
pub mod package;
pub mod release;
pub mod sbom;
mod vectors;

pub use command::command;
