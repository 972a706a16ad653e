//! `doctor`: every check with its result, and what to do about what is wrong.

use std::fmt;
use std::fs;

use mape_core::{Failure, Shown};
use mape_linux::desired::Line;
use mape_linux::filter::Packet;
use mape_linux::ip::{Device, Snapshot};
use mape_linux::status::{Problem, explained, status};
use mape_linux::twins::twins;
use mape_linux::{Config, System, host_firewall as input, uplink};
use mape_nft::InterfaceName;

use super::kernel::trouble;

/// Packets that were sent without an answer before that says something.
const SENT: u64 = 20;

/// What is looked at, with the name it has for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    Kernel,
    Uplink,
    Line,
    Tunnels,
    DefaultRoute,
    Forwarding,
    Input,
    Forward,
    Answers,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Uplink => "uplink and prefix",
            Self::Line => "line",
            Self::Tunnels => "other tunnels",
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
                Ok(value) => writeln!(f, "ok    {check}: {}", Shown(value))?,
                Err(Problem { what, next }) => {
                    let (what, next) = (Shown(what), Shown(next));
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
    report.checks.extend(kernel(system).map(|problem| (Check::Kernel, Err(problem))));
    let found = match uplink::find(config, &machine, &system.ip, None) {
        Ok(found) => found,
        Err(failure) => {
            report.checks.push((Check::Uplink, Err(explained(failure))));
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

    report.checks.extend(left_over(&line, &machine, system).map(|it| (Check::Tunnels, it)));
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
    report.add(Check::Input, from_br(&line, system));
    report.add(Check::Forward, dropped_on_the_way(&line, &machine, system));
    report.add(Check::Answers, answers(&line));
    Ok(report)
}

/// Nothing where nothing is known against the kernel that runs.
fn kernel(system: &System) -> Option<Problem> {
    let (what, _) = trouble(system.ip.release()?.trim())?;
    Some(Problem { what, next: "install the kernel 6.12.71 or a later one".to_owned() })
}

/// Tunnels of others with the same two ends. `None` where one is in the way: that is why the line
/// is not up, and told there.
fn left_over(line: &Line, machine: &Snapshot, system: &System) -> Option<Result<String, Problem>> {
    match twins(line, machine, system).first() {
        None => Some(Ok("none has this line's ends".to_owned())),
        Some(twin) if twin.is_in_the_way => None,
        Some(twin) => Some(Err(Problem { what: twin.what(line), next: twin.next() })),
    }
}

fn from_br(line: &Line, system: &System) -> Result<String, Problem> {
    let chains = system.nft().dropping("input", &["inet", "ip6"], &[input::from_br(line)]);
    match chains.first() {
        None => Ok("no chain keeps the BR's packets out".to_owned()),
        Some(chain) => Err(Problem {
            what: format!(
                "the chain {chain} drops what the BR sends first, so servers on this line stop \
                 answering after some silence"
            ),
            next: format!(
                "add to it `{}` before what drops, or set input_chain to {chain} in the configuration",
                input::rule(line)
            ),
        }),
    }
}

fn dropped_on_the_way(line: &Line, machine: &Snapshot, system: &System) -> Result<String, Problem> {
    let packets = forwarded(line, machine);
    match system.nft().dropping("forward", &["inet", "ip"], &packets).first() {
        None => Ok("no chain drops what goes out or comes back".to_owned()),
        Some(chain) => Err(Problem {
            what: format!(
                "the chain {chain} drops what goes out or what comes back (Docker sets one up \
                 like that)"
            ),
            next: format!(
                "see that it accepts what goes out of {} and what is established",
                line.device
            ),
        }),
    }
}

/// What goes out of the LAN, and what comes back to it.
fn forwarded(line: &Line, machine: &Snapshot) -> [Packet; 2] {
    // Docker lets out its own networks, and that says nothing of the LAN.
    let is_dockers = |name: &str| {
        let number = name.strip_prefix("br-").unwrap_or_default();
        name == "docker0"
            || number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_lan = |device: &&Device| {
        let name = device.ifname.as_str();
        let others = ["lo", line.device.as_str(), line.uplink.as_str()];
        let mut addresses = device.addr_info.iter().filter_map(|address| address.local);
        addresses.any(|address| address.is_ipv4()) && !others.contains(&name) && !is_dockers(name)
    };
    let lan: Vec<&str> =
        machine.devices.iter().filter(is_lan).map(|device| device.ifname.as_str()).collect();
    let forwarded = || Packet::default().with("meta nfproto", &["ipv4"]);
    let any: [&str; 0] = [];
    [
        forwarded()
            .with("iifname", &lan)
            .with("oifname", &[&line.device])
            .with("ip saddr", &any)
            .with("ct state", &["new"]),
        forwarded()
            .with("iifname", &[&line.device])
            .with("oifname", &lan)
            .with("ip daddr", &any)
            .with("ct state", &["established"]),
    ]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_receives_nothing_is_told() {
        let proc = std::env::temp_dir().join(format!("mape-kernel-{}", std::process::id()));
        fs::create_dir_all(proc.join("sys/kernel")).unwrap();
        let system =
            System::new(mape_firewall::Env { proc: proc.clone(), ..mape_firewall::Env::default() });
        assert_eq!(kernel(&system), None);
        for (release, told) in [
            ("6.12.69+deb13-amd64\n", true),
            ("6.12.71+deb13-amd64\n", false),
            ("6.1.0-41-amd64\n", false),
        ] {
            fs::write(proc.join("sys/kernel/osrelease"), release).unwrap();
            let problem = kernel(&system);
            assert_eq!(problem.is_some(), told, "{release}");
            assert!(
                problem.is_none_or(|it| it.next.contains("6.12.71") && it.what.contains("deb13"))
            );
        }
        fs::remove_dir_all(&proc).unwrap();
    }
}
