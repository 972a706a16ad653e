//! `up`: brings the line up, or restores the previous state.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use log::Level;
use mape_core::{Explain as _, Failure, Plan};
use mape_firewall::{State, intended, load_locked, lock};
use mape_kernel::listening_ports;
use mape_netifd::plan_numbers::ports;
use mape_nft::{Edge, InterfaceName};
use mape_provision::Conflict;
use mape_system::logger;

use crate::advice::advised_in_file;
use crate::announce::{Action, Announcements};
use crate::config::Config;
use crate::contract::{self, Postponed};
use crate::desired::DesiredLine;
use crate::down::take_down;
use crate::error::LinuxError;
use crate::host_firewall;
use crate::ip::Snapshot;
use crate::journal::{self, Journal};
use crate::learned::Learned;
use crate::provisioning::{self, Schedule};
use crate::reconcile::{self, Steps, competing_routes};
use crate::spec::InputChain;
use crate::system::System;
use crate::twins;
use crate::uplink::{self, Found};

/// The result of `up`.
#[derive(Debug)]
pub struct Done {
    pub name: InterfaceName,
    pub line: DesiredLine,
    pub plan: Plan,
    edge: Edge,
    /// Whether the machine was changed.
    pub changed: bool,
    /// Notes for the user, with their levels in the log.
    notes: Vec<(Level, String)>,
    /// The update to the provider that failed, and is to be repeated.
    pub postponed: Option<Postponed>,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = if self.changed { "up" } else { "up already" };
        writeln!(f, "{}: {done}, {}", self.name, self.numbers())?;
        for (_, note) in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        Ok(())
    }
}

impl Done {
    fn numbers(&self) -> String {
        let Self { line, plan, edge, .. } = self;
        format!("{} through {} on {}, edge {edge}", ports(plan), line.device, line.uplink)
    }

    /// Returns the lines for the log. They are the same whether the line was up before or not, and
    /// do not name it.
    pub(super) fn log_lines(self) -> Vec<(Level, String)> {
        let mut lines = vec![(Level::Info, format!("up, {}", self.numbers()))];
        lines.extend(self.notes);
        lines
    }
}

/// The changes that a call is going to make.
struct Task {
    /// The configuration.
    file: Option<PathBuf>,
    /// Whose rule the plan is made from.
    rule_source: Option<String>,
    /// Rules of other sources that contradict it.
    conflicts: Vec<Conflict>,
    line: DesiredLine,
    plan: Plan,
    state: State,
    steps: Steps,
    machine: Snapshot,
}

/// Brings the line up. Does nothing if it is up. If a request to a provisioning server is due, it
/// is sent after that, and the line follows the answer.
///
/// # Errors
/// There is no plan, or a step failed; then the previous state is restored.
pub fn up(config: &Config, system: &System) -> Result<Done, Failure> {
    let done = up_and_tell(config, system, None);
    match Schedule::of(config, system) {
        Schedule::Due(request) => {
            let changed = request.send();
            // A failure names the reason why there is no answer, which is known only now.
            if changed || done.is_err() { up_and_tell(config, system, None) } else { done }
        }
        Schedule::Idle | Schedule::In(_) => done,
    }
}

/// The same without the request. The update to the provider of a fixed-IPv4 contract is sent unless
/// it is the one that is `postponed`.
pub(super) fn up_and_tell(
    config: &Config,
    system: &System,
    postponed: Option<&str>,
) -> Result<Done, Failure> {
    let lock = system.lock(&config.interface)?;
    let mut told = Announcements::default();
    let done = go_up(config, system, postponed, &mut told);
    system.release(&config.interface, lock);
    told.tell(&system.env, &config.interface);
    done.map_err(|failure| provisioning::explained(advised_in_file(failure), config, system))
}

fn go_up(
    config: &Config,
    system: &System,
    postponed: Option<&str>,
    told: &mut Announcements,
) -> Result<Done, Failure> {
    let name = &config.interface;
    let before = Journal::read(&system.env.run, name);
    let old = State::read(&system.state_file(name)).ok();
    let task = match task(config, system, &before, old.as_ref()) {
        Err(failure) if is_without_service(&failure, config, system, &before) => {
            told.line = Some(Action::Down);
            return Err(match take_down(system, name) {
                Ok(_) => failure,
                Err(error) => failure.and_then_failed(&error),
            });
        }
        task => task?,
    };
    let mut journal = before.clone();
    let Applied { edge, changed, notes: more } =
        match apply(system, name, &mut journal, &task, told) {
            Ok(done) => done,
            Err(failure) => return Err(roll_back(system, name, failure, before, old, told)),
        };
    let is_new = task.steps.build.contains(&task.line.add_tunnel());
    told.line = Action::of(before.line.as_ref(), &task.line, is_new);
    if let Some(gone) = before.line.as_ref().filter(|gone| renumbered(gone, old.as_ref(), &task)) {
        // A flow that stays active would keep its dead mapping. Those that cannot be deleted end by
        // their timeout.
        let _ = (system.env.forget)(gone.ipv4);
    }
    let own = notes(system, &task).into_iter().chain(more);
    let mut notes: Vec<_> = own.map(|note| (Level::Warn, note)).collect();
    let update = contract::send_if_new(config, system, &mut journal, task.line.ce, postponed);
    notes.extend(update.note);
    let Task { line, plan, .. } = task;
    let postponed = update.postponed;
    Ok(Done { name: name.clone(), line, plan, edge, changed, notes, postponed })
}

/// Whether the line's rule came from a server, the network offers none any more, and there is no
/// other one: then the standard has the line end (HB46PP 1.1 section 3.6).
fn is_without_service(
    failure: &Failure,
    config: &Config,
    system: &System,
    journal: &Journal,
) -> bool {
    failure.is_without_rule() && provisioning::is_withdrawn(config, system, journal)
}

fn task(
    config: &Config,
    system: &System,
    journal: &Journal,
    old: Option<&State>,
) -> Result<Task, Failure> {
    logger::about(config.interface.as_str(), config.log_level);
    check_name(config, system)?;
    let machine = system.ip.snapshot()?;
    let old_plan = old.and_then(|old| old.plan().ok());
    let current = old_plan.map(|plan| plan.end_user_prefix().to_string());
    let learned = Learned::read(config, system);
    let found = uplink::find(config, &machine, &system.ip, &learned, current.as_deref())?;
    let Found { uplink, plan, source, conflicts } = found;
    let line = DesiredLine::new(config, &uplink, &plan);
    let steps = steps(&line, &machine, journal, system)?;
    let listening = listening_ports::ports(&system.env.proc_net());
    let state = State::new(&config.interface, &plan, &listening, config.edge, config.nft);
    let state = state.after(old);
    let file = Some(config.file.clone());
    let rule_source = Some(source.name().to_owned());
    Ok(Task { file, rule_source, conflicts, line, plan, state, steps, machine })
}

/// Checks that no line of this configuration is up under another name: `up` would leave it there.
pub(super) fn check_name(config: &Config, system: &System) -> Result<(), LinuxError> {
    let others = Journal::lines_from(&system.env.run, &config.file);
    match others.into_iter().find(|name| *name != config.interface) {
        Some(name) => Err(LinuxError::OtherName { name: name.to_string() }),
        None => Ok(()),
    }
}

/// Returns the missing steps.
///
/// # Errors
/// An obstacle that is visible before any change.
pub(super) fn steps(
    line: &DesiredLine,
    machine: &Snapshot,
    journal: &Journal,
    system: &System,
) -> Result<Steps, LinuxError> {
    twins::check(line, machine, system)?;
    reconcile::steps(line, machine, journal)
}

/// The result of the steps.
struct Applied {
    edge: Edge,
    changed: bool,
    /// Why the host's firewall was not extended; forwards that are refused.
    notes: Vec<String>,
}

/// Runs the steps. The journal is written before the first of them and after the last.
fn apply(
    system: &System,
    name: &InterfaceName,
    journal: &mut Journal,
    task: &Task,
    told: &mut Announcements,
) -> Result<Applied, Failure> {
    let Task { file, rule_source, line, state, steps, machine, .. } = task;
    let directory = &system.env.run;
    let ce = line.ce_on_uplink();
    let mut intended = journal.clone();
    intended.file.clone_from(file);
    intended.rule_source.clone_from(rule_source);
    intended.line = Some(line.clone());
    // An address that another program added stays.
    if !journal.owned.contains(&ce) && !machine.has_address(&ce.device, ce.address) {
        intended.owned.push(ce.clone());
    }
    intended.routes.extend(line.route.filter(|route| !journal.routes.contains(route)));
    if let Some(chain) = line.input_chain.iter().find(|chain| !journal.chains.contains(chain)) {
        intended.chains.push(chain.clone());
    }
    write_if_new(journal, intended, system, name)?;

    system.ip.batch(&steps.remove)?;
    system.ip.batch(&steps.build)?;
    if State::read(&system.state_file(name)).ok().as_ref() != Some(state) {
        let path = system.state_file(name);
        state.write(directory).map_err(|error| journal::failed(&path, error))?;
    }
    let lock = lock::take(&system.env.run)?;
    let (mut report, events) = load_locked(&system.env, &lock)?;
    drop(lock);
    told.forwards.push(events);
    // Older rules of this line may be active; the user asked for others.
    if let Some(error) = report.take_refusal(name.as_str()) {
        return Err(error.into());
    }
    let mut notes = Vec::new();
    for (level, line) in report.remarks() {
        // What has happened once is logged now, and is no note of the line.
        match level {
            Level::Info | Level::Debug | Level::Trace => log::log!(level, "{line}"),
            Level::Warn | Level::Error => notes.push(line.to_owned()),
        }
    }
    let edge = report.edge_of(name).ok_or_else(|| LinuxError::NotLoaded(report.to_string()))?;
    system.ip.batch(&steps.open)?;
    let mut changed = steps.all().next().is_some() || !report.is_unchanged();
    for chain in left_chains(journal, line) {
        system.host_firewall().restore(chain, name)?;
    }
    let extended =
        line.input_chain.as_ref().map(|chain| system.host_firewall().extend(chain, line, name));
    // The firewall may just be reloading. The line works without the rule; only packets that the BR
    // sends first are dropped.
    match extended.transpose() {
        Ok(done) => changed |= done == Some(true),
        Err(error) => notes.push(format!("{error}; {}", error.hint())),
    }

    let mut settled = journal.clone();
    settled.owned.retain(|owned| *owned == ce);
    settled.routes.retain(|route| Some(*route) == line.route);
    settled.chains.retain(|chain| Some(chain) == line.input_chain.as_ref());
    write_if_new(journal, settled, system, name)?;
    Ok(Applied { edge, changed, notes })
}

/// Returns the chains that were extended and no longer belong to the line.
fn left_chains<'all>(
    journal: &'all Journal,
    line: &'all DesiredLine,
) -> impl Iterator<Item = &'all InputChain> {
    journal.chains.iter().filter(|chain| Some(*chain) != line.input_chain.as_ref())
}

fn write_if_new(
    journal: &mut Journal,
    new: Journal,
    system: &System,
    name: &InterfaceName,
) -> Result<(), LinuxError> {
    if *journal != new {
        new.write(&system.env.run, name)?;
        *journal = new;
    }
    Ok(())
}

/// Restores the line that was up before, or takes everything down.
fn roll_back(
    system: &System,
    name: &InterfaceName,
    failure: Failure,
    before: Journal,
    old: Option<State>,
    told: &mut Announcements,
) -> Failure {
    let was_up = before.line.is_some();
    // The failed attempt has added to it.
    let mut journal = Journal::read(&system.env.run, name);
    if let (Some(line), Some(state)) = (before.line, old) {
        let restore = || -> Result<(), Failure> {
            let machine = system.ip.snapshot()?;
            let steps = reconcile::steps(&line, &machine, &journal)?;
            let plan = state.plan().map_err(|error| LinuxError::NotLoaded(error.to_string()))?;
            let (file, rule_source, conflicts) = (before.file, before.rule_source, Vec::new());
            let task = Task { file, rule_source, conflicts, line, plan, state, steps, machine };
            apply(system, name, &mut journal, &task, told).map(drop)
        };
        if restore().is_ok() {
            return failure;
        }
    }
    told.line = was_up.then_some(Action::Down);
    match take_down(system, name) {
        Ok(_) => failure,
        Err(error) => failure.and_then_failed(&error),
    }
}

/// Whether the flows of the old line are dead: address or ports have changed.
fn renumbered(gone: &DesiredLine, old: Option<&State>, task: &Task) -> bool {
    let old_ports = old.and_then(|old| old.plan().ok()).map(|plan| plan.port_set());
    gone.ipv4 != task.line.ipv4 || old_ports.is_some_and(|ports| ports != task.plan.port_set())
}

fn notes(system: &System, task: &Task) -> Vec<String> {
    let Task { line, plan, machine, conflicts, .. } = task;
    let mut notes = competing_routes(line, machine);
    notes.extend(conflicts.iter().map(ToString::to_string));
    for twin in twins::twins(line, machine, system) {
        notes.push(format!("{}: {}", twin.what(line), twin.next()));
    }
    let contract = twins::contract_beside(line, machine);
    notes.extend(contract.map(|(what, next)| format!("{what}: {next}")));
    if let Some(table) = line.route.and_then(|route| route.table) {
        notes.push(format!(
            "the default route is in table {table}; an `ip rule` has to send packets there"
        ));
    }
    if line.input_chain.is_none() {
        let from_br = [vec![host_firewall::from_br(line)]];
        let obstacles = system.host_firewall().obstacles("input", &["inet", "ip6"], &from_br);
        for (chain, fate) in obstacles.unwrap_or_default() {
            let drops = fate.verb();
            notes.push(format!(
                "the firewall's chain {chain} {drops} what the BR sends first. Servers on this line \
                 need: nft insert rule {chain} {} (or input_chain {chain} in the configuration)",
                host_firewall::rule(line)
            ));
        }
    }
    let outside = plan.reserved_outside();
    if !outside.is_empty() {
        let ports: Vec<String> = outside.iter().map(ToString::to_string).collect();
        notes.push(format!("not in the port set, nothing can arrive there: {}", ports.join(" ")));
    }
    notes
}

/// Returns what [`up`] would run now, as a shell script that ends at the first failure, so nothing
/// leaves without rules. If the tunnel has to be created, the rules name the device; `up` itself
/// binds them to its index, which is known only then.
///
/// # Errors
/// Those of [`up`] that are known before any change.
pub fn dry_run(config: &Config, system: &System) -> Result<String, Failure> {
    let name = &config.interface;
    let journal = Journal::read(&system.env.run, name);
    let old = State::read(&system.state_file(name)).ok();
    let task = task(config, system, &journal, old.as_ref()).map_err(advised_in_file)?;
    let Task { line, plan, state, steps, .. } = &task;
    let rules = intended(&system.env, state, steps.build.contains(&line.add_tunnel()))?;
    let mut text =
        format!("# {name}: {} through {} on {}\nset -e\n", ports(plan), line.device, line.uplink);
    let mut runs = vec![
        ("ip -batch -", [&steps.remove[..], &steps.build].concat().join("\n")),
        ("nft -f -", rules.unwrap_or_default()),
        ("ip -batch -", steps.open.join("\n")),
    ];
    let restorations =
        left_chains(&journal, line).map(|chain| system.host_firewall().restoration(chain, name));
    let extension =
        line.input_chain.as_ref().map(|chain| system.host_firewall().extension(chain, line, name));
    runs.extend(restorations.flatten().map(|text| ("nft -f -", text)));
    let note = match extension.transpose() {
        Ok(extension) => {
            runs.extend(extension.flatten().map(|text| ("nft -f -", text)));
            String::new()
        }
        Err(error) => format!("# note: {error}\n"),
    };
    if let Some(note) = contract::intended(config, &journal, line.ce) {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "# note: {note}");
    }
    // Writing into a `String` cannot fail.
    for (program, input) in runs.iter().filter(|(_, input)| !input.is_empty()) {
        let _ = writeln!(text, "{program} <<'EOF'\n{}\nEOF", input.trim_end());
    }
    if let Some(gone) = journal.line.as_ref().filter(|gone| renumbered(gone, old.as_ref(), &task)) {
        let _ = writeln!(text, "mape-proto firewall --only-forget {} || :", gone.ipv4);
    }
    Ok(text + &note)
}

#[cfg(test)]
mod tests;
