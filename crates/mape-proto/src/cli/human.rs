//! Plans and rules as text for people.

use std::fmt::Write as _;

use mape_core::{
    IntoVec as _, Layout, Plan, PortRange, RuleGroup, RuleSource, builtin_rules, providers,
};

/// Port ranges shown at most; programs take them all from `--json`.
const RANGES_SHOWN: usize = 64;
const RANGES_IN_A_LINE: usize = 4;
/// IPv4 and TCP header, in bytes: what an MSS leaves out of the MTU.
const HEADERS: u16 = 40;

/// `stated` is where the user has stated a rule that is not built in and of no file.
pub(super) fn plan(plan: &Plan, stated: &str) -> String {
    let mut text = String::new();
    // Writing into a `String` cannot fail.
    let _ = write_plan(&mut text, plan, stated);
    text
}

fn write_plan(text: &mut String, plan: &Plan, stated: &str) -> std::fmt::Result {
    let set = plan.port_set();
    let (rule, ipv4) = (plan.rule(), plan.ipv4());
    let shared = set.parameters().psid_len() > 0;
    let (title, source) = match plan.source() {
        RuleSource::Builtin(RuleGroup { provider, evidence, .. }) => {
            (provider.title, format!("built in ({}): {evidence}", provider.date))
        }
        RuleSource::Explicit => ("Own rule", stated.to_owned()),
        RuleSource::File => ("Own rule", "--rules".to_owned()),
    };
    if shared {
        writeln!(text, "{title}: MAP-E, {} ports of {}", set.port_count(), ipv4.addr())?;
    } else {
        let whole = if ipv4.prefix_len() < 32 { ipv4.to_string() } else { ipv4.addr().to_string() };
        writeln!(text, "{title}: MAP-E, all ports of {whole}")?;
    }
    writeln!(text)?;
    writeln!(text, "  end-user prefix  {}", plan.end_user_prefix())?;
    if ipv4.prefix_len() < 32 {
        writeln!(text, "  IPv4 prefix      {ipv4}, not shared")?;
        writeln!(text, "  NAT address      {}", plan.address())?;
    } else if shared {
        let (k, a) = (set.parameters().psid_len(), set.parameters().offset());
        writeln!(text, "  IPv4 address     {}, shared by {} lines", ipv4.addr(), 1_u32 << k)?;
        let psid = set.psid();
        writeln!(text, "  PSID             {psid} (0x{psid:x}), {k} bits, offset {a}")?;
    } else {
        writeln!(text, "  IPv4 address     {}, not shared", ipv4.addr())?;
    }
    write_ports(text, plan)?;
    writeln!(text, "  CE address       {}", plan.ce())?;
    writeln!(text, "  BR address       {}", plan.br())?;
    writeln!(text, "  MTU              {}, TCP MSS {}", plan.mtu(), plan.mtu() - HEADERS)?;
    let layout = match rule.layout() {
        Layout::Draft03 => "draft-03",
        Layout::Rfc7597 => "RFC 7597",
    };
    writeln!(
        text,
        "  rule             {} -> {}, {} EA bits, {layout} layout",
        rule.ipv6(),
        rule.ipv4(),
        rule.ea_len()
    )?;
    writeln!(text, "  rule source      {source}")?;
    if matches!(plan.source(), RuleSource::Builtin(_)) {
        writeln!(
            text,
            "  note             a fixed-IPv4 contract has numbers of its own, not these"
        )?;
    }
    Ok(())
}

fn write_ports(text: &mut String, plan: &Plan) -> std::fmt::Result {
    let ranges: Vec<PortRange> = plan.port_set().ranges().into_vec();
    let size = ranges.first().map_or(0, |range| range.ports().len());
    writeln!(
        text,
        "  ports            {} in {} of {size}",
        plan.port_set().port_count(),
        if ranges.len() == 1 { "1 block".to_owned() } else { format!("{} blocks", ranges.len()) },
    )?;
    let shown = ranges.get(..RANGES_SHOWN).unwrap_or(&ranges);
    for line in shown.chunks(RANGES_IN_A_LINE) {
        writeln!(text, "                   {}", join(line, "  "))?;
    }
    if ranges.len() > shown.len() {
        let more = ranges.len() - shown.len();
        writeln!(text, "                   and {more} more; --json lists them all")?;
    }
    let (inside, outside) = (plan.reserved_inside(), plan.reserved_outside());
    if !inside.is_empty() {
        writeln!(text, "  reserved         {}", join(&inside, " "))?;
    }
    if !outside.is_empty() {
        writeln!(
            text,
            "  not in the set   {} (asked for, but nothing can arrive there)",
            join(&outside, " ")
        )?;
    }
    Ok(())
}

/// A rule file, with the providers as comments.
pub(super) fn rules() -> String {
    let mut text = String::new();
    for provider in providers() {
        let rules: Vec<_> =
            builtin_rules().filter(|builtin| builtin.group.provider == provider).into_vec();
        let _ = write!(
            text,
            "# {}: {}, {} rules\n# sold by: {}\n# source: {} ({})\n",
            provider.name,
            provider.title,
            rules.len(),
            provider.isps,
            provider.source,
            provider.date
        );
        for builtin in rules {
            let _ = writeln!(text, "{}", builtin.rule);
        }
        text.push('\n');
    }
    text
}

/// Ranges as text.
pub(super) fn join(ranges: &[PortRange], separator: &str) -> String {
    ranges.iter().map(ToString::to_string).into_vec().join(separator)
}
