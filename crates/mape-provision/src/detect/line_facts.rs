//! The facts about a line, from which its type is detected.

use std::net::Ipv6Addr;

use ipnet::Ipv4Net;
use mape_core::{DEFAULT_UPLINK_MTU, ReceivedPrefix, Rule};

use crate::answer::{Answer, Endpoint};
use crate::failure::{Failure, NoService};
use crate::json;

/// The facts about a line.
#[derive(Clone, Debug)]
pub struct LineFacts {
    /// Name of the uplink's interface, for the section that is proposed.
    pub uplink: String,
    /// MTU of the uplink, in bytes.
    pub uplink_mtu: u16,
    /// Delegated prefixes, on-link prefixes and addresses of the uplink.
    pub prefixes: Vec<ReceivedPrefix>,
    /// MAP-E rules from DHCPv6 (RFC 7598, option 94).
    pub s46: Vec<Rule>,
    /// The AFTR from DHCPv6 (RFC 6334, option 64).
    pub aftr: Option<Endpoint>,
    /// Whether DHCPv6 names DS-Lite before MAP-E in the order of the mechanisms (RFC 8026, option
    /// 111).
    pub prefers_ds_lite: bool,
    /// The result of provisioning.
    pub provisioned: Provisioned,
    /// The result of the home gateway's local check, if it was requested.
    pub gateway: Option<Gateway>,
    /// The provider's end of the tunnel, from the documents of the contract or from the
    /// configuration.
    pub tunnel_end: Option<Ipv6Addr>,
    /// The IPv4 address or block of a fixed-address contract, from its documents.
    pub ipv4: Option<Ipv4Net>,
}

impl Default for LineFacts {
    fn default() -> Self {
        Self {
            uplink: "wan6".to_owned(),
            uplink_mtu: DEFAULT_UPLINK_MTU,
            prefixes: Vec::new(),
            s46: Vec::new(),
            aftr: None,
            prefers_ds_lite: false,
            provisioned: Provisioned::NotAsked,
            gateway: None,
            tunnel_end: None,
            ipv4: None,
        }
    }
}

/// The result of provisioning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provisioned {
    /// No server was contacted.
    NotAsked,
    /// The network offers no service.
    Nothing(NoService),
    /// The request failed.
    Failed(Failure),
    /// An answer.
    Answer(Box<Answer>),
}

/// The result of an NTT home gateway's check (`http://ntt.setup:8888/enabler.ipv4/check`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gateway {
    /// It carries IPv4 over IPv6 itself.
    Active,
    /// It could, and does not.
    Idle,
}

impl Gateway {
    /// Reads the check's JSON. Returns `None` for any other document.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let root = json::root(body).ok()?;
        if root.get("name")?.as_str()? != "jp.ne.enabler.ipv4.setting" {
            return None;
        }
        match root.get("status")?.as_str()? {
            "ON" => Some(Self::Active),
            "OFF" => Some(Self::Idle),
            _ => None,
        }
    }
}
