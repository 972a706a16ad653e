//! The parameters of each method of the standard (HB46PP 1.1 section 3.4).

use mape_core::{Layout, PortParameters};
use serde_json::Value;

use crate::answer::error::AnswerError;
use crate::answer::method::{Endpoint, Ipip, Lw4o6, MapE, MapT, Method};
use crate::answer::rules;
use crate::json::{Object, Read, address4, address6, bits, flag, net4, net6, number, psid, text};
use crate::request::Capability;

pub(super) fn parse(capability: Capability, section: &Value) -> Read<Method> {
    match capability {
        Capability::MapE | Capability::HubSpoke | Capability::Mesh => map_e(section),
        Capability::DsLite => {
            let section = Object::of(section, "dslite")?;
            section.required("aftr", endpoint).map(Method::DsLite)
        }
        Capability::Lw4o6 => lw4o6(section),
        Capability::Ipip => ipip(section),
        Capability::MapT => map_t(section),
        Capability::Xlat464 => {
            let section = Object::of(section, "464xlat")?;
            section.required("nat64prefix", net6).map(Method::Xlat464)
        }
    }
}

fn endpoint(value: &Value) -> Option<Endpoint> {
    Endpoint::parse(text(value)?)
}

fn map_e(section: &Value) -> Read<Method> {
    let section = Object::of(section, "map_e")?;
    let version: fn(&Value) -> _ = |value| number(value, u32::MAX).and_then(layout);
    let layout = section.optional("version", version)?.unwrap_or(Layout::Draft03);
    let mesh = section.optional("mesh", flag)?.unwrap_or(false);
    let br = section.required("br", address6)?;
    let (rules, broken) = rules::list(section.list("rules")?, br, layout)?;
    Ok(Method::MapE(MapE { rules, mesh, broken }))
}

/// Returns the layout of a rule (`map_e.version`).
const fn layout(version: u32) -> Option<Layout> {
    match version {
        0 => Some(Layout::Draft03),
        1 => Some(Layout::Rfc7597),
        _ => None,
    }
}

fn lw4o6(section: &Value) -> Read<Method> {
    let object = Object::of(section, "lw4o6")?;
    let psid_len = object.optional("psid_length", bits)?.unwrap_or(0);
    let offset = object.optional("psid_offset", bits)?;
    let bad = |key| object.bad(key, section.get(key).unwrap_or(&Value::Null));
    let offset = offset.unwrap_or(Layout::Rfc7597.default_psid_offset());
    let parameters = PortParameters::new(offset, psid_len).map_err(|_| bad("psid_length"))?;
    let psid = object.optional("psid", psid)?.unwrap_or(0);
    Ok(Method::Lw4o6(Lw4o6 {
        lwaftr: object.required("lwaftr", endpoint)?,
        ipv6: object.required("ipv6", net6)?,
        ipv4: object.required("ipv4", address4)?,
        ports: parameters
            .right_aligned(psid)
            .and_then(|psid| parameters.port_set(psid))
            .map_err(|_| bad("psid"))?,
    }))
}

fn ipip(section: &Value) -> Read<Method> {
    let one = std::slice::from_ref(section);
    let entries = section.as_array().map_or(one, Vec::as_slice);
    let mut tunnels = Vec::new();
    for entry in entries {
        let entry = Object::of(entry, "ipip")?;
        tunnels.push(Ipip {
            local: entry.required("ipv6_local", address6)?,
            remote: entry.required("ipv6_remote", address6)?,
            ipv4: entry.required("ipv4", net4)?,
        });
    }
    if tunnels.is_empty() {
        return Err(AnswerError::Missing { path: "ipip", key: "ipv6_remote" }.into());
    }
    Ok(Method::Ipip(tunnels))
}

fn map_t(section: &Value) -> Read<Method> {
    let section = Object::of(section, "map_t")?;
    let dmr = section.required("dmr", net6)?;
    let (rules, _) = rules::list(section.list("rules")?, dmr.addr(), Layout::Rfc7597)?;
    Ok(Method::MapT(MapT { dmr, rules }))
}
