//! Netlink towards netfilter: questions to the kernel and its answers, without a library in C.
//!
//! Only [`Socket`] does I/O; the rest reads and writes bytes. Header fields are in the machine's
//! byte order, netfilter's attributes are big endian.

mod attribute;
mod error;
mod message;
mod recording;
mod socket;

pub use attribute::{Attribute, Attributes};
pub use error::{Malformed, NetlinkError};
pub(crate) use message::NFNL_SUBSYS_NFTABLES;
pub use message::{Message, Messages, Received, Request};
pub use recording::Kernel;
pub use socket::{Each, EachDatagram, End, Socket, read};

/// The first bytes of a slice as an array, and the rest.
fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Malformed> {
    let (first, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
    Ok((*first, rest))
}

/// The next item of a list, whose first malformed item is the last one. `take` removes an item from
/// the bytes.
fn next<'bytes, T>(
    bytes: &mut &'bytes [u8],
    take: impl FnOnce(&mut &'bytes [u8]) -> Result<T, Malformed>,
) -> Option<Result<T, Malformed>> {
    if bytes.is_empty() {
        return None;
    }
    let item = take(bytes);
    if item.is_err() {
        *bytes = &[];
    }
    Some(item)
}

/// Messages and attributes begin at multiples of 4 bytes.
const fn aligned(len: usize) -> usize {
    len.next_multiple_of(4)
}

#[cfg(test)]
mod tests;
