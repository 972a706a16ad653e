//! Checks the interface: its state, provisioning, default route, flow offload, conflicting
//! leftovers and the answers of the BR.

use mape_core::{Code, IntoVec as _, ShellWord};
use mape_import::{Leftover, leftovers_of};
use mape_kernel::device::Device;
use mape_kernel::link::tunnel_between;
use mape_netifd::InterfaceDump;
use mape_netifd::status::{Condition, Counts, InterfaceStatus};

use super::context::Context;
use super::finding::{Finding, Fix, MIN_SENT_PACKETS};
use super::{forwards, resolvers, zone};

pub(super) fn checks(context: &Context<'_>) -> Vec<Finding> {
    let Some(interface) = &context.interface else {
        return vec![
            Finding::wrong(
                "interface",
                "there is no interface of proto mape",
                "run `mape-proto detect`, which shows the section to write",
            )
            .with_kind("no_mape_interface"),
        ];
    };
    let mut checks = vec![condition(interface)];
    checks.extend(provisioning(context, interface));
    checks.extend(zone::firewall(context));
    checks.extend(zone::zone(context, interface));
    checks.push(default_route(context, interface));
    checks.extend(offload(interface));
    checks.extend(forwards::checks(context, interface));
    checks.extend(leftovers(context, interface));
    checks.extend(answers(context, interface));
    checks.extend(resolvers::check(context, interface));
    checks
}

fn condition(interface: &InterfaceStatus) -> Finding {
    const CHECK: &str = "interface";
    let name = &interface.interface;
    match (interface.state, &interface.error) {
        (Condition::Up, _) => match &interface.warning {
            Some(issue) => {
                let hint = issue.hint.clone().unwrap_or_default();
                let message = issue.message.clone().unwrap_or_else(|| issue.code.clone());
                let found = Finding::wrong(CHECK, format!("{name} is up, but {message}"), hint)
                    .with("name", name)
                    .with_issue(issue);
                if issue.code == Code::CeMissing.as_str() {
                    found.with_kind("ce_missing").with_fix(Fix::Retry { interface: name.clone() })
                } else {
                    found.with_kind("warning")
                }
            }
            None => Finding::fine(CHECK, format!("{name} is up, device {}", interface.device)),
        },
        (Condition::Blocked, _) => Finding::wrong(
            CHECK,
            format!("{name} is up, but its rules are not loaded, so it carries no traffic"),
            "run `service firewall restart`; if that does not help, see `mape-proto firewall`",
        )
        .with_kind("shut")
        .with("interface", name)
        .with_fix(Fix::LoadRules),
        (_, Some(issue)) => {
            let message = issue.message.clone().unwrap_or_else(|| issue.code.clone());
            let hint = issue.hint.clone().unwrap_or_else(|| "see `logread`".to_owned());
            Finding::wrong(CHECK, format!("{name} is not up: {message}"), hint)
                .with_kind("failed")
                .with("name", name)
                .with_issue(issue)
                .with_evidence(issue.code.clone())
                .with_fix(Fix::Retry { interface: name.clone() })
        }
        (_, None) => Finding::wrong(
            CHECK,
            format!("{name} is not up, and netifd reports no reason"),
            format!("run `ifup {name}`, and see `logread`"),
        )
        .with_kind("no_reason")
        .with("interface", name)
        .with_fix(Fix::Retry { interface: name.clone() }),
    }
}

/// Reports the failure of the last provisioning request, if provisioning is used.
fn provisioning(context: &Context<'_>, interface: &InterfaceStatus) -> Option<Finding> {
    const CHECK: &str = "provisioning";
    let name = interface.interface.parse().ok()?;
    let issue = mape_netifd::provisioning_failure(context.env, &name)?;
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| issue.code.clone());
    Some(Finding::wrong(CHECK, text(&issue.message), text(&issue.hint)).with_issue(&issue))
}

/// Finds an IPv4 default route of another interface whose metric is not greater.
fn default_route(context: &Context<'_>, interface: &InterfaceStatus) -> Finding {
    const CHECK: &str = "default_route";
    let is_own = |it: &&InterfaceDump| it.name == interface.interface;
    let routes = || context.dump.interfaces().filter(|it| it.has_ipv4_default_route());
    let Some(InterfaceDump { metric, .. }) = routes().find(is_own) else {
        return if interface.state == Condition::Up {
            Finding::wrong(
                CHECK,
                format!("{} has no IPv4 default route", interface.interface),
                "remove the option defaultroute 0, unless another line is meant to carry IPv4",
            )
            .with_kind("no_route")
            .with("interface", &interface.interface)
        } else {
            Finding::fine(CHECK, "none yet, as the interface is not up")
        };
    };
    match routes().find(|it| !is_own(it) && it.metric <= *metric) {
        None => Finding::fine(CHECK, format!("that of {}", interface.interface)),
        Some(InterfaceDump { name, proto, metric: other, .. }) => Finding::wrong(
            CHECK,
            format!("the default route of {name} competes with that of {}", interface.interface),
            format!(
                "give {name} a greater metric (`uci set network.{name}.metric=100`), or remove it"
            ),
        )
        .with_kind("rival")
        .with("interface", &interface.interface)
        .with("other", name)
        .with_evidence(format!(
            "metric {other} of {name} (proto {proto}), {metric} of {}",
            interface.interface
        )),
    }
}

fn offload(interface: &InterfaceStatus) -> Option<Finding> {
    const CHECK: &str = "flow_offload";
    let offload = &interface.flow_offload;
    (offload.on == Some(true)).then_some(())?;
    Some(match (offload.used, offload.reason) {
        (_, Some(reason)) if offload.is_beyond_the_kernel() => {
            Finding::fine(CHECK, format!("on, but not for {}: {reason}", interface.interface))
        }
        (Some(false), Some(reason)) => Finding::wrong(
            CHECK,
            format!("flow offload is on, but is not used for {}: {reason}", interface.interface),
            "remove the option edge; if that does not help, the kernel has no egress hooks",
        )
        .with("interface", &interface.interface),
        _ => Finding::fine(CHECK, "on, and used for this line"),
    })
}

fn leftovers(context: &Context<'_>, interface: &InterfaceStatus) -> Vec<Finding> {
    const CHECK: &str = "leftovers";
    let mut found = leftovers_of(&context.router, &interface.interface);
    found.retain(|leftover| !works_itself(context, leftover));
    let twin = twin(context, interface);
    if found.is_empty() && twin.is_none() {
        return vec![Finding::fine(CHECK, "no conflicting leftovers found")];
    }
    let finding = |leftover: Leftover| {
        let hint = leftover.remove.join("; ");
        Finding::wrong(CHECK, format!("{}: {}", leftover.what, leftover.why), hint)
            .with("leftover", leftover.kind)
            .with("what", &leftover.what)
            .with_evidence(leftover.kind)
    };
    found.into_iter().map(finding).chain(twin).into_vec()
}

/// Finds another tunnel with the same two ends, and the command that removes it. A tunnel that
/// blocks the interface is reported as the reason why the interface is not up, and not here.
fn twin(context: &Context<'_>, interface: &InterfaceStatus) -> Option<Finding> {
    const CHECK: &str = "leftovers";
    let line = interface.line.as_ref().filter(|_| interface.state != Condition::Pending)?;
    let devices = &context.env.devices;
    let device =
        tunnel_between(devices, (line.tunnel.ce, line.tunnel.br), None, &interface.device)?;
    let is_its = |it: &&InterfaceDump| it.device.as_deref() == Some(device.as_str());
    let hint = match context.dump.interfaces().find(is_its) {
        Some(owner) => format!("remove the interface {}: a line has only one tunnel", owner.name),
        None => {
            format!(
                "remove it with `ip link del {}`, and its configuration",
                ShellWord::quoted(&device)
            )
        }
    };
    let message = format!("the tunnel {device} has the same two ends as this line");
    Some(Finding::wrong(CHECK, message, hint).with_kind("twin").with("device", &device))
}

/// Whether a leftover is another section of proto `mape` that owns the line. The section that works
/// must not be switched off, and the other one reports the conflict itself.
fn works_itself(context: &Context<'_>, leftover: &Leftover) -> bool {
    let name = leftover.what.strip_prefix("network.").filter(|_| leftover.kind == "second-ce");
    let other = name.and_then(|name| context.dump.interface(name));
    let waits = |other: &InterfaceDump| {
        other.errors.iter().any(|error| error.code == Code::LineTaken.as_str())
    };
    other.is_some_and(|other| other.is_ours() && (other.up || !waits(other)))
}

/// Compares the tunnel's packet counters, without sending anything. They are counted from the last
/// event of the interface, because earlier packets say nothing about the present line.
fn answers(context: &Context<'_>, interface: &InterfaceStatus) -> Option<Finding> {
    const CHECK: &str = "answers";
    let env = context.env;
    let all = Counts::of(&Device::find(&env.devices, &interface.device)?)?;
    let name = interface.interface.parse().ok()?;
    let (Counts { sent, received, .. }, since) = match all.since(&env.run, &name) {
        Some(counts) => (counts, "the last event"),
        None => (all, "the tunnel was made"),
    };
    let evidence = format!("{sent} packets sent since {since}, {received} received");
    Some(if received == 0 && sent >= MIN_SENT_PACKETS {
        Finding::wrong(
            CHECK,
            "no packets received from the BR",
            "check that no other router on this line has the same CE address, that the contract is \
             MAP-E, and that your own rule, if any, has the right BR and layout",
        )
        .with("sent", &sent.to_string())
        .with_evidence(evidence)
    } else {
        Finding::fine(CHECK, evidence)
    })
}
