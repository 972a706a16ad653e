//! `mape-proto status --history`: what was seen of the interfaces in the last day.

use std::fmt::Write as _;

use mape_core::IntoVec as _;
use mape_firewall::Env;
use mape_kernel::uptime::uptime;
use mape_netifd::status::{Change, History, InterfaceStatus, Report, STEP, raise};
use mape_system::json::{object, to_text};
use serde_json::Value;

use super::json::SCHEMA;
use super::units::{UNKNOWN, duration};

const HOUR: u64 = 3600;

pub(super) fn json(report: &Report, env: &Env) -> String {
    let now = uptime(&env.proc).unwrap_or_default();
    let interfaces = report.interfaces.iter().map(|it| of_interface(it, env, now)).into_vec();
    let entries =
        vec![("schema", SCHEMA.into()), ("step", STEP.into()), ("interfaces", interfaces.into())];
    to_text(&object(entries)) + "\n"
}

fn of_interface(status: &InterfaceStatus, env: &Env, now: u64) -> Value {
    let history = read(status, env, now);
    let (mean, most) = history.mean_and_most().unzip();
    let counts = |ports: Option<[u32; 3]>| {
        ports.map_or(Value::Null, |[tcp, udp, icmp]| {
            object(vec![("tcp", tcp.into()), ("udp", udp.into()), ("icmp", icmp.into())])
        })
    };
    let samples = history.samples.iter().map(|sample| {
        let [tcp, udp, icmp] = sample.ports.map(u64::from);
        Value::from(vec![now.saturating_sub(sample.step * STEP), tcp, udp, icmp])
    });
    let changes = changes(&history).map(|(change, event)| {
        let (ipv4, psid) = change.numbers.split_once(' ').unwrap_or_default();
        let ago = now.saturating_sub(change.at);
        object(vec![
            ("ago", ago.into()),
            ("event", event.into()),
            ("ipv4", ipv4.into()),
            ("psid", psid.parse::<u16>().ok().into()),
        ])
    });
    object(vec![
        ("interface", status.interface.as_str().into()),
        ("usable", status.ports.as_ref().map(|ports| ports.usable).into()),
        ("now", counts(status.used())),
        ("average", counts(mean)),
        ("peak", counts(most)),
        ("samples", samples.into_vec().into()),
        ("changes", changes.into_vec().into()),
    ])
}

fn read(status: &InterfaceStatus, env: &Env, now: u64) -> History {
    let name = status.interface.parse();
    name.map_or_else(|_| History::default(), |name| History::read(&env.run, &name, now))
}

/// The changes, each with what it is.
fn changes(history: &History) -> impl Iterator<Item = (&Change, &'static str)> {
    let mut former = "";
    history.changes.iter().map(move |change| {
        let is_other = !former.is_empty() && former != change.numbers;
        former = &change.numbers;
        let event = match (change.up, is_other) {
            (false, _) => "down",
            (true, false) => "up",
            (true, true) => "renumbered",
        };
        (change, event)
    })
}

pub(super) fn text(report: &Report, env: &Env) -> String {
    let now = uptime(&env.proc).unwrap_or_default();
    let mut text = String::new();
    for status in &report.interfaces {
        let history = read(status, env, now);
        let of = status.ports.as_ref().map(|ports| format!(" of {}", ports.usable));
        let of = of.unwrap_or_default();
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "{}, the last day: ports in use{of}\n", status.interface);
        let _ = writeln!(text, "  {:<16} {:>5} {:>5} {:>5}", "", "TCP", "UDP", "ICMP");
        let mut row = |name: &str, ports: Option<[u32; 3]>| {
            let _ = match ports {
                Some([tcp, udp, icmp]) => {
                    writeln!(text, "  {name:<16} {tcp:>5} {udp:>5} {icmp:>5}")
                }
                None => writeln!(text, "  {name:<16} {UNKNOWN}"),
            };
        };
        let (mean, most) = history.mean_and_most().unzip();
        row("now", status.used());
        row("average", mean);
        row("at most", most);
        let hour = |step: u64| now.saturating_sub(step * STEP) / HOUR;
        for samples in history.samples.chunk_by(|a, b| hour(a.step) == hour(b.step)) {
            let mut most = [0; 3];
            let mut hours = 0;
            for sample in samples {
                raise(&mut most, sample.ports);
                hours = hour(sample.step);
            }
            row(&format!("{hours} to {} h ago", hours + 1), Some(most));
        }
        text.push('\n');
        for (change, event) in changes(&history) {
            let ago = format!("{} ago", duration(now.saturating_sub(change.at)));
            let numbers = change.numbers.replace(' ', ", PSID ");
            let _ = writeln!(text, "  {ago:<16} {event}: {numbers}");
        }
        text.push('\n');
    }
    text
}
