//! `mape-proto forward add|remove|list`.

use std::fmt::Write as _;
use std::fs::File;

use mape_core::{Code, Explain, Explanation, Failure, IntoVec as _, PortRange, Quoted, Shown};
use mape_firewall::forwards::{ConfiguredForwards, Forward, ForwardRequest, KIND, PACKAGE};
use mape_firewall::{
    Env, FirewallError, ForwardStatus, NOT_LOADED, PendingEvents, Report, load_locked, statuses,
    statuses_of, would_load,
};
use mape_import::{Changes, Command, Router, apply_to};
use mape_uci::{Section, UciError};
use nix::fcntl::Flock;
use serde::Serialize;

use super::answer::Answer;
use super::arguments::{Argument, Arguments, UsageError};
use super::{help, json};

/// A section to add, or one to remove.
enum Change<'request> {
    Add(&'request str, Vec<(&'static str, String)>),
    Remove(&'request str),
}

/// What all three take.
struct Options {
    words: Vec<String>,
    outside: Option<String>,
    proto: Option<String>,
    name: Option<String>,
    interface: Option<String>,
    /// Whether nothing is changed.
    dry_run: bool,
    /// With `dry_run`, the section that the forward would be, in place of what it is now.
    section: Option<String>,
    json: bool,
    help: bool,
    env: Env,
}

#[derive(Serialize)]
struct ListJson<'list> {
    schema: u8,
    forwards: &'list [ForwardStatus],
    /// What the loader could not do, a line each.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    faults: &'list [String],
}

/// No section has this name.
#[derive(Debug, thiserror::Error)]
#[error("there is no forward called {0}")]
struct NoForward(Quoted);

impl Explain for NoForward {
    fn explain(&self) -> Explanation {
        let hint = "mape-proto forward list shows those there are";
        let params = vec![("value", self.0.text())];
        Explanation::with(Code::OptionInvalid, hint, params)
    }
}

/// More than one is called so; which one is meant is not ours to choose.
#[derive(Debug, thiserror::Error)]
#[error("several forwards are called {0}")]
struct Several(Quoted, Vec<String>);

impl Explain for Several {
    fn explain(&self) -> Explanation {
        let hint = format!("name the section: {}", self.1.join(", "));
        let params = vec![("value", self.0.text()), ("sections", self.1.join(" "))];
        Explanation::with(Code::OptionInvalid, hint, params)
    }
}

/// A forward that would not be published; nothing has been changed.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
struct Refused {
    reason: String,
    hint: String,
    params: Vec<(&'static str, String)>,
}

impl Explain for Refused {
    fn explain(&self) -> Explanation {
        let hint = self.hint.clone();
        let params = self.params.clone();
        Explanation::with(Code::OptionInvalid, hint, params)
    }
}

pub(super) fn answer(arguments: &mut Arguments) -> Result<Answer, Failure> {
    let options = Options::read(arguments)?;
    if options.help {
        return Ok(Answer::fine(help::FORWARD.to_owned()));
    }
    let words: Vec<&str> = options.words.iter().map(String::as_str).into_vec();
    match words.as_slice() {
        ["list"] => options.list(),
        ["add", target] => options.add(target),
        ["remove", name] => options.remove(name),
        ["list", surplus, ..] | ["add" | "remove", _, surplus, ..] => {
            Err(UsageError::Surplus(Quoted::new(surplus)).into())
        }
        [] | ["add" | "remove"] => Err(UsageError::NoWord.into()),
        [other, ..] => Err(UsageError::command(other).into()),
    }
}

impl Options {
    fn read(arguments: &mut Arguments) -> Result<Self, Failure> {
        let mut options = Self {
            words: Vec::new(),
            outside: None,
            proto: None,
            name: None,
            interface: None,
            dry_run: false,
            section: None,
            json: false,
            help: false,
            env: Env::default(),
        };
        while let Some(argument) = arguments.next_of_machine()? {
            let name = match argument {
                Argument::Plain(word) => {
                    options.words.push(word);
                    continue;
                }
                Argument::Option(name) => name,
            };
            match name.as_str() {
                "port" => options.outside = Some(arguments.value()?),
                "proto" => options.proto = Some(arguments.value()?),
                "name" => options.name = Some(arguments.value()?),
                "interface" => options.interface = Some(arguments.value()?),
                "dry-run" => options.dry_run = true,
                "section" => options.section = Some(arguments.value()?),
                "json" => options.json = true,
                "help" => options.help = true,
                _ => return Err(UsageError::option(&name).into()),
            }
        }
        options.env = arguments.env().clone();
        Ok(options)
    }

    fn statuses(&self) -> Result<Vec<ForwardStatus>, Failure> {
        statuses(&self.env)
    }

    fn list(&self) -> Result<Answer, Failure> {
        let forwards = self.statuses()?;
        let is_fine = |it: &ForwardStatus| it.state == "published" && it.reason.is_none();
        let fine = forwards.iter().all(is_fine);
        Ok(Answer::checked(self.listed(&forwards, &[]), fine))
    }

    fn listed(&self, forwards: &[ForwardStatus], faults: &[String]) -> String {
        if self.json {
            json::line(&ListJson { schema: 1, forwards, faults })
        } else {
            faults.iter().fold(text(forwards), |text, fault| text + fault + "\n")
        }
    }

    /// Looks what would come of it, and writes the section only if it would be published.
    fn add(&self, target: &str) -> Result<Answer, Failure> {
        let (host, inside) = target.rsplit_once(':').ok_or_else(|| no_port(target))?;
        let request = ForwardRequest {
            host: host.trim_start_matches('[').trim_end_matches(']'),
            dest_port: inside,
            src_dport: self.outside.as_deref().unwrap_or("auto"),
            proto: self.proto.as_deref(),
            name: self.name.as_deref(),
            interface: self.interface.as_deref(),
        };
        // Invalid arguments are reported before the wait for the lock.
        self.forward(&request)?;
        let lock = mape_firewall::lock::take(&self.env.run)?;
        let forward = self.forward(&request)?;
        let section = forward.section.clone();
        let env = &self.env;
        let configured = || -> Result<_, Failure> {
            let others = ConfiguredForwards::read(env)?.without(&section);
            Ok(others.with_proposed(forward.clone(), env))
        };
        let mut found = statuses_of(&configured()?, env);
        if let Some(refused) =
            found.iter().find(|it| it.section == section && it.state == "refused")
        {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let (reason, hint) = (text(&refused.reason), text(&refused.hint));
            let mut params = refused.params.clone();
            params.extend(refused.code.map(|code| ("refusal", code.to_owned())));
            return Err(Refused { reason, hint, params }.into());
        }
        would_load(env, configured()?).map_err(|error| self.with_suspects(&section, error))?;
        if self.dry_run {
            found.retain(|it| it.section == section);
            return Ok(Answer::fine(self.listed(&found, &[])));
        }
        self.change(&Change::Add(&section, request.options()), &lock)?;
        let (report, events) = match self.load(&section, &lock) {
            Ok(done) => done,
            Err(failure) => return Err(self.take_back(&section, failure, &lock)),
        };
        drop(lock);
        events.announce(&self.env);
        self.now(&section, &report)
    }

    /// What nft refuses can be another forward, written by hand, that is not loaded either.
    fn with_suspects(&self, section: &str, error: FirewallError) -> Failure {
        let is_refusal = matches!(error, FirewallError::Rejected(_));
        let mut failure = Failure::from(error);
        let found = self.statuses().unwrap_or_default();
        let waiting =
            found.iter().filter(|it| it.section != section && it.code == Some(NOT_LOADED));
        let names: Vec<&str> = waiting.map(|it| it.section.as_str()).into_vec();
        if is_refusal && !names.is_empty() {
            let _ = write!(
                failure.message,
                "; not loaded either, so it can be the cause: {}",
                names.join(", ")
            );
        }
        failure
    }

    /// Loads the rules, with this forward in those of its interface.
    fn load(&self, section: &str, lock: &Flock<File>) -> Result<(Report, PendingEvents), Failure> {
        let (mut report, events) = load_locked(&self.env, lock)?;
        let found = self.statuses()?;
        let own = found.iter().find(|it| it.section == section);
        let interface = own.and_then(|it| it.interface.as_deref()).unwrap_or_default();
        match report.take_refusal(interface) {
            Some(error) => Err(self.with_suspects(section, error)),
            None => Ok((report, events)),
        }
    }

    /// The configuration, and the rules, as they were before the section was added.
    fn take_back(&self, section: &str, mut failure: Failure, lock: &Flock<File>) -> Failure {
        if let Err(error) = self.change(&Change::Remove(section), lock) {
            let _ = write!(failure.message, "; the section {section} stays: {}", error.line());
            return failure;
        }
        // What is in force does not have it; only the files may.
        let _ = load_locked(&self.env, lock);
        failure
    }

    /// Whether the forwards are in the file of plain Linux, and not in UCI.
    #[cfg(feature = "linux")]
    const fn are_in_file(&self) -> bool {
        self.env.forwards.is_some()
    }

    /// Changes the configuration.
    fn change(&self, change: &Change<'_>, lock: &Flock<File>) -> Result<(), Failure> {
        #[cfg(feature = "linux")]
        if self.are_in_file() {
            let root = &self.env.root;
            return match change {
                Change::Add(section, options) => mape_linux::forwards::add(root, section, options),
                Change::Remove(section) => mape_linux::forwards::remove(root, section),
            };
        }
        let changes = match change {
            Change::Add(section, options) => {
                let options: Vec<(&str, &str)> =
                    options.iter().map(|(name, value)| (*name, value.as_str())).into_vec();
                Changes::adding(PACKAGE, KIND, section, &options)
            }
            Change::Remove(section) => deletion(section),
        };
        Ok(apply_to(&Router::read(self.env.clone())?, PACKAGE, &changes, lock)?)
    }

    /// Reads the request as the loader would read its section.
    fn forward(&self, request: &ForwardRequest<'_>) -> Result<Forward, Failure> {
        #[cfg(feature = "linux")]
        if self.are_in_file() {
            let known = mape_linux::forwards::names(&self.env.root)?;
            let section = request.section(|name| known.iter().any(|(section, _)| section == name));
            return mape_linux::forwards::checked(&section, &request.options());
        }
        let package = self.env.config().read(PACKAGE)?;
        let package = package.ok_or_else(|| UciError::Unreadable {
            file: Quoted::new("/etc/config/firewall"),
            reason: "there is none".to_owned(),
            next: "run this on a router with firewall4, whose configuration it is",
        })?;
        let stated = self.section.clone().filter(|_| self.dry_run);
        let section =
            stated.unwrap_or_else(|| request.section(|name| package.section(name).is_some()));
        Ok(request.forward(&section)?)
    }

    /// By the section's name, else what people call it, else the port outside.
    fn remove(&self, name: &str) -> Result<Answer, Failure> {
        let lock = mape_firewall::lock::take(&self.env.run)?;
        let section = self.section(name)?;
        would_load(&self.env, ConfiguredForwards::read(&self.env)?.without(&section))?;
        self.change(&Change::Remove(&section), &lock)?;
        // Where this fails, the section stays removed: the port is to be closed, and the next load
        // does it.
        let (report, events) = load_locked(&self.env, &lock)?;
        drop(lock);
        events.announce(&self.env);
        self.now("", &report)
    }

    /// The section that is meant, also of a forward that is switched off.
    fn section(&self, name: &str) -> Result<String, Failure> {
        let sections = self.sections()?;
        let own = sections.iter().filter(|(section, _)| section == name);
        let mut found: Vec<String> = own.map(|(section, _)| section.clone()).into_vec();
        if found.is_empty() {
            let shown = sections.iter().filter(|(_, shown)| shown.as_deref() == Some(name));
            found = shown.map(|(section, _)| section.clone()).into_vec();
        }
        if found.is_empty() {
            let ports = |it: &ForwardStatus| {
                let first = it.port?;
                PortRange::new(first, it.last.unwrap_or(first))
            };
            let has =
                |it: &&ForwardStatus| ports(it).is_some_and(|ports| ports.to_string() == name);
            found =
                self.statuses()?.into_iter().filter(|it| has(&it)).map(|it| it.section).into_vec();
        }
        match found.as_slice() {
            [section] => Ok(section.clone()),
            [] => Err(NoForward(Quoted::new(name)).into()),
            _ => Err(Several(Quoted::new(name), found).into()),
        }
    }

    /// Returns each section with its name for display, also those that are switched off.
    fn sections(&self) -> Result<Vec<(String, Option<String>)>, Failure> {
        #[cfg(feature = "linux")]
        if self.are_in_file() {
            return mape_linux::forwards::names(&self.env.root);
        }
        let router = Router::read(self.env.clone())?;
        let named = |it: &Section| (it.name().to_owned(), it.get("name").map(str::to_owned));
        Ok(router.firewall_sections(KIND).map(named).into_vec())
    }

    /// How it is now, and what the loader could not do.
    fn now(&self, section: &str, report: &Report) -> Result<Answer, Failure> {
        let mut forwards = self.statuses()?;
        if !section.is_empty() && !self.json {
            forwards.retain(|forward| forward.section == section);
        }
        // An interface that is not open yet says so beside its forwards.
        let faults = report.faults();
        Ok(Answer::checked(self.listed(&forwards, faults), faults.is_empty()))
    }
}

/// `uci` takes a made-up name too, and writes it down so.
fn deletion(section: &str) -> Changes {
    let commands = vec![Command::Delete(format!("{PACKAGE}.{section}"))];
    Changes { commands, undo: Vec::new() }
}

fn no_port(target: &str) -> UsageError {
    UsageError::Host(Quoted::new(target))
}

fn text(forwards: &[ForwardStatus]) -> String {
    let mut text = String::new();
    if forwards.is_empty() {
        text.push_str("no forward\n");
    }
    for forward in forwards {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "{}", Shown(&forward.text()));
        for (word, line) in [("because", &forward.reason), ("next step", &forward.hint)] {
            if let Some(line) = line {
                let _ = writeln!(text, "  {word}: {}", Shown(line));
            }
        }
    }
    text
}
