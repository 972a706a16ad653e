//! What is kept of an interface's provisioning: the last good answer in flash, written only where
//! it changes; the next try and the last trouble in memory.

use std::fs;
use std::io;
use std::path::PathBuf;

use mape_core::{Failure, ReceivedPrefix, Rule};
use mape_firewall::Env;
use mape_nft::InterfaceName;
use mape_provision::{Answer, Cached, Machine, Mode, Pause};
use mape_system::files;

use super::clock::now;
use crate::interface_data::Warning;
use crate::status::Issue;

/// The files of one interface.
#[derive(Clone, Copy, Debug)]
pub struct Store<'env> {
    pub(super) interface: &'env InterfaceName,
    pub(super) env: &'env Env,
}

/// Why the last try gave nothing: sentence and next step.
pub(crate) type Reason = (String, String);

/// The same as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LastFailure(Warning);

impl LastFailure {
    pub(super) fn of(failure: &Failure) -> Self {
        Self(Warning::of(failure))
    }
}

impl<'env> Store<'env> {
    /// Returns the store of an interface. Its files are read at each call.
    #[must_use]
    pub fn new(env: &'env Env, interface: &'env InterfaceName) -> Self {
        Self { interface, env }
    }

    /// The rules a server has answered with, as long as the user still asks it.
    #[must_use]
    pub fn rules(&self, mode: &Mode) -> Vec<Rule> {
        if *mode == Mode::Off {
            return Vec::new();
        }
        let cached = self.cached().filter(|cached| mode.matches_key(&cached.source));
        let answer = cached.and_then(|cached| cached.answer);
        answer.as_ref().and_then(Answer::map_e).map_or_else(Vec::new, |it| it.rules.clone())
    }

    /// Why the last try gave nothing, and what to do.
    #[must_use]
    pub fn failure_reason(&self) -> Option<Reason> {
        let LastFailure(Warning { message, hint, .. }) = self.last_failure()?;
        Some((message?, hint?))
    }

    /// The same with its code and named values.
    #[must_use]
    pub fn issue(&self) -> Option<Issue> {
        let LastFailure(warning) = self.last_failure()?;
        Issue::of(warning)
    }

    /// Returns after how many seconds a request with these prefixes is due; 0 for at once.
    #[must_use]
    pub fn due_in(&self, mode: &Mode, prefixes: &[ReceivedPrefix]) -> u64 {
        let own = |pause: &Pause| mode.matches_key(&pause.source) && pause.prefixes == prefixes;
        let until = self.pause().filter(own).map_or(0, |pause| pause.until);
        until.saturating_sub(now(self.env))
    }

    /// The last good answer, and what the next request repeats of it.
    #[must_use]
    pub fn cached(&self) -> Option<Cached> {
        Cached::parse(&files::text(self.answer_file()).ok()?)
    }

    /// When the next request is due, and how often the last ones failed.
    #[must_use]
    pub fn pause(&self) -> Option<Pause> {
        Pause::parse(files::text(self.pause_file()).ok()?.lines().next()?)
    }

    pub(super) fn last_failure(&self) -> Option<LastFailure> {
        let text = files::text(self.pause_file()).ok()?;
        mape_system::json::read(text.lines().nth(1)?).ok().map(LastFailure)
    }

    pub(super) fn keep(&self, machine: &Machine, failure: Option<LastFailure>) -> io::Result<()> {
        let pause = machine.pause().to_json();
        let failure =
            failure.map_or_else(String::new, |LastFailure(warning)| warning.to_text() + "\n");
        files::write_synced(&self.pause_file(), &(pause + &failure))?;
        let cached = machine.cached();
        let empty = cached.answer.is_none() && cached.token.is_none() && cached.id.is_none();
        if empty {
            return files::remove(&self.answer_file());
        }
        files::write_synced(&self.answer_file(), &cached.to_json()).map(drop)
    }

    /// Returns what was reported last to the provider of a fixed-IPv4 contract.
    pub(super) fn announced(&self) -> Option<String> {
        Some(files::text(self.announced_file()).ok()?.trim().to_owned())
    }

    pub(super) fn note_announced(&self, fingerprint: &str) -> io::Result<()> {
        files::write_synced(&self.announced_file(), &format!("{fingerprint}\n")).map(drop)
    }

    fn announced_file(&self) -> PathBuf {
        self.env.run.join(format!("{}.announced", self.interface))
    }

    /// Whether anything is kept.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.files().iter().any(|file| file.exists())
    }

    /// Removes everything. What cannot be removed counts for nothing without its option.
    pub fn forget(&self) {
        for file in self.files() {
            let _ = fs::remove_file(file);
        }
    }

    fn files(&self) -> [PathBuf; 3] {
        [self.pause_file(), self.answer_file(), self.announced_file()]
    }

    fn answer_file(&self) -> PathBuf {
        self.env.flash.join(format!("{}.json", self.interface))
    }

    fn pause_file(&self) -> PathBuf {
        self.env.run.join(format!("{}.pause", self.interface))
    }
}
