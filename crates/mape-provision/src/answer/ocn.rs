//! The answer of OCN's rule server: a list `basicMapRules`. The format comes from public router
//! code.

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{IntoVec as _, Layout, RuleParts};
use serde_json::Value;

use super::method::{MapE, Method};
use super::rules;
use super::types::{Answer, Shape};
use crate::json::{Object, Read, address4, address6, bits, label, psid};

pub(super) fn parse(root: &Value) -> Read<Answer> {
    let answer = Object::of(root, "")?;
    let entries = answer.list("basicMapRules")?;
    // A rule with a host name belongs to a fixed-address contract. Beside rules without one it is
    // not this line's; without such rules it is.
    let fixed = |entry: &Value| label(entry.get("hostName")).is_some();
    let all_fixed = entries.iter().all(fixed);
    let mut wanted = (1..).zip(entries).filter(|(_, entry)| all_fixed || !fixed(entry));
    let ipv6 = |entry: &Value| ipv6(Object::of(entry, "rule").ok()?).ok();
    let (rules, broken) = rules::read(&mut wanted, ipv6, &parts)?;
    Ok(Answer {
        shape: Shape::Ocn,
        labels: label(answer.get("hostName")).into_iter().into_vec(),
        ttl: None,
        token: None,
        id: None,
        auth: None,
        methods: vec![Method::MapE(MapE { rules, mesh: false, broken })],
    })
}

fn ipv6(entry: Object) -> Read<Ipv6Net> {
    let address = entry.required("ipv6Prefix", address6)?;
    let len = entry.required("ipv6PrefixLength", bits)?;
    let bad = |_| entry.bad("ipv6PrefixLength", &len.into());
    Ipv6Net::new(address, len).map_err(bad)
}

fn ipv4(entry: Object) -> Read<Ipv4Net> {
    let address = entry.required("ipv4Prefix", address4)?;
    let len = entry.required("ipv4PrefixLength", bits)?;
    let bad = |_| entry.bad("ipv4PrefixLength", &len.into());
    Ipv4Net::new(address, len).map_err(bad)
}

fn parts(entry: &Value) -> Read<RuleParts> {
    let entry = Object::of(entry, "rule")?;
    Ok(RuleParts {
        ipv6: ipv6(entry)?,
        ipv4: ipv4(entry)?,
        ea_len: entry.required("eaBitLength", bits)?,
        offset: entry.optional("psIdOffset", bits)?,
        psid_len: None,
        psid: entry.optional("psId", psid)?,
        br: entry.required("brIpv6Address", address6)?,
        layout: Layout::Draft03,
    })
}
