//! Files: one way to read one, and one way to write ours.
//!
//! Every local user can have put there what is read from `/tmp`, and what is written has
//! passwords in it: the options that netifd passes, a server's answers.

use std::io;

mod read;
mod root;
#[cfg(test)]
mod tests;
mod write;

pub use read::{beginning, bytes, paths, text};
pub use root::below;
pub use write::{remove, to_lock, write, write_synced};

/// The largest file that is read or written, in bytes: what was written can be read back.
pub const MAX_SIZE: u64 = 1 << 20;

fn wrong(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
