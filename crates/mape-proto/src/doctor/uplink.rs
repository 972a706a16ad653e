//! Checks everything below MAP-E: contract, uplink, prefix, DUID, MTU and the LAN's IPv6.

use mape_core::IntoVec as _;
use mape_kernel::device::Device;
use mape_net::Fetcher;
use mape_netifd::{InterfaceDump, line_facts};
use mape_provision::{LineType, Verdict};

use super::context::Context;
use super::finding::{Finding, Fix};

/// DUID types that are not DUID-LL (RFC 8415 sections 11.2, 11.3 and 11.5).
const OTHER_DUIDS: [(&str, &str); 3] = [
    ("0001", "carries a time (DUID-LLT)"),
    ("0002", "is a maker's number (DUID-EN)"),
    ("0004", "is a random number (DUID-UUID)"),
];

pub(super) fn checks(context: &Context<'_>, ask_gateway: bool) -> Vec<Finding> {
    let mut facts = line_facts(&context.dump, context.env);
    if ask_gateway {
        facts.gateway = Fetcher::find(None).as_ref().and_then(mape_net::ask_gateway);
    }
    let verdict = mape_provision::detect(&facts);
    let mut checks = vec![uplink(context, &verdict)];
    checks.extend(contract(context, &verdict));
    checks.extend(duid(context, verdict.line == LineType::NoIpv6));
    checks.extend(mtu(context));
    checks.extend(relay(context));
    checks
}

fn uplink(context: &Context<'_>, verdict: &Verdict) -> Finding {
    const CHECK: &str = "uplink";
    match (context.uplink(), verdict.prefix) {
        (Some(uplink), Some(prefix)) if verdict.line != LineType::NoIpv6 => {
            Finding::fine(CHECK, format!("{} has the prefix {prefix}", uplink.name))
        }
        (Some(uplink), _) => {
            let up = if uplink.up { "up" } else { "down" };
            Finding::wrong(
                CHECK,
                format!("the interface {} has no global IPv6 prefix", uplink.name),
                "check the cable and `ifstatus` of that interface; see also the checks below",
            )
            .with_kind("no_prefix")
            .with("interface", &uplink.name)
            .with_evidence(format!("it is {up}, of proto {}", uplink.proto))
        }
        (None, _) => Finding::wrong(
            CHECK,
            "no interface requests IPv6",
            "add an interface wan6 of proto dhcpv6 on the WAN device",
        )
        .with_kind("no_interface"),
    }
}

/// Checks that the line is a MAP-E line, and not one without a contract, with another technology or
/// behind a home gateway.
fn contract(context: &Context<'_>, verdict: &Verdict) -> Option<Finding> {
    const CHECK: &str = "contract";
    let says = |finding: Finding| {
        verdict.evidence.iter().chain(&verdict.against).fold(finding, |finding, evidence| {
            finding.with_evidence(format!("{}: {}", evidence.from, evidence.says))
        })
    };
    let up = context.interface.as_ref().is_some_and(|it| it.uptime.is_some());
    Some(says(match verdict.line {
        LineType::NoIpv6 => return None,
        LineType::MapE => {
            let by = verdict.provider.map_or_else(String::new, |name| format!(" of {name}"));
            Finding::fine(CHECK, format!("a MAP-E line{by}"))
        }
        // The user has stated a rule, which takes precedence over the table.
        LineType::Unknown if up => {
            Finding::fine(CHECK, "the built-in table does not cover this prefix")
        }
        other => Finding::wrong(
            CHECK,
            format!("this line cannot use MAP-E as it is ({})", other.name()),
            verdict.next_step.clone(),
        )
        .with_kind(other.name()),
    }))
}

/// Checks the DUID. NTT's servers answer only a DUID-LL; OpenWrt 25.12 generates another type.
fn duid(context: &Context<'_>, without_prefix: bool) -> Option<Finding> {
    const CHECK: &str = "duid";
    let uplink = context.uplink().filter(|uplink| uplink.proto == "dhcpv6")?;
    let of_interface = context.router.interfaces().find(|it| it.name() == uplink.name);
    let option = |name: &str| of_interface.as_ref().and_then(|it| it.get(name));
    let own = option("clientid");
    if own.is_none() && option("sendclientid") == Some("hardware") {
        return Some(Finding::fine(CHECK, "the DHCPv6 client sends a DUID of the device"));
    }
    let global = context.router.globals().and_then(|it| it.get("dhcp_default_duid"));
    let duid = own.or(global)?.to_ascii_lowercase();
    let other = OTHER_DUIDS.into_iter().find(|(kind, _)| duid.starts_with(kind));
    let Some((_, other)) = other else {
        return Some(Finding::fine(CHECK, "the DHCPv6 client's DUID carries no time"));
    };
    let finding = if without_prefix {
        let name = &uplink.name;
        let clientid = mac(context, uplink).map(|mac| format!("00030001{mac}"));
        let hint = clientid.as_ref().map_or_else(
            || format!("set a clientid of the type 00030001MAC for {name}"),
            |duid| {
                format!("`uci set network.{name}.clientid={duid}; uci commit network; ifup {name}`")
            },
        );
        let wrong = Finding::wrong(
            CHECK,
            format!("the DHCPv6 client's DUID {other}, which NTT's servers do not answer"),
            hint,
        )
        .with("interface", name);
        match clientid {
            Some(clientid) => wrong.with_fix(Fix::ClientId { interface: name.clone(), clientid }),
            None => wrong,
        }
    } else {
        Finding::fine(CHECK, format!("the DUID {other}, and the server of this line accepts it"))
    };
    Some(finding.with_evidence(format!("it is {duid}")))
}

fn mac(context: &Context<'_>, uplink: &InterfaceDump) -> Option<String> {
    let file = context.env.devices.join(uplink.device.as_deref()?).join("address");
    let text = std::fs::read_to_string(file).ok()?.trim().replace(':', "");
    (text.len() == 12).then_some(text)
}

fn mtu(context: &Context<'_>) -> Option<Finding> {
    const CHECK: &str = "mtu";
    const USUAL: u16 = 1500;
    let device = context.uplink()?.device.as_deref()?;
    let mtu = Device::find(&context.env.devices, device)?.mtu?;
    Some(if mtu < USUAL {
        Finding::wrong(
            CHECK,
            format!("{device} has an MTU of {mtu}; an IPoE line has {USUAL}"),
            "remove the option mtu of that device, unless the provider requires it",
        )
        .with("device", device)
        .with("mtu", &mtu.to_string())
    } else {
        Finding::fine(CHECK, format!("{device} has an MTU of {mtu}"))
    })
}

/// Checks the relay on a line with a single /64, which has no prefix to delegate to the LAN.
fn relay(context: &Context<'_>) -> Option<Finding> {
    const CHECK: &str = "lan_ipv6";
    let uplink = context.uplink()?;
    let dhcp = context.dhcp.as_ref()?;
    let prefixes = uplink.prefixes();
    if prefixes.is_empty() || prefixes.iter().any(|it| it.delegated) {
        return None;
    }
    let mode = |name: &str, option: &str| {
        let section = dhcp.of_kind("dhcp").find(|it| it.get("interface") == Some(name));
        section.is_some_and(|it| it.get(option) == Some("relay"))
    };
    let master = dhcp
        .of_kind("dhcp")
        .any(|it| it.get("interface") == Some(uplink.name.as_str()) && it.is_on("master"));
    let missing: Vec<&str> = [
        (mode("lan", "ra") && mode("lan", "ndp"), "ra and ndp are not `relay` for lan"),
        (master, "no `master` for the uplink"),
    ]
    .into_iter()
    .filter_map(|(is, text)| (!is).then_some(text))
    .into_vec();
    if missing.is_empty() {
        return Some(Finding::fine(CHECK, "the line's single /64 is relayed to the LAN"));
    }
    let name = &uplink.name;
    Some(
        Finding::wrong(
            CHECK,
            "the line has a single /64 and it is not relayed, so the LAN has no IPv6 (IPv4 still \
             works)",
            format!(
                "in /etc/config/dhcp set ra, dhcpv6 and ndp to relay for lan, and for {name} the \
                 same with master 1 (docs/single-64.md)"
            ),
        )
        .with("interface", name)
        .with_evidence(missing.join("; ")),
    )
}
