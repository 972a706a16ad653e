//! Reasons why a call has no answer.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use mape_core::{Code, Explain, Explanation, Quoted};

use crate::status::Status;

/// Bytes that do not follow the ubus protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A length is shorter than its own head or longer than the data.
    #[error("a length does not fit")]
    Length,
    /// A message states a length beyond [`MAX_MESSAGE`](crate::MAX_MESSAGE).
    #[error("a message of more than 1 MiB")]
    TooLong,
    /// A field's name has no end.
    #[error("a field's name has no end")]
    Name,
    /// A value's type is not known.
    #[error("a value of unknown type {0}")]
    Type(u8),
    /// A value's length does not fit its type, or a text has no end.
    #[error("a value does not fit its type")]
    Value,
    /// Tables and arrays in each other beyond [`MAX_DEPTH`](crate::blobmsg::MAX_DEPTH).
    #[error("values are nested too deep")]
    Depth,
    /// The protocol's version is not 0.
    #[error("version {0} of the protocol")]
    Version(u8),
    /// The first message is not the daemon's greeting.
    #[error("no greeting")]
    NoGreeting,
    /// A message lacks what its kind has to carry.
    #[error("a message without its content")]
    Missing,
}

/// Arguments that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadArguments {
    /// They are not a JSON object.
    #[error("they are not an object")]
    NotAnObject,
    /// They do not fit a message of 1 MiB, or a name does not fit 65,535 bytes.
    #[error("they are too large for one message")]
    TooLarge,
    /// Objects and arrays in each other beyond [`MAX_DEPTH`](crate::blobmsg::MAX_DEPTH).
    #[error("they are nested too deep")]
    TooDeep,
    /// A text has a zero byte in it, where the other side would see its end.
    #[error("a text has a zero byte")]
    ZeroByte,
    /// A whole number beyond 64 bits with sign.
    #[error("a number is too large")]
    NumberTooLarge,
}

/// The reason why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum UbusError {
    /// No daemon listens on the socket, or this user may not use it.
    #[error("cannot connect to the ubus socket {}: {error}", Quoted::new(&path.to_string_lossy()))]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the kernel says.
        error: io::Error,
    },
    /// The connection broke. It cannot be used again.
    #[error("the connection to ubus broke: {0}")]
    Lost(io::Error),
    /// No answer within the deadline, shown in whole seconds: nothing else here needs code for
    /// fractions.
    #[error("ubus did not answer within {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// The message does not follow the protocol. The connection cannot be used again.
    #[error("the message from ubus cannot be read: {0}")]
    Protocol(#[from] Malformed),
    /// No service offers the object, or this user may not see it.
    #[error("there is no ubus object {}", Quoted::new(.0))]
    ObjectNotFound(String),
    /// The service refuses.
    #[error(
        "ubus answers {} ({status}) to {}",
        status.number(),
        Quoted::new(&format!("{object} {method}"))
    )]
    Status {
        /// The object called.
        object: String,
        /// The method called.
        method: String,
        /// The answer.
        status: Status,
    },
    /// The arguments cannot be sent; the method was not called.
    #[error("the arguments of {} cannot be sent: {why}", Quoted::new(&format!("{object} {method}")))]
    Arguments {
        /// The object that should have been called.
        object: String,
        /// The method that should have been called.
        method: String,
        /// What is wrong with them.
        why: BadArguments,
    },
}

impl UbusError {
    /// Returns the number with which ubus refused: the service's, or 4 (not found) where the object
    /// is missing. Returns `None` where no answer arrived.
    #[must_use]
    pub fn status(&self) -> Option<u32> {
        match self {
            Self::Status { status, .. } => Some(status.number()),
            Self::ObjectNotFound(_) => Some(Status::NotFound.number()),
            Self::Connect { .. }
            | Self::Lost(_)
            | Self::Timeout(_)
            | Self::Protocol(_)
            | Self::Arguments { .. } => None,
        }
    }
}

impl Explain for UbusError {
    fn explain(&self) -> Explanation {
        let with = |hint: &'static str| Explanation::new(Code::Ubus, hint);
        let of_call = |hint: &'static str, object: &str, method: &str| {
            with(hint)
                .text("object", Quoted::new(object).as_str())
                .text("method", Quoted::new(method).as_str())
        };
        match self {
            Self::Connect { path, error } => with("run this as root on a router where ubusd runs")
                .text("path", Quoted::new(&path.to_string_lossy()).as_str())
                .param("reason", error),
            Self::Lost(error) => with(TRY_AGAIN).param("reason", error),
            Self::Timeout(timeout) => with(TRY_AGAIN).param("seconds", &timeout.as_secs()),
            Self::Protocol(why) => with(REPORT).param("reason", why),
            Self::ObjectNotFound(object) => with("check with `ubus list` whether the service runs")
                .text("object", Quoted::new(object).as_str()),
            Self::Status { object, method, status } => {
                of_call("look for the service's own message in `logread`", object, method)
                    .param("reason", status)
            }
            Self::Arguments { object, method, why } => {
                of_call(REPORT, object, method).param("reason", why)
            }
        }
    }
}

const TRY_AGAIN: &str = "try again, and look for the service's own messages in `logread`";
const REPORT: &str = "report this as a bug, with the sentence above";
