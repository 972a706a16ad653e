//! A small ubus client. ubus is how OpenWrt's services talk: netifd's `network.interface` above
//! all. One [`Client`] is one connection; a [call](Client::call) looks the object up, invokes the
//! method and returns the answer as JSON.
//!
//! Below it lie three layers that a server can use too: [`Attributes`] and [`Writer`] (tagged
//! binary data), [`blobmsg`] (JSON in it) and [`Message`] (what goes over the socket). Every number
//! on the wire is big endian and read as such, so both kinds of machine send the same bytes. No
//! length is believed: garbled bytes give [`Malformed`], never a panic.
//!
//! # What this crate does not do
//!
//! It offers no objects, events, subscriptions or file descriptors, and no other encoding of
//! strings than UTF-8. Connecting itself has no deadline (only a daemon with a full queue delays
//! it).

mod blob;
pub mod blobmsg;
mod client;
mod error;
mod message;
mod status;

pub use blob::{Attribute, Attributes, Writer};
pub use client::Client;
pub use error::{BadArguments, Malformed, UbusError};
pub use message::{AttributeId, Kind, MAX_MESSAGE, Message};
pub use status::Status;
