//! The machine's state, which it keeps from one event to the next and from one run to the next.

use mape_core::ReceivedPrefix;

use crate::answer::Answer;
use crate::cache::{Cached, Pause};
use crate::mode::Mode;
use crate::request::{HttpRequest, Token};

/// Requests the provisioned settings of one line, and repeats the request when they expire.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) mode: Mode,
    pub(super) prefixes: Vec<ReceivedPrefix>,
    pub(super) answer: Option<Answer>,
    pub(super) token: Option<Token>,
    pub(super) id: Option<String>,
    pub(super) until: u64,
    pub(super) failures: u32,
    /// The machine was started from the cache and has not sent a request yet.
    pub(super) from_cache: bool,
    pub(super) stage: Stage,
}

/// The time of an event, and the random number that came with it.
#[derive(Clone, Copy)]
pub(super) struct Tick {
    pub(super) now: u64,
    pub(super) random: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    Asleep,
    Txt,
    Http { request: HttpRequest, redirects: u8 },
}

impl Machine {
    /// Returns the machine, or `None` where provisioning is off.
    ///
    /// `cached` and `pause` come from an earlier run and are ignored if they belong to another
    /// configuration. A pause also ends where the line's prefixes have changed.
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
            cached.filter(|cached| mode.matches_key(&cached.source)).unwrap_or_default();
        let pause =
            pause.filter(|pause| mode.matches_key(&pause.source) && pause.prefixes == prefixes);
        let from_cache = answer.is_some() && asked_with == prefixes && pause.is_none();
        let Pause { until, failures, .. } = pause.unwrap_or_default();
        let stage = Stage::Asleep;
        Some(Self { mode, prefixes, answer, token, id, until, failures, from_cache, stage })
    }

    /// Returns the last good answer, from the network or from the cache.
    #[must_use]
    pub const fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// Returns the state to keep in flash. The caller writes it only where it differs from the
    /// file.
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

    /// Returns the state to keep in memory until the next run.
    #[must_use]
    pub fn pause(&self) -> Pause {
        Pause {
            source: self.mode.key(),
            prefixes: self.prefixes.clone(),
            until: self.until,
            failures: self.failures,
        }
    }
}
