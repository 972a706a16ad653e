//! The parameters of each method of the standard (HB46PP 1.1 section 3.4).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{Layout, PortParameters, PortSet, Rule};
use serde_json::Value;

use super::{AnswerError, MapE, Method, layout, rules};
use crate::json::{Object, address4, address6, bits, flag, net4, net6, number, psid, text};
use crate::request::Capability;
use crate::url::host_name;

/// The far end of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A name, to be resolved by the uplink's resolvers.
    Name(String),
    /// An IPv6 address.
    Address(Ipv6Addr),
}

impl Endpoint {
    /// Reads a name of letters, digits, `-`, `_` and dots, or an IPv6 address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let address = text.parse().ok().map(Self::Address);
        address.or_else(|| host_name(text).map(Self::Name))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Lightweight 4over6 (RFC 7596).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lw4o6 {
    /// The lwAFTR.
    pub lwaftr: Endpoint,
    /// The prefix the operator assigned.
    pub ipv6: Ipv6Net,
    /// The shared address.
    pub ipv4: Ipv4Addr,
    /// The line's ports on it.
    pub ports: PortSet,
}

/// A tunnel without sharing (RFC 2473).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipip {
    /// The line's end.
    pub local: Ipv6Addr,
    /// The provider's end.
    pub remote: Ipv6Addr,
    /// The line's own IPv4 address or prefix.
    pub ipv4: Ipv4Net,
}

/// MAP-T (RFC 7599).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapT {
    /// The default mapping rule.
    pub dmr: Ipv6Net,
    /// The rules. MAP-T's have the numbers of MAP-E's; in the place of the BR stands the first
    /// address of the DMR.
    pub rules: Vec<Rule>,
}

pub(super) fn parse(capability: Capability, section: &Value) -> Result<Method, AnswerError> {
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

fn map_e(section: &Value) -> Result<Method, AnswerError> {
    let section = Object::of(section, "map_e")?;
    let version: fn(&Value) -> _ = |value| number(value, u32::MAX).and_then(layout);
    let layout = section.optional("version", version)?.unwrap_or(Layout::Draft03);
    let mesh = section.optional("mesh", flag)?.unwrap_or(false);
    let br = section.required("br", address6)?;
    let (rules, broken) = rules::list(section.list("rules")?, br, layout)?;
    Ok(Method::MapE(MapE { rules, mesh, broken }))
}

fn lw4o6(section: &Value) -> Result<Method, AnswerError> {
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

fn ipip(section: &Value) -> Result<Method, AnswerError> {
    let one = std::slice::from_ref(section);
    let entries = section.as_array().map_or(one, Vec::as_slice);
    let tunnels = entries.iter().map(|entry| {
        let entry = Object::of(entry, "ipip")?;
        Ok(Ipip {
            local: entry.required("ipv6_local", address6)?,
            remote: entry.required("ipv6_remote", address6)?,
            ipv4: entry.required("ipv4", net4)?,
        })
    });
    let tunnels: Vec<Ipip> = tunnels.collect::<Result<_, AnswerError>>()?;
    if tunnels.is_empty() {
        return Err(AnswerError::Missing { path: "ipip", key: "ipv6_remote" });
    }
    Ok(Method::Ipip(tunnels))
}

fn map_t(section: &Value) -> Result<Method, AnswerError> {
    let section = Object::of(section, "map_t")?;
    let dmr = section.required("dmr", net6)?;
    let (rules, _) = rules::list(section.list("rules")?, dmr.addr(), Layout::Rfc7597)?;
    Ok(Method::MapT(MapT { dmr, rules }))
}
