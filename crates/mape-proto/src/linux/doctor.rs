//! `doctor`: every check with its result, and what to do about what is wrong.

use std::fmt;
use std::fs;

use mape_nft::InterfaceName;

use super::journal::Journal;
use super::line::Line;
use super::status::{Problem, explained, status};
use super::{Config, System, input, uplink};
use crate::failure::Failure;

/// Packets that were sent without an answer before that says something.
const SENT: u64 = 20;

/// What is looked at, with the name it has for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    Uplink,
    Line,
    DefaultRoute,
    Forwarding,
    Input,
    Forward,
    Answers,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uplink => "uplink and prefix",
            Self::Line => "line",
            Self::DefaultRoute => "default route",
            Self::Forwarding => "forwarding",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Answers => "answers",
        })
    }
}

/// The checks in order, each with what was found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) name: InterfaceName,
    pub(crate) checks: Vec<(Check, Result<String, Problem>)>,
}

impl Report {
    /// Whether nothing is wrong.
    pub(crate) fn is_fine(&self) -> bool {
        self.checks.iter().all(|(_, result)| result.is_ok())
    }

    fn add(&mut self, check: Check, result: Result<String, Problem>) {
        self.checks.push((check, result));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (check, result) in &self.checks {
            match result {
                Ok(value) => writeln!(f, "ok    {check}: {value}")?,
                Err(Problem { what, next }) => {
                    writeln!(f, "FAIL  {check}: {what}.\n      next step: {next}.")?;
                }
            }
        }
        Ok(())
    }
}

/// Looks at everything between the uplink and the LAN.
///
/// # Errors
/// The machine cannot be looked at.
pub(crate) fn doctor(config: &Config, system: &System) -> Result<Report, Failure> {
    let machine = system.ip.snapshot()?;
    let mut report = Report { name: config.interface.clone(), checks: Vec::new() };
    let found = match uplink::find(config, &machine, &system.ip, None) {
        Ok(found) => found,
        Err(failure) => {
            let problem = explained(&failure).map(|problem| (Check::Uplink, Err(problem)));
            report.checks.extend(problem);
            return Ok(report);
        }
    };
    let line = Line::new(config, &found);
    let prefix = found.plan.end_user_prefix();
    let of = format!("{prefix} on {}, {}", line.uplink, found.plan.provider_name());
    report.add(Check::Uplink, Ok(of));
    let status = status(config, system)?;
    let complete = status.problems.into_iter().next();
    report.add(
        Check::Line,
        complete.map_or_else(|| Ok(format!("{} of {}", line.device, line.ipv4)), Err),
    );

    let rival = line.rivals(&machine).into_iter().find(|rival| rival.contains("goes before"));
    report.add(
        Check::DefaultRoute,
        rival.map_or_else(
            || Ok("no other goes before it".to_owned()),
            |what| Err(Problem { what, next: "change one of the metrics".to_owned() }),
        ),
    );
    report.add(
        Check::Forwarding,
        if system.ip.forwards() {
            Ok("IPv4 is forwarded".to_owned())
        } else {
            let what = "this machine forwards no IPv4, so only its own connections work";
            let next = "set net.ipv4.ip_forward = 1 in /etc/sysctl.d for a router";
            Err(Problem { what: what.to_owned(), next: next.to_owned() })
        },
    );
    let journal = Journal::read(&system.places.state, &config.interface);
    report.add(Check::Input, from_br(&line, &journal, system));
    report.add(Check::Forward, dropped_on_the_way(&line, system));
    report.add(Check::Answers, answers(&line));
    Ok(report)
}

fn from_br(line: &Line, journal: &Journal, system: &System) -> Result<String, Problem> {
    let extended = |chain: &String| journal.chains.iter().any(|ours| ours.to_string() == *chain);
    let chains = system.nft().dropping("input", &["inet", "ip6"]);
    match chains.into_iter().find(|chain| !extended(chain)) {
        None => Ok("no chain keeps the BR's packets out".to_owned()),
        Some(chain) => Err(Problem {
            what: format!(
                "the chain {chain} drops what it does not know; if it has no rule for the BR, \
                 servers on this line stop answering after some silence"
            ),
            next: format!(
                "add to it `{}`, or set input_chain to {chain} in the configuration",
                input::rule(line)
            ),
        }),
    }
}

fn dropped_on_the_way(line: &Line, system: &System) -> Result<String, Problem> {
    match system.nft().dropping("forward", &["inet", "ip"]).first() {
        None => Ok("no chain drops by default".to_owned()),
        Some(chain) => Err(Problem {
            what: format!(
                "the chain {chain} drops what it does not know (Docker sets one up like that)"
            ),
            next: format!(
                "see that it accepts what goes out of {} and what is established",
                line.device
            ),
        }),
    }
}

fn answers(line: &Line) -> Result<String, Problem> {
    let count = |name: &str| {
        let path = format!("/sys/class/net/{}/statistics/{name}", line.device);
        fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    let (sent, received) = (count("tx_packets"), count("rx_packets"));
    if received == 0 && sent >= SENT {
        let what = format!("{sent} packets were sent to {} and none came back", line.br);
        let next = "see whether another router on this line uses the same address, whether a \
                    firewall drops protocol 4, and whether the contract is MAP-E";
        return Err(Problem { what, next: next.to_owned() });
    }
    Ok(format!("{sent} packets sent, {received} received"))
}
