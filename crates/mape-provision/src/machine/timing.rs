//! Waiting times after each outcome, in seconds.

use crate::answer::Shape;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The longest wait: the standard's longest lifetime.
pub(super) const MAX_WAIT: u64 = 7 * 24 * HOUR;
/// The first request after a start from the cache, where a URL is requested (routers' code does
/// so).
pub(super) const FIRST_QUERY_AFTER_START: Window = Window(MINUTE, 10 * MINUTE);

/// A window in which the next attempt falls at random, both ends included, so that many routers do
/// not send their requests at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window(u64, u64);

impl Window {
    /// Returns the wait for a random number: 0 is the beginning of the window and `u32::MAX` its
    /// end.
    pub(super) fn at(self, random: u32) -> u64 {
        let Self(first, last) = self;
        let seconds = last.saturating_sub(first) + 1;
        first + ((seconds * u64::from(random)) >> 32)
    }
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The DNS answer names no provisioning server.
    NotAnnounced,
    /// The resolvers failed.
    DnsFailed,
    /// No answer, or a failure of the server's own.
    NoAnswer,
    /// The server does not know the line.
    Refused,
    /// An answer that cannot be used.
    BadAnswer,
    /// A usable answer, and for how many seconds it is valid.
    Answered(Option<u32>),
}

/// Returns the window of the next attempt: HB46PP 1.1 section 3.6, and for the other two formats
/// the times of routers' public code.
///
/// `failures` counts from 1 after the first failure in a row.
pub(super) fn after(outcome: Outcome, shape: Option<Shape>, failures: u32) -> Window {
    use Outcome::{Answered, BadAnswer, DnsFailed, NoAnswer, NotAnnounced, Refused};

    match (shape, outcome) {
        (_, NotAnnounced) => Window(HOUR, 3 * HOUR),
        (_, DnsFailed) => Window(MINUTE, 10 * MINUTE),
        (_, Answered(Some(ttl))) => Window(ttl.into(), ttl.into()),
        (Some(Shape::Hb46pp), Answered(None)) => Window(20 * HOUR, 24 * HOUR),
        (Some(Shape::Ocn), Answered(None)) => Window(12 * HOUR, 24 * HOUR),
        (Some(Shape::Ocn), _) => {
            let wait = MINUTE << failures.saturating_sub(1).min(3);
            Window(wait, wait)
        }
        (Some(Shape::Hb46pp), NoAnswer | Refused) | (_, BadAnswer) => {
            Window(10 * MINUTE, 30 * MINUTE)
        }
        (_, NoAnswer) => Window(MINUTE, 10 * MINUTE),
        (_, Refused | Answered(None)) => Window(3 * HOUR, 24 * HOUR),
    }
}
