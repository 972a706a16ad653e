//! `doctor` on a router: every check with what was found, the evidence, and one next step.
//!
//! Only looks, but for what [`Ask`] allows.

use std::fmt;
use std::net::SocketAddrV4;

use mape_core::{Failure, Shown};
use mape_firewall::Env;
use mape_import::Router;
use mape_kernel::device::Device;
use mape_netifd::status::InterfaceStatus;
use mape_netifd::{Dump, InterfaceDump};
use mape_nft::InterfaceName;
use mape_uci::Package;
use serde::Serialize;
use serde_json::Value;

pub(crate) mod kernel;
mod line;
#[cfg(feature = "linux")]
pub(crate) mod linux;
mod masked;
mod probe;
pub(crate) mod resolvers;
mod servers;
mod uplink;
mod zone;

pub use masked::masked;

/// Version of the JSON.
const SCHEMA: u8 = 1;

/// What may be sent; by default nothing is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask {
    /// A TCP connection to it, and pings of the tunnel's full size.
    pub target: Option<SocketAddrV4>,
    /// The question to an NTT home gateway in front whether it does IPv4 over IPv6.
    pub gateway: bool,
}

/// A remedy that a program can carry out for the user: it changes one thing, and can do no harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Fix {
    /// Add `interface` to the networks of the firewall zone `zone`.
    JoinZone {
        /// Ours.
        interface: String,
        /// Its name.
        zone: String,
    },
    /// Set the option `clientid` of `interface`, so that its DUID carries no time.
    ClientId {
        /// The uplink.
        interface: String,
        /// The DUID, in hexadecimal.
        clientid: String,
    },
    /// Load the rules again: `mape-proto firewall`.
    LoadRules,
    /// Try to bring `interface` up once more.
    Retry {
        /// Ours.
        interface: String,
    },
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at; the names are stable.
    pub check: &'static str,
    /// Whether nothing is wrong.
    pub fine: bool,
    /// What is wrong, where the check can find several things; the names are stable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// What was found, as one sentence.
    pub message: String,
    /// What that is concluded from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// The next step, where something is wrong or could be better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The same for a program, where it can be done safely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
}

impl Finding {
    fn fine(check: &'static str, message: impl Into<String>) -> Self {
        let (message, evidence) = (message.into(), Vec::new());
        Self { check, fine: true, kind: None, message, evidence, hint: None, fix: None }
    }

    fn wrong(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { fine: false, hint: Some(hint.into()), ..Self::fine(check, message) }
    }

    /// What works, and would better be changed.
    fn advice(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..Self::fine(check, message) }
    }

    /// One of several things that can be wrong.
    fn known_as(self, kind: &'static str) -> Self {
        Self { kind: self.hint.is_some().then_some(kind), ..self }
    }

    fn with(self, fix: Fix) -> Self {
        Self { fix: Some(fix), ..self }
    }

    fn because(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }
}

/// All findings, in the order in which things depend on each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    schema: u8,
    interface: Option<String>,
    fine: bool,
    checks: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_fine(&self) -> bool {
        self.fine
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { check, fine, message, evidence, hint, .. } in &self.checks {
            let check = check.replace('_', " ");
            let mark = match (fine, hint) {
                (true, None) => "ok  ",
                (true, Some(_)) => "WARN",
                (false, _) => "FAIL",
            };
            writeln!(f, "{mark}  {check}: {}.", Shown(message))?;
            for evidence in evidence {
                writeln!(f, "      because: {}", Shown(evidence))?;
            }
            if let Some(hint) = hint {
                writeln!(f, "      next step: {}.", Shown(hint))?;
            }
        }
        Ok(())
    }
}

/// What all checks look at.
struct Patient<'env> {
    env: &'env Env,
    /// netifd's answer as it is.
    answer: Value,
    dump: Dump,
    router: Router,
    dhcp: Option<Package>,
    /// Ours, where there is one.
    interface: Option<InterfaceStatus>,
}

impl Patient<'_> {
    fn own(&self) -> Option<&InterfaceDump> {
        self.dump.interface(&self.interface.as_ref()?.interface)
    }

    /// That of the tunnel.
    fn mtu(&self) -> Option<u16> {
        Device::find(&self.env.devices, &self.interface.as_ref()?.device)?.mtu
    }

    /// The interface that has the line's prefix, or should have it.
    fn uplink(&self) -> Option<&InterfaceDump> {
        let told = self.own().and_then(|own| own.data.get("uplink")?.as_str());
        told.and_then(|name| self.dump.interface(name)).or_else(|| {
            let mut candidates = self.dump.interfaces().filter(|it| {
                it.proto == "dhcpv6" || (it.default_route && !self.dump.is_ours(&it.name))
            });
            candidates.next()
        })
    }
}

/// Looks at everything between the uplink and the LAN. `only` names an interface; without it the
/// first of proto `mape` is looked at, and `None` means that there is none of that name.
///
/// # Errors
/// netifd does not answer, or the configuration cannot be read.
pub fn doctor(
    env: &Env,
    only: Option<&InterfaceName>,
    ask: &Ask,
) -> Result<Option<Report>, Failure> {
    let answer = mape_netifd::status::dump_or_failure(env)?;
    let dump = Dump::parse(&answer);
    let router = Router::read(env.clone())?;
    let dhcp = router.directories().read("dhcp").ok().flatten();
    let mut interfaces = mape_netifd::status::Report::collect(env, only).interfaces;
    interfaces.retain(|it| only.is_some() || dump.is_ours(&it.interface));
    if only.is_some_and(|name| !dump.is_ours(name.as_str())) {
        return Ok(None);
    }
    let interface = interfaces.into_iter().next();
    let patient = Patient { env, answer, dump, router, dhcp, interface };
    let mut checks = uplink::checks(&patient, ask.gateway);
    checks.extend(kernel::check(&env.proc));
    checks.extend(line::checks(&patient));
    checks.extend(ask.target.into_iter().flat_map(|target| probe::checks(target, patient.mtu())));
    Ok(Some(Report {
        schema: SCHEMA,
        interface: patient.interface.map(|interface| interface.interface),
        fine: checks.iter().all(|check| check.fine),
        checks,
    }))
}
