//! The input of the machine and its output.

use mape_core::ReceivedPrefix;

use crate::failure::{Failure, NoService};
use crate::request::HttpRequest;
use crate::txt::TxtRecord;

/// An event that the machine processes.
#[derive(Clone, Debug)]
pub enum Event {
    /// The machine was started, or the time that it returned has come.
    Wake,
    /// The line's prefixes have changed to these. An open request is void: its answer must not be
    /// passed in any more.
    Prefixes(Vec<ReceivedPrefix>),
    /// The answer to [`Next::QueryTxt`].
    Txt(TxtReply),
    /// The answer to [`Next::Get`].
    Http(HttpReply),
}

/// The answer of the DNS resolvers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxtReply {
    /// TXT records.
    Records(Vec<TxtRecord>),
    /// The name has no TXT record.
    NoData,
    /// There is no such name.
    NxDomain,
    /// SERVFAIL, REFUSED, or an answer that cannot be read.
    Failed,
    /// Nothing.
    Timeout,
}

/// The answer of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpReply {
    /// An answer. Of bodies longer than [`crate::MAX_BODY`] bytes no more than one byte beyond
    /// needs to be read.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The `Location` header.
        location: Option<String>,
        /// The body, without transfer encoding.
        body: Vec<u8>,
    },
    /// None.
    Failed(HttpFailure),
}

/// The reason why there is no HTTP answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpFailure {
    /// The name has no IPv6 address, the connection failed or broke off, or the timeout expired.
    NoAnswer,
    /// The certificate could not be verified.
    Certificate,
    /// The only available program shows the password to every user of the machine.
    ShowsPassword,
}

/// The result of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The effect on the line.
    pub effect: Option<Effect>,
    /// What the caller does next.
    pub next: Next,
}

/// The effect of an event on the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// [`Machine::answer`](super::Machine::answer) is new and has to be applied.
    Apply,
    /// The server answered, and offers the same as before.
    Unchanged,
    /// The network offers nothing: provisioned settings must no longer be used.
    Withdraw(NoService),
    /// The attempt failed. The settings of the last answer stay active.
    Keep(Failure),
}

/// What the caller does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Query the uplink's own resolvers for the TXT records of this name.
    QueryTxt(&'static str),
    /// Send this request over IPv6, from the uplink's own address, without following redirects.
    Get(HttpRequest),
    /// Call again with [`Event::Wake`] at this time, in seconds; at `u64::MAX` only with prefixes.
    Sleep(u64),
    /// Do nothing; an answer is still pending.
    Wait,
}
