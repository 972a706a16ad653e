//! The clues that the facts give.

use std::net::Ipv6Addr;

use ipnet::Ipv4Net;
use mape_core::{
    Explain as _, LineKind, Plan, PlanError, ReceivedPrefix, Request, Rule, TUNNEL_OVERHEAD,
    find_builtin, plan,
};

use super::evidence::{Clue, ClueSource, Confidence, LineType};
use super::known;
use super::line_facts::{Gateway, LineFacts, Provisioned};
use super::section::Section;
use crate::answer::{Endpoint, Ipip, Method};
use crate::request::Capability;

pub(super) fn all(facts: &LineFacts) -> Vec<Clue> {
    let prefix = of_prefixes(facts);
    let provider = prefix.provider;
    let mut clues = vec![prefix];
    clues.extend(of_gateway(facts));
    clues.extend(of_provisioning(facts, provider));
    clues.extend(of_tunnel_end(facts, provider));
    // Of clues with equal authority, the first decides.
    let mut dhcpv6 = [of_s46(facts), of_aftr(facts)];
    if facts.prefers_ds_lite {
        dhcpv6.reverse();
    }
    clues.extend(dhcpv6.into_iter().flatten());
    clues
}

fn clue(source: ClueSource, line: LineType, confidence: Confidence, says: String) -> Clue {
    Clue {
        source,
        line,
        provider: None,
        confidence,
        says,
        prefix: None,
        aftr: None,
        section: None,
        next_step: String::new(),
    }
}

/// Returns the clue of the prefix that says most.
fn of_prefixes(facts: &LineFacts) -> Clue {
    let best = facts.prefixes.iter().map(|prefix| of_prefix(facts, *prefix)).min_by_key(rank_of);
    best.unwrap_or_else(|| {
        let says = "the uplink has no IPv6 prefix".to_owned();
        Clue {
            next_step: "make sure that the uplink receives an IPv6 prefix first".to_owned(),
            ..clue(ClueSource::Prefix, LineType::NoIpv6, Confidence::High, says)
        }
    })
}

/// Ranks a prefix. A line may have several prefixes, of which one belongs to the service.
fn rank_of(clue: &Clue) -> u8 {
    match (clue.line, clue.confidence) {
        (LineType::MapE, Confidence::High) => 0,
        (LineType::HomeGateway, _) => 1,
        (LineType::NoIpv6, _) => 5,
        (LineType::Ngn, _) => 4,
        (LineType::Unknown, _) => 3,
        _ => 2,
    }
}

fn of_prefix(facts: &LineFacts, prefix: ReceivedPrefix) -> Clue {
    let clue = match plan(&request(facts, prefix, &[])) {
        Ok(plan) => of_builtin(facts, &plan),
        Err(PlanError::NotInRules { line: Some(kind), .. }) => of_block(facts, kind, prefix),
        Err(PlanError::NotFirstSubnet { .. }) => {
            let provider = find_builtin(prefix).map(|builtin| builtin.group.provider.name);
            Clue { provider, ..behind_gateway(&format!("{prefix} is not the line's first subnet")) }
        }
        Err(error) => {
            let says = format!("{error}");
            Clue {
                next_step: error.hint(),
                ..clue(ClueSource::Prefix, LineType::Unknown, Confidence::Low, says)
            }
        }
    };
    Clue { prefix: Some(prefix), ..clue }
}

fn request(facts: &LineFacts, prefix: ReceivedPrefix, rules: &[Rule]) -> Request {
    Request {
        explicit: rules.to_vec(),
        // A small MTU does not change the type of the line.
        uplink_mtu: facts.uplink_mtu.max(1500),
        ..Request::new(prefix)
    }
}

fn of_builtin(facts: &LineFacts, plan: &Plan) -> Clue {
    let name = plan.provider_name();
    let (prefix, rule) = (plan.end_user_prefix(), plan.rule().ipv6());
    let says = format!("{prefix} lies in {name}'s rule {rule}");
    Clue {
        provider: Some(name),
        section: Some(map_e_section(facts)),
        next_step: map_e_step(),
        ..clue(ClueSource::Prefix, LineType::MapE, Confidence::High, says)
    }
}

fn map_e_step() -> String {
    "configure proto mape; with a contract for a dedicated IPv4 address, use the provider's \
     fixed-IP settings instead"
        .to_owned()
}

fn of_block(facts: &LineFacts, kind: LineKind, prefix: ReceivedPrefix) -> Clue {
    let line = known::line_type(kind);
    let confidence = match kind {
        LineKind::Ngn | LineKind::Local => Confidence::High,
        LineKind::Nuro => Confidence::Low,
        _ => Confidence::Medium,
    };
    let provider = (!matches!(kind, LineKind::Ngn | LineKind::Local)).then(|| kind.name());
    let aftr = provider.filter(|_| line == LineType::DsLite).and_then(known::aftr_of);
    Clue {
        provider,
        section: aftr.as_ref().map(|aftr| ds_lite_section(facts, aftr)),
        aftr,
        next_step: kind.next_step().to_owned(),
        ..clue(ClueSource::Prefix, line, confidence, format!("{prefix} {}", kind.verdict()))
    }
}

fn behind_gateway(says: &str) -> Clue {
    Clue {
        next_step: "connect the router to the ONU directly, or switch IPv4 over IPv6 off in the \
                    home gateway and have it pass the line's whole prefix on"
            .to_owned(),
        ..clue(ClueSource::Prefix, LineType::HomeGateway, Confidence::Medium, says.to_owned())
    }
}

fn of_gateway(facts: &LineFacts) -> Option<Clue> {
    // A gateway that is able to carry IPv4 and does not is no clue.
    let Gateway::Active = facts.gateway? else { return None };
    let says = "the home gateway reports that it carries IPv4 over IPv6 itself";
    Some(Clue { source: ClueSource::Gateway, confidence: Confidence::High, ..behind_gateway(says) })
}

fn of_provisioning(facts: &LineFacts, owner: Option<&'static str>) -> Option<Clue> {
    let source = ClueSource::Provisioning;
    let answer = match &facts.provisioned {
        Provisioned::NotAsked => return None,
        Provisioned::Nothing(why) => {
            let says = why.to_string();
            return Some(unknown(source, says));
        }
        Provisioned::Failed(why) => return Some(unknown(source, why.to_string())),
        Provisioned::Answer(answer) => answer,
    };
    let Ok(method) = answer.choose(&Capability::ALL, &facts.prefixes) else {
        return Some(unknown(
            source,
            "the provisioning server's answer contains no usable method".to_owned(),
        ));
    };
    let labels = answer.labels.join(", ");
    let by = if labels.is_empty() { String::new() } else { format!(" ({labels})") };
    let says = |what: &str| format!("the provisioning server{by} says {what}");
    Some(match method {
        Method::MapE(map_e) => {
            Clue { provider: owner, ..of_rules(facts, source, &map_e.rules, says("MAP-E")) }
        }
        Method::DsLite(aftr) => {
            Clue { source, ..ds_lite(facts, aftr, says(&format!("DS-Lite with AFTR {aftr}"))) }
        }
        Method::Ipip(tunnels) => {
            let tunnel = tunnels.first();
            Clue {
                provider: known::fixed_contract(owner),
                section: tunnel.map(|tunnel| ipip_section(facts, tunnel)),
                next_step: ipip_step(facts, tunnel),
                ..clue(
                    source,
                    LineType::Ipip,
                    Confidence::High,
                    says("a tunnel with a dedicated address"),
                )
            }
        }
        Method::Broken(capability, _) => unknown(source, says(capability.name())),
        Method::Lw4o6(_) | Method::MapT(_) | Method::Xlat464(_) => {
            let capability = method.capability();
            let says = says(capability.name());
            Clue {
                next_step: "use another package: this one supports MAP-E only".to_owned(),
                ..clue(source, LineType::Other(capability), Confidence::High, says)
            }
        }
    })
}

fn unknown(source: ClueSource, says: String) -> Clue {
    Clue {
        next_step: "ask the provider how the line carries IPv4".to_owned(),
        ..clue(source, LineType::Unknown, Confidence::Low, says)
    }
}

/// Returns the clue of rules that the network sent.
fn of_rules(facts: &LineFacts, source: ClueSource, rules: &[Rule], says: String) -> Clue {
    let mut error = None;
    for prefix in &facts.prefixes {
        match plan(&request(facts, *prefix, rules)) {
            Ok(_) => {
                return Clue {
                    section: Some(map_e_section(facts)),
                    next_step: map_e_step(),
                    ..clue(source, LineType::MapE, Confidence::High, says)
                };
            }
            Err(PlanError::NotFirstSubnet { prefix, .. }) => {
                let says = format!("{says}, but {prefix} is not the line's first subnet");
                return Clue { source, ..behind_gateway(&says) };
            }
            Err(other) => error = error.or(Some(other)),
        }
    }
    let why = error.map_or_else(String::new, |error| format!(", but {error}"));
    unknown(source, format!("{says}{why}"))
}

fn of_tunnel_end(facts: &LineFacts, owner: Option<&'static str>) -> Option<Clue> {
    let end = facts.tunnel_end?;
    let known = known::tunnel_end(end);
    let (line, provider) =
        known.map_or((LineType::Ipip, known::fixed_contract(owner)), |(line, it)| (line, Some(it)));
    let says = match known {
        Some((line, provider)) => {
            format!("the tunnel end {end} is {provider}'s for {}", line.name())
        }
        None => format!(
            "the tunnel end {end} is no known BR or AFTR, so it belongs to a fixed-address contract"
        ),
    };
    Some(match line {
        LineType::DsLite => {
            let aftr = Endpoint::Address(end);
            Clue { source: ClueSource::TunnelEnd, ..ds_lite(facts, &aftr, says) }
        }
        LineType::MapE => Clue {
            provider,
            section: Some(map_e_section(facts)),
            next_step: map_e_step(),
            ..clue(ClueSource::TunnelEnd, line, Confidence::Medium, says)
        },
        _ if provider.is_some_and(|it| known::FIXED_PROVIDERS.contains(&it)) => {
            fixed(facts, provider.unwrap_or_default(), end, says)
        }
        _ => Clue {
            provider,
            next_step: format!(
                "use proto ipip6 with the IPv4 address of your contract and the tunnel end {end}"
            ),
            ..clue(ClueSource::TunnelEnd, line, Confidence::Medium, says)
        },
    })
}

/// Returns the clue of a fixed-address contract whose CE address the protocol `mape` computes.
fn fixed(facts: &LineFacts, provider: &'static str, end: Ipv6Addr, says: String) -> Clue {
    let mut options = vec![
        ("tunlink", facts.uplink.clone()),
        ("provider", provider.to_owned()),
        ("peeraddr", end.to_string()),
    ];
    let text = |ipv4: Ipv4Net| match ipv4.prefix_len() {
        32 => ipv4.addr().to_string(),
        _ => ipv4.to_string(),
    };
    options.extend(facts.ipv4.map(|ipv4| ("ipaddr", text(ipv4))));
    let mut missing = None;
    let mut step = format!("configure proto mape with provider {provider}");
    if facts.ipv4.is_none() {
        missing = Some("ipaddr");
        step += " and the IPv4 address of your contract as ipaddr";
    }
    if matches!(provider, "transix-static" | "xpass-static") {
        // No option of `detect` has it.
        missing = Some("interface_id");
        step += ", with the interface identifier of your contract as interface_id";
    }
    if provider != "ocn-static" {
        step += "; add update_user and update_password of the contract, so that the provider \
                 learns the tunnel's address";
    }
    Clue {
        provider: Some(provider),
        section: Some(Section { proto: "mape", options, missing }),
        next_step: step,
        ..clue(ClueSource::TunnelEnd, LineType::Ipip, Confidence::Medium, says)
    }
}

fn of_s46(facts: &LineFacts) -> Option<Clue> {
    let says = "DHCPv6 carries a MAP-E rule".to_owned();
    (!facts.s46.is_empty()).then(|| of_rules(facts, ClueSource::Dhcpv6, &facts.s46, says))
}

fn of_aftr(facts: &LineFacts) -> Option<Clue> {
    let aftr = facts.aftr.as_ref()?;
    Some(ds_lite(facts, aftr, format!("DHCPv6 names the AFTR {aftr}")))
}

fn ds_lite(facts: &LineFacts, aftr: &Endpoint, says: String) -> Clue {
    Clue {
        provider: known::aftr_owner(aftr),
        aftr: Some(aftr.clone()),
        section: Some(ds_lite_section(facts, aftr)),
        next_step: format!("use OpenWrt's ds-lite package with AFTR {aftr}"),
        ..clue(ClueSource::Dhcpv6, LineType::DsLite, Confidence::High, says)
    }
}

fn map_e_section(facts: &LineFacts) -> Section {
    Section { proto: "mape", options: vec![("tunlink", facts.uplink.clone())], missing: None }
}

/// Returns the section for DS-Lite. It sets `encaplimit ignore`, because the providers' tunnel ends
/// expect no destination option, and the MTU, because the package's default is 1280.
fn ds_lite_section(facts: &LineFacts, aftr: &Endpoint) -> Section {
    let options = vec![("peeraddr", aftr.to_string())];
    Section { proto: "dslite", options: [options, common(facts)].concat(), missing: None }
}

/// Returns the next step for an IPIP tunnel. It includes the local address, because `ipip6` assigns
/// it to no interface and the kernel drops packets that a tunnel sends from an address of another
/// machine.
fn ipip_step(facts: &LineFacts, tunnel: Option<&Ipip>) -> String {
    let mut step = "configure proto ipip6 (package ipip6) with these values".to_owned();
    if let Some(tunnel) = tunnel {
        step += ", and the address ";
        step += &tunnel.local.to_string();
        step += "/128 on an interface of proto static with device @";
        step += &facts.uplink;
    }
    step
}

fn ipip_section(facts: &LineFacts, tunnel: &Ipip) -> Section {
    let options = vec![
        ("peeraddr", tunnel.remote.to_string()),
        ("ip6addr", tunnel.local.to_string()),
        ("ip4ifaddr", tunnel.ipv4.addr().to_string()),
    ];
    Section { proto: "ipip6", options: [options, common(facts)].concat(), missing: None }
}

fn common(facts: &LineFacts) -> Vec<(&'static str, String)> {
    vec![
        ("tunlink", facts.uplink.clone()),
        ("mtu", facts.uplink_mtu.saturating_sub(TUNNEL_OVERHEAD).max(1280).to_string()),
        ("encaplimit", "ignore".to_owned()),
    ]
}
