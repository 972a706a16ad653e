//! The sequence of HB46PP 1.1 section 3.6, and the same for a URL of the user's, on a clock that is
//! passed in.
//!
//! The machine does nothing itself. Each [`Event`] yields a [`Step`]: what follows for the line,
//! and what to do next.

use mape_core::ReceivedPrefix;

use crate::answer::Answer;
use crate::cache::{Cached, Pause};
use crate::failure::{Failure, NoService};
use crate::mode::Mode;
use crate::request::{HttpRequest, Token};
use crate::txt::{DISCOVERY_NAME, TxtRecord};

mod replies;
mod timing;

use timing::{AFTER_START, LONGEST};

/// Asks, again and again, for what is provisioned for one line.
#[derive(Clone, Debug)]
pub struct Machine {
    mode: Mode,
    prefixes: Vec<ReceivedPrefix>,
    answer: Option<Answer>,
    token: Option<Token>,
    id: Option<String>,
    until: u64,
    failures: u32,
    /// Started from the cache, and not yet asked.
    from_cache: bool,
    stage: Stage,
}

/// When an event came, and the random number that came with it.
#[derive(Clone, Copy)]
struct Turn {
    now: u64,
    random: u32,
}

#[derive(Clone, Debug)]
enum Stage {
    Asleep,
    Txt,
    Http { request: HttpRequest, redirects: u8 },
}

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
    /// [`Machine::answer`] is new: use it.
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

impl Machine {
    /// `None` where provisioning is off: who has no machine asks nothing.
    ///
    /// `cached` and `pause` are what an earlier run left behind, and do not count if they belong to
    /// another configuration. A pause also ends where the line's prefixes have changed.
    #[must_use]
    pub fn new(
        mode: Mode,
        prefixes: Vec<ReceivedPrefix>,
        cached: Option<Cached>,
        pause: Option<Pause>,
    ) -> Option<Self> {
        if mode == Mode::Off {
            return None;
        }
        let Cached { answer, token, id, prefixes: asked_with, .. } =
            cached.filter(|cached| mode.has_made(&cached.source)).unwrap_or_default();
        let pause =
            pause.filter(|pause| mode.has_made(&pause.source) && pause.prefixes == prefixes);
        let from_cache = answer.is_some() && asked_with == prefixes && pause.is_none();
        let Pause { until, failures, .. } = pause.unwrap_or_default();
        let stage = Stage::Asleep;
        Some(Self { mode, prefixes, answer, token, id, until, failures, from_cache, stage })
    }

    /// The last good answer, from the network or from the cache.
    #[must_use]
    pub const fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// What to keep in flash, where it differs from what is there.
    #[must_use]
    pub fn cached(&self) -> Cached {
        let keep = |answer: &&Answer| answer.map_e().is_some();
        Cached {
            source: self.mode.key(),
            prefixes: self.prefixes.clone(),
            answer: self.answer.as_ref().filter(keep).map(Answer::only_map_e),
            token: self.token.clone(),
            id: self.id.clone(),
        }
    }

    /// What to keep in memory until the next run.
    #[must_use]
    pub fn pause(&self) -> Pause {
        Pause {
            source: self.mode.key(),
            prefixes: self.prefixes.clone(),
            until: self.until,
            failures: self.failures,
        }
    }

    /// Takes an event. `now` is in seconds of any clock that does not jump, such as the uptime;
    /// `random` is used for this step only.
    pub fn step(&mut self, now: u64, random: u32, event: Event) -> Step {
        match (event, std::mem::replace(&mut self.stage, Stage::Asleep)) {
            (Event::Prefixes(prefixes), _) if prefixes != self.prefixes => {
                self.prefixes = prefixes;
                (self.until, self.failures, self.from_cache) = (now, 0, false);
            }
            (Event::Txt(reply), Stage::Txt) => return self.discovered(Turn { now, random }, reply),
            (Event::Http(reply), Stage::Http { request, redirects }) => {
                return self.replied(Turn { now, random }, &request, redirects, reply);
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
            self.until = now.saturating_add(AFTER_START.at(random));
        }
        // A time further away than any wait is from a clock that was set since.
        if self.until > now && self.until - now <= LONGEST {
            return next(Next::Sleep(self.until));
        }
        match &self.mode {
            Mode::Url(url) => match url.request(first, self.id.as_deref()) {
                Some(request) => next(self.get(request, 0)),
                // Never: the URL was checked with the longest prefix there is.
                None => next(Next::Sleep(u64::MAX)),
            },
            Mode::Hb46pp { .. } | Mode::Off => {
                self.stage = Stage::Txt;
                next(Next::QueryTxt(DISCOVERY_NAME))
            }
        }
    }
}
