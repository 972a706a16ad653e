//! The sequence of HB46PP 1.1 section 3.6, and the same for a URL of the user's, on a clock that is
//! passed in.
//!
//! The machine performs no I/O. Each [`Event`] yields a [`Step`]: the effect on the line, and what
//! to do next.

use crate::mode::Mode;
use crate::txt::DISCOVERY_NAME;

mod event;
mod replies;
mod state;
mod timing;

pub use event::{Effect, Event, HttpFailure, HttpReply, Next, Step, TxtReply};
pub use state::Machine;

use state::{Stage, Tick};
use timing::{FIRST_QUERY_AFTER_START, MAX_WAIT};

impl Machine {
    /// Processes an event. `now` is in seconds of any clock that does not jump, such as the uptime.
    /// `random` is used for this step only.
    pub fn step(&mut self, now: u64, random: u32, event: Event) -> Step {
        match (event, std::mem::replace(&mut self.stage, Stage::Asleep)) {
            (Event::Prefixes(prefixes), _) if prefixes != self.prefixes => {
                self.prefixes = prefixes;
                (self.until, self.failures, self.from_cache) = (now, 0, false);
            }
            (Event::Txt(reply), Stage::Txt) => return self.discovered(Tick { now, random }, reply),
            (Event::Http(reply), Stage::Http { request, redirects }) => {
                return self.replied(Tick { now, random }, &request, redirects, reply);
            }
            (_, stage) => self.stage = stage,
        }
        self.wake(now, random)
    }

    fn wake(&mut self, now: u64, random: u32) -> Step {
        let next = |next| Step { effect: None, next };
        if !matches!(self.stage, Stage::Asleep) {
            return next(Next::Wait);
        }
        let Some(first) = self.prefixes.first().copied() else {
            return next(Next::Sleep(u64::MAX));
        };
        if std::mem::take(&mut self.from_cache) && matches!(self.mode, Mode::Url(_)) {
            self.until = now.saturating_add(FIRST_QUERY_AFTER_START.at(random));
        }
        // A time beyond the longest wait comes from a clock that was set in between.
        if self.until > now && self.until - now <= MAX_WAIT {
            return next(Next::Sleep(self.until));
        }
        match &self.mode {
            Mode::Url(url) => match url.request(first, self.id.as_deref()) {
                Some(request) => next(self.get(request, 0)),
                // This cannot happen: the URL was checked with the longest prefix.
                None => next(Next::Sleep(u64::MAX)),
            },
            Mode::Hb46pp { .. } | Mode::Off => {
                self.stage = Stage::Txt;
                next(Next::QueryTxt(DISCOVERY_NAME))
            }
        }
    }
}
