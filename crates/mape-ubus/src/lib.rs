//! A small ubus client. OpenWrt's services communicate over ubus; netifd's object is
//! `network.interface`. One [`Client`] is one connection. A [call](Client::call) looks the object
//! up, invokes the method and returns the answer as JSON.
//!
//! Three layers below it can also serve a server: [`Attributes`] and [`Writer`] (tagged binary
//! data), [`blobmsg`] (JSON as such data) and [`Message`] (the frames on the socket). Every number
//! on the wire is big endian and read as such, so machines of both byte orders send the same bytes.
//! Every length is checked: garbled bytes give [`Malformed`], never a panic.
//!
//! # What this crate does not do
//!
//! It offers no objects, events, subscriptions or file descriptors, and reads strings as UTF-8
//! only. Connecting itself has no deadline; only a daemon with a full queue delays it.

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
