//! What is passed into the machine, and what it hands out.

use mape_core::ReceivedPrefix;

use crate::failure::{Failure, NoService};
use crate::request::HttpRequest;
use crate::txt::TxtRecord;

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The machine was started, or the time it asked for has come.
    Wake,
    /// The line has these prefixes now. A question that is still open is void: its answer must not
    /// be passed in any more.
    Prefixes(Vec<ReceivedPrefix>),
    /// The answer to [`Next::QueryTxt`].
    Txt(TxtReply),
    /// The answer to [`Next::Get`].
    Http(HttpReply),
}

/// What the resolvers said.
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

/// What the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpReply {
    /// An answer. Of bodies longer than [`crate::MAX_BODY`] bytes no more than one byte beyond
    /// needs to be read.
    Answer {
        /// Of HTTP.
        status: u16,
        /// The header.
        location: Option<String>,
        /// The body, without transfer encoding.
        body: Vec<u8>,
    },
    /// None.
    Failed(HttpFailure),
}

/// Why there is no HTTP answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpFailure {
    /// The name does not resolve to an IPv6 address, no connection, broken off, or out of time.
    NoAnswer,
    /// The certificate could not be verified.
    Certificate,
    /// The program that would ask shows the password to every user of the machine.
    ShowsPassword,
}

/// What follows from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it means for the line.
    pub effect: Option<Effect>,
    /// What to do now.
    pub next: Next,
}

/// What an event means for the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// [`Machine::answer`](super::Machine::answer) is new: use it.
    Apply,
    /// There was an answer, and it offers what the one before did.
    Unchanged,
    /// The network offers nothing: what was provisioned is not to be used any more.
    Withdraw(NoService),
    /// The try failed. What works goes on working.
    Keep(Failure),
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the uplink's own resolvers for the TXT records of this name.
    QueryTxt(&'static str),
    /// Send this request over IPv6, from the uplink's own address, without following redirects.
    Get(HttpRequest),
    /// Come back with [`Event::Wake`] at this time, in seconds; at `u64::MAX` only with prefixes.
    Sleep(u64),
    /// Nothing; an answer is still awaited.
    Wait,
}
