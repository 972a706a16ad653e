//! nft and the kernel take every text, in a network namespace of their own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod replacing;
#[path = "../support/mod.rs"]
mod support;

use std::num::NonZeroU16;

use mape_core::{Plan, PortRange};
use mape_nft::{
    Dataplane, Edge, Forwards, Interface, Options, Published, Transport, probe, standalone,
    static_text, transaction,
};
use support::*;

const DEVICE: &str = "ip link add mape-wan type veth peer name p0";

fn shapes() -> Vec<(&'static str, Plan)> {
    let ocn = built_in(OCN, "");
    let ports: Vec<String> = ocn
        .port_set()
        .ranges()
        .flat_map(PortRange::ports)
        .step_by(2)
        .chain(ocn.port_set().ranges().flat_map(PortRange::ports).skip(1).step_by(2))
        .map(|port| port.to_string())
        .take(1000)
        .collect();
    let rule = |rule: &str| own_rule(rule, "2001:db8:12:3400::/64", "");
    vec![
        ("v6plus", built_in(V6PLUS, "")),
        ("15 blocks, reserved", built_in(V6PLUS, "63055,5696-5711,80")),
        ("63 blocks", ocn),
        ("1000 reserved", built_in(OCN, &ports.join(","))),
        ("one block", rule("ipv4=192.0.2.0/24,ea=16,offset=0")),
        ("one-port blocks", rule("ipv4=192.0.2.0/24,ea=16,offset=8")),
        ("one port", rule("ipv4=192.0.2.0/24,ea=23,offset=1")),
        ("larger than its gaps", rule("ipv4=192.0.2.0/24,ea=12,offset=6")),
        ("half the ports", rule("ipv4=192.0.2.0/24,ea=9,offset=4")),
        ("whole address", whole_address()),
        ("whole prefix", whole_prefix()),
    ]
}

#[test]
fn every_shape_on_every_edge() {
    if !can_load() {
        return;
    }
    for (name, plan) in shapes() {
        for edge in EDGES {
            let text = standalone(&interface(&plan, edge));
            let output = sh(&format!("{DEVICE} && nft -c -f $RULES && nft -f $RULES"), &text);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{name}, {edge}: {}",
                error.lines().next().unwrap_or("")
            );
        }
    }
}

/// Ports of a set, some alone and some side by side, in no order: like a person's list, and unlike
/// it.
fn draw(set: &[u16], seed: &mut u32) -> String {
    let mut random = |below: usize| {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *seed as usize / 65_536 % below
    };
    let share = [2, 4, 8, 16, set.len()][random(5)];
    let picked = |_| {
        let first = random(set.len());
        let last = (first + [0, 0, 1, 3][random(4)]).min(set.len() - 1);
        set[first..=last].iter().map(u16::to_string).collect::<Vec<_>>()
    };
    let list: Vec<String> = (0..set.len().div_ceil(share)).flat_map(picked).collect();
    list.join(",")
}

/// Without the rules of the other 63: they have the same ranges in another order, and take the
/// kernel seconds.
fn first_bucket(text: &str) -> String {
    let mut is_first = true;
    let mut lines = Vec::new();
    for line in text.lines() {
        if let Some(chain) = line.strip_prefix("\tchain ") {
            is_first = chain.starts_with("snat-bucket0_");
        }
        if is_first || !line.contains(" numgen inc mod ") {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Whatever is reserved, nft takes the rules: what is left may be single ports, ranges, or both.
#[test]
fn every_reserved_list_on_every_edge() {
    const LISTS: u8 = 200;
    if !can_load() {
        return;
    }
    let mut seed = 1;
    let interfaces = |edge: Edge, seed: &mut u32| -> Vec<Interface> {
        let of = |number: u8| {
            let prefix = format!("2001:db8:12:{number:02x}00::/59");
            let line =
                |reserved: &str| own_rule("ipv4=192.0.2.0/24,ea=19,offset=2", &prefix, reserved);
            let set: Vec<u16> = line("").port_set().ranges().flat_map(PortRange::ports).collect();
            let plan = line(&draw(&set, seed));
            let name = format!("w{number}");
            Interface {
                name: name.parse().unwrap(),
                index: Some(u32::from(number) + 2),
                ..interface(&plan, edge)
            }
        };
        (0..LISTS).map(of).collect()
    };
    for edge in EDGES {
        let interfaces = interfaces(edge, &mut seed);
        let accepted = |some: &[Interface]| {
            let text = first_bucket(&transaction(some).text(""));
            sh(&format!("{DEVICE} && nft -c -f $RULES"), &text).status.success()
        };
        for some in interfaces.chunks(25) {
            if accepted(some) {
                continue;
            }
            let refused = some.iter().find(|one| !accepted(std::slice::from_ref(one)));
            panic!("{edge}: {:?}", refused.map(|it| it.dataplane.reserved()));
        }
    }
}

/// Nothing is loaded that was not asked about before.
#[test]
fn the_probe_is_the_whole_ruleset() {
    if !can_load() {
        return;
    }
    let lines = |text: &str| {
        let output = sh_ok(&format!("{DEVICE} && nft -f $RULES && nft list ruleset"), text);
        let mut lines: Vec<String> = output.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    for (name, plan) in shapes() {
        for edge in EDGES {
            let interface = interface(&plan, edge);
            assert_eq!(lines(&probe(&interface)), lines(&standalone(&interface)), "{name}, {edge}");
        }
    }
    let everything = Interface {
        options: Options { full_cone: true, time_wait: NonZeroU16::new(10), dscp_reset: true },
        forwards: forwards(),
        ..interface(&built_in(V6PLUS, "9024,62272"), Edge::Postrouting)
    };
    assert_eq!(lines(&probe(&everything)), lines(&standalone(&everything)));
}
