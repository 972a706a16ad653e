//! `status`: the state of the line, and the steps that are left.

use std::fmt;

use mape_core::{Failure, FailureParts, Plan, Shown};
use mape_firewall::{ForwardStatus, State, device_index, statuses};
use mape_kernel::netlink::NetlinkError;
use mape_kernel::nft_state::in_force;
use mape_netifd::plan_numbers::ports;
use mape_netifd::status::{AddressBlock, Issue};
use mape_nft::InterfaceName;

use crate::advice::advised_in_file;
use crate::config::Config;
use crate::contract;
use crate::desired::DesiredLine;
use crate::ip::Snapshot;
use crate::journal::Journal;
use crate::learned::Learned;
use crate::provisioning::{self, last_failure};
use crate::system::System;
use crate::up::{check_name, steps};
use crate::uplink;

/// A fault, with the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One sentence without a full stop.
    pub what: String,
    /// The next step.
    pub next: String,
}

/// The state of the line.
#[derive(Debug)]
pub struct Status {
    /// The interface.
    pub name: InterfaceName,
    /// The line that was brought up; `None` if it is down.
    pub line: Option<DesiredLine>,
    /// The plan it was brought up with.
    pub plan: Option<Plan>,
    /// The addresses of a contract with a block; `None` for one address.
    pub block: Option<AddressBlock>,
    /// Whose rule it was brought up with: `explicit`, `file`, `provisioned`, `dhcpv6` or `builtin`.
    pub rule_source: Option<String>,
    /// Why the last request to a provisioning server gave nothing. It takes no line down.
    pub provisioning: Option<Issue>,
    /// Why the provider of a fixed-IPv4 contract does not know the line's address.
    pub update: Option<Problem>,
    /// The faults and the steps that are left.
    pub problems: Vec<Problem>,
    /// The port forwards of this line, and those that belong to no line.
    pub forwards: Vec<ForwardStatus>,
}

impl Status {
    /// Whether the line is up and nothing is missing.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.line.is_some() && self.problems.is_empty()
    }

    /// Returns `up`, `incomplete` or `down`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.line {
            None => "down",
            Some(_) if self.is_up() => "up",
            Some(_) => "incomplete",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.word())?;
        if let (Some(line), Some(plan)) = (&self.line, &self.plan) {
            writeln!(f, ", {} through {} on {}", ports(plan), line.device, line.uplink)?;
            let ranges: Vec<_> = plan.port_set().ranges().map(|range| range.to_string()).collect();
            for (number, ranges) in ranges.chunks(5).enumerate().take(13) {
                let label = if number == 0 { "ports" } else { "" };
                writeln!(f, "  {label:<16} {}", ranges.join("  "))?;
            }
            for (name, value) in self.block.iter().flat_map(AddressBlock::rows) {
                writeln!(f, "  {name:<16} {value}")?;
            }
            writeln!(f, "  {:<16} {}", "end-user prefix", plan.end_user_prefix())?;
            writeln!(f, "  {:<16} {}", "CE address", line.ce)?;
            writeln!(f, "  {:<16} {}", "BR address", line.br)?;
            writeln!(f, "  {:<16} {}", "MTU", line.mtu)?;
            if let Some(source) = &self.rule_source {
                writeln!(f, "  {:<16} {source}", "rule source")?;
            }
        } else {
            writeln!(f)?;
        }
        for forward in &self.forwards {
            writeln!(f, "  {:<16} {}", "forward", Shown(&forward.text()))?;
            for (word, line) in [("because", &forward.reason), ("next step", &forward.hint)] {
                if let Some(line) = line {
                    writeln!(f, "    {word}: {}", Shown(line))?;
                }
            }
        }
        if let Some(Issue { code, message: Some(message), hint, .. }) = &self.provisioning {
            writeln!(f, "  {:<16} {} ({code})", "provisioning", Shown(message))?;
            if let Some(hint) = hint {
                writeln!(f, "    next step: {}", Shown(hint))?;
            }
        }
        if let Some(Problem { what, next }) = &self.update {
            writeln!(f, "  {:<16} {}\n    next step: {}", "update", Shown(what), Shown(next))?;
        }
        for Problem { what, next } in &self.problems {
            writeln!(f, "  {}.\n    next step: {}.", Shown(what), Shown(next))?;
        }
        Ok(())
    }
}

/// Returns the state of the line. Changes nothing.
///
/// # Errors
/// `ip` cannot list devices and routes.
pub fn status(config: &Config, system: &System) -> Result<Status, Failure> {
    let name = config.interface.clone();
    let machine = system.ip.snapshot()?;
    let journal = Journal::read(&system.env.run, &name);
    let plan = State::read(&system.state_file(&name)).ok().and_then(|state| state.plan().ok());
    let mut problems = Vec::new();
    let current = plan.as_ref().map(|plan| plan.end_user_prefix().to_string());
    let learned = Learned::read(config, system);
    match uplink::find(config, &machine, &system.ip, &learned, current.as_deref()) {
        Ok(found) => {
            let wanted = DesiredLine::new(config, &found.uplink, &found.plan);
            problems.extend(gaps(&wanted, &journal, &machine, (config, plan.as_ref()), system));
        }
        Err(failure) => {
            let failure = provisioning::explained(advised_in_file(failure), config, system);
            let FailureParts { message, hint, .. } = failure.into_parts();
            problems.push(Problem { what: message, next: hint });
        }
    }
    let mut forwards = Vec::new();
    match statuses(&system.env) {
        Ok(all) => forwards = all,
        Err(failure) => problems.push(explained(failure)),
    }
    let is_here = |it: &ForwardStatus| it.interface.as_deref().is_none_or(|it| it == name.as_str());
    forwards.retain(is_here);
    let provisioning = last_failure(config, system);
    let update = update(config, &journal).and_then(Result::err);
    let Journal { line, rule_source, .. } = journal;
    let block = plan
        .as_ref()
        .and_then(|plan| AddressBlock::of(plan, &system.env.proc, config.device().as_str()));
    Ok(Status { name, line, plan, block, rule_source, provisioning, update, problems, forwards })
}

/// Returns whether the provider of a fixed-IPv4 contract knows the address of the line that is up:
/// which server does, or why not. `None` if it has no update server, or nothing is up.
fn update(config: &Config, journal: &Journal) -> Option<Result<String, Problem>> {
    let state = contract::state(config, journal, journal.line.as_ref()?.ce)?;
    Some(state.map_err(|(what, next)| Problem { what, next }))
}

/// The same for the line of a configuration.
#[must_use]
pub fn update_state(config: &Config, system: &System) -> Option<Result<String, Problem>> {
    update(config, &Journal::read(&system.env.run, &config.interface))
}

fn gaps(
    wanted: &DesiredLine,
    journal: &Journal,
    machine: &Snapshot,
    (config, plan): (&Config, Option<&Plan>),
    system: &System,
) -> Vec<Problem> {
    let up = || "run mape-proto up".to_owned();
    let steps = check_name(config, system).and_then(|()| steps(wanted, machine, journal, system));
    let mut problems = Vec::new();
    match &journal.line {
        None => {
            // Show that reason: `up` would refuse for it.
            let obstacle = steps.err().map(|error| explained(error.into()));
            problems.push(match obstacle {
                Some(Problem { what, next }) => {
                    Problem { what: format!("the line is not up: {what}"), next }
                }
                None => Problem { what: "the line is not up".to_owned(), next: up() },
            });
            return problems;
        }
        Some(line) if (line.ce, line.br) != (wanted.ce, wanted.br) => {
            let what = format!("the line is now {}, but {} is up", wanted.ce, line.ce);
            problems.push(Problem { what, next: up() });
        }
        Some(_) => {}
    }
    match steps {
        Ok(steps) => {
            let missing = steps.all().map(|line| format!("`ip {line}` is still to be run"));
            problems.extend(missing.map(|what| Problem { what, next: up() }));
        }
        Err(error) => problems.push(explained(error.into())),
    }
    let rules = match is_open(wanted, config, plan, system) {
        Ok(true) => None,
        Ok(false) => Some("the NAT rules are not loaded, so nothing gets out".to_owned()),
        Err(error) => Some(format!("whether the NAT rules are loaded is not known: {error}")),
    };
    problems.extend(rules.map(|what| Problem { what, next: up() }));
    problems
}

/// Whether the NAT rules let the packets of this line's device out.
fn is_open(
    line: &DesiredLine,
    config: &Config,
    plan: Option<&Plan>,
    system: &System,
) -> Result<bool, NetlinkError> {
    let Some(index) = device_index(&system.env, &line.device) else { return Ok(false) };
    let shared = plan.is_none_or(|plan| plan.port_set().parameters().psid_len() > 0);
    Ok(in_force(&system.env.kernel, &config.interface, index, shared)?.open)
}

/// Returns a failure as a problem.
#[must_use]
pub fn explained(failure: Failure) -> Problem {
    let FailureParts { message, hint, .. } = advised_in_file(failure).into_parts();
    Problem { what: message, next: hint }
}
