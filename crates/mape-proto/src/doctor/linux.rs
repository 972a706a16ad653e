//! `doctor` on plain Linux: the result of each check, with the next step.

use std::fs;

use mape_core::{Failure, IntoVec as _};
use mape_linux::desired::DesiredLine;
use mape_linux::host_firewall::Packet;
use mape_linux::ip::{Device, Snapshot};
use mape_linux::reconcile::competing_routes;
use mape_linux::status::{Problem, explained, status, update_state};
use mape_linux::twins::{contract_beside, twins};
use mape_linux::{Config, Learned, System, host_firewall as input, last_failure, uplink};
use mape_net::Fetcher;
use mape_provision::Mode;

use super::finding::{Finding, MIN_SENT_PACKETS, Report};
use super::kernel::trouble;
use super::linux_servers;

/// Checks everything between the uplink and the LAN.
///
/// # Errors
/// `ip` cannot list devices and routes.
pub(crate) fn doctor(config: &Config, system: &System) -> Result<Report, Failure> {
    Ok(Report::new(Some(config.interface.to_string()), findings(config, system)?))
}

fn findings(config: &Config, system: &System) -> Result<Vec<Finding>, Failure> {
    let machine = system.ip.snapshot()?;
    let mut findings = Vec::new();
    let mut add = |check, result| findings.push(finding(check, result));
    if let Some(problem) = kernel(system) {
        add("kernel", Err(problem));
    }
    let provisioning = provisioning(config, system);
    let learned = Learned::read(config, system);
    let found = match uplink::find(config, &machine, &system.ip, &learned, None) {
        Ok(found) => found,
        Err(failure) => {
            add("uplink", Err(explained(failure)));
            findings.extend(provisioning);
            return Ok(findings);
        }
    };
    let line = DesiredLine::new(config, &found.uplink, &found.plan);
    let prefix = found.plan.end_user_prefix();
    let of = format!("{prefix} on {}, {}", line.uplink, found.plan.provider_name());
    add("uplink", Ok(of));
    if let Some(finding) = provisioning {
        findings.push(finding);
    }
    let mut add = |check, result| findings.push(finding(check, result));
    let status = status(config, system)?;
    let complete = status.problems.into_iter().next();
    add("line", complete.map_or_else(|| Ok(format!("{} of {}", line.device, line.ipv4)), Err));

    if let Some(result) = update_state(config, system) {
        add("update", result);
    }
    if let Some(result) = left_over(&line, &machine, system) {
        add("tunnels", result);
    }
    let rival =
        competing_routes(&line, &machine).into_iter().find(|rival| rival.contains("goes before"));
    add(
        "default_route",
        rival.map_or_else(
            || Ok("no other default route has a smaller metric".to_owned()),
            |what| Err(Problem { what, next: "change one of the metrics".to_owned() }),
        ),
    );
    add(
        "forwarding",
        if system.ip.forwards() {
            Ok("IPv4 is forwarded".to_owned())
        } else {
            let what = "IPv4 forwarding is off, so only connections of this machine work";
            let next = "if it is a router, set net.ipv4.ip_forward = 1 in /etc/sysctl.d";
            Err(Problem { what: what.to_owned(), next: next.to_owned() })
        },
    );
    add("input", from_br(&line, system));
    add("forward", dropped_on_the_way(&line, &machine, system));
    add("answers", answers(&line));
    findings.extend(linux_servers::checks(&line, &machine, system));
    Ok(findings)
}

fn finding(check: &'static str, result: Result<String, Problem>) -> Finding {
    match result {
        Ok(message) => Finding::fine(check, message),
        Err(Problem { what, next }) => Finding::wrong(check, what, next),
    }
}

/// Reports why the last request to a provisioning server gave nothing, or that no program can send
/// one. `None` if provisioning is off, or all is well.
fn provisioning(config: &Config, system: &System) -> Option<Finding> {
    const CHECK: &str = "provisioning";
    (config.provisioning != Mode::Off).then_some(())?;
    if Fetcher::find(None).is_none() {
        let what = "no program is installed that could send a request to a provisioning server";
        return Some(Finding::wrong(CHECK, what, "install curl"));
    }
    let issue = last_failure(config, system)?;
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| issue.code.clone());
    Some(Finding::wrong(CHECK, text(&issue.message), text(&issue.hint)))
}

/// Returns the known fault of the running kernel, if it has one.
fn kernel(system: &System) -> Option<Problem> {
    let (what, _) = trouble(system.ip.release()?.trim())?;
    Some(Problem { what, next: "install kernel 6.12.71 or later".to_owned() })
}

/// Checks for other tunnels with the line's ends, and for that of a contract with an address of its
/// own. `None` if a tunnel with the line's ends is on the same uplink: the check
/// `line` reports it.
fn left_over(
    line: &DesiredLine,
    machine: &Snapshot,
    system: &System,
) -> Option<Result<String, Problem>> {
    match twins(line, machine, system).first() {
        None => Some(match contract_beside(line, machine) {
            None => Ok("no other tunnel has the ends of this line".to_owned()),
            Some((what, next)) => Err(Problem { what, next }),
        }),
        Some(twin) if twin.is_in_the_way => None,
        Some(twin) => Some(Err(Problem { what: twin.what(line), next: twin.next() })),
    }
}

fn from_br(line: &DesiredLine, system: &System) -> Result<String, Problem> {
    let from_br = [vec![input::from_br(line)]];
    let obstacles = match system.host_firewall().obstacles("input", &["inet", "ip6"], &from_br) {
        Ok(obstacles) => obstacles,
        Err(error) => return Ok(format!("not checked: {error}")),
    };
    match obstacles.first() {
        None => Ok("no chain drops packets from the BR".to_owned()),
        Some((chain, fate)) => Err(Problem {
            what: format!(
                "the chain {chain} {} unsolicited packets from the BR, so servers on this line \
                 become unreachable after an idle period",
                fate.verb()
            ),
            next: format!(
                "run `nft insert rule {chain} {}`, or set input_chain to {chain} in the configuration",
                input::rule(line)
            ),
        }),
    }
}

fn dropped_on_the_way(
    line: &DesiredLine,
    machine: &Snapshot,
    system: &System,
) -> Result<String, Problem> {
    let packets = forwarded(line, machine);
    let obstacles = match system.host_firewall().obstacles("forward", &["inet", "ip"], &packets) {
        Ok(obstacles) => obstacles,
        Err(error) => return Ok(format!("not checked: {error}")),
    };
    match obstacles.first() {
        None => Ok("no chain drops packets from the LAN or replies to them".to_owned()),
        Some((chain, fate)) => Err(Problem {
            what: format!(
                "the chain {chain} {} packets from the LAN or replies to them (Docker \
                 creates such a chain)",
                fate.verb()
            ),
            next: format!(
                "make it accept both, for example with `nft insert rule {chain} oifname \
                 \"{device}\" accept` and `nft insert rule {chain} iifname \"{device}\" ct state \
                 established,related accept`",
                device = line.device
            ),
        }),
    }
}

/// Returns packets from the LAN, and replies to them: one alternative per possible LAN device.
fn forwarded(line: &DesiredLine, machine: &Snapshot) -> [Vec<Packet>; 2] {
    // Docker accepts packets of its own networks, which says nothing about the LAN.
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
    let ipv4 = || Packet::default().with("meta nfproto", &["ipv4"]).without(&["ip6", "icmpv6"]);
    let out = || ipv4().with("meta oifname", &[&line.device]).with("ct state", &["new"]);
    let back = || ipv4().with("meta iifname", &[&line.device]).with("ct state", &["established"]);
    let lan: Vec<&str> =
        machine.devices.iter().filter(is_lan).map(|device| device.ifname.as_str()).into_vec();
    if lan.is_empty() {
        return [vec![out()], vec![back()]];
    }
    [
        lan.iter().map(|name| out().with("meta iifname", &[name])).into_vec(),
        lan.iter().map(|name| back().with("meta oifname", &[name])).into_vec(),
    ]
}

fn answers(line: &DesiredLine) -> Result<String, Problem> {
    let count = |name: &str| {
        let path = format!("/sys/class/net/{}/statistics/{name}", line.device);
        fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    let (sent, received) = (count("tx_packets"), count("rx_packets"));
    if received == 0 && sent >= MIN_SENT_PACKETS {
        let what = format!("{sent} packets were sent to {} and none came back", line.br);
        let next = "check that no other router on this line uses the same address, that no \
                    firewall drops protocol 4, and that the contract is MAP-E";
        return Err(Problem { what, next: next.to_owned() });
    }
    Ok(format!("{sent} packets sent, {received} received"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_receives_nothing_is_reported() {
        let proc = std::env::temp_dir().join(format!("mape-kernel-{}", std::process::id()));
        fs::create_dir_all(proc.join("sys/kernel")).unwrap();
        let system =
            System::new(mape_firewall::Env { proc: proc.clone(), ..mape_firewall::Env::default() });
        assert_eq!(kernel(&system), None);
        for (release, is_reported) in [
            ("6.12.69+deb13-amd64\n", true),
            ("6.12.71+deb13-amd64\n", false),
            ("6.1.0-41-amd64\n", false),
        ] {
            fs::write(proc.join("sys/kernel/osrelease"), release).unwrap();
            let problem = kernel(&system);
            assert_eq!(problem.is_some(), is_reported, "{release}");
            assert!(
                problem.is_none_or(|it| it.next.contains("6.12.71") && it.what.contains("deb13"))
            );
        }
        fs::remove_dir_all(&proc).unwrap();
    }
}
