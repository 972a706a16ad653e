//! Computes everything that a CE needs from a prefix and the available rules.

use crate::into_vec::IntoVec as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::bits::{low_16, low_32};
use crate::line::LineKind;
use crate::port_list::PortList;
use crate::port_set::{PortRange, PortSet};
use crate::prefix::{ReceivedPrefix, upper};
use crate::provider::ProviderChoice;
use crate::rule::{Rule, is_unicast6};
use crate::text::Quoted;

mod error;
mod request;
mod select;

pub use error::PlanError;
pub use request::{DEFAULT_UPLINK_MTU, LINE_LEN, MIN_MTU, Request, RuleSource, TUNNEL_OVERHEAD};

/// Everything that a CE needs: address, port set, tunnel ends and MTU.
#[derive(Clone, Debug)]
pub struct Plan {
    rule: Rule,
    source: RuleSource,
    end_user_prefix: Ipv6Net,
    ipv4: Ipv4Net,
    port_set: PortSet,
    ce: Ipv6Addr,
    mtu: u16,
    reserved: PortList,
}

impl Plan {
    /// Returns the rule that the plan is made from, in the layout that is used.
    #[must_use]
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Returns the source of that rule.
    #[must_use]
    pub const fn source(&self) -> RuleSource {
        self.source
    }

    /// Returns the provider's name (`v6plus`, `ocn` …), or `manual` for a rule of the user's.
    #[must_use]
    pub fn provider_name(&self) -> &'static str {
        match self.source {
            RuleSource::Builtin(group) => group.provider.name,
            RuleSource::Explicit | RuleSource::File => ProviderChoice::Manual.name(),
        }
    }

    /// Returns the end-user prefix (RFC 7597 section 5.2).
    #[must_use]
    pub const fn end_user_prefix(&self) -> Ipv6Net {
        self.end_user_prefix
    }

    /// Returns the CE's IPv4 address as a /32, or the IPv4 prefix that is assigned to the CE alone.
    #[must_use]
    pub const fn ipv4(&self) -> Ipv4Net {
        self.ipv4
    }

    /// Returns the address that NAT uses: the shared one, or that of the CE's block which its
    /// contract names, by default the first.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.rule.contract().nat.unwrap_or(self.ipv4.addr())
    }

    /// Returns the ports that the CE may use on its address (RFC 7597 section 5.1).
    #[must_use]
    pub const fn port_set(&self) -> PortSet {
        self.port_set
    }

    /// Returns the CE address, which is the local end of the tunnel (RFC 7597 sections 5.2 and 6).
    #[must_use]
    pub const fn ce(&self) -> Ipv6Addr {
        self.ce
    }

    /// Returns the address of the BR, which is the remote end of the tunnel (RFC 7597 section 2).
    #[must_use]
    pub const fn br(&self) -> Ipv6Addr {
        self.rule.br()
    }

    /// Returns the MTU inside the tunnel in bytes, 1280 to 65495.
    #[must_use]
    pub const fn mtu(&self) -> u16 {
        self.mtu
    }

    /// Returns the parts of the reserved ranges that belong to the port set, in configured order.
    #[must_use]
    pub fn reserved_inside(&self) -> Vec<PortRange> {
        self.reserved
            .ranges()
            .iter()
            .flat_map(|wanted| self.port_set.ranges_within(*wanted))
            .into_vec()
    }

    /// Returns the reserved ranges without any port of the port set, in configured order. No packet
    /// from the internet can arrive at them.
    #[must_use]
    pub fn reserved_outside(&self) -> Vec<PortRange> {
        let outside = |wanted: &PortRange| self.port_set.ranges_within(*wanted).is_empty();
        self.reserved.ranges().iter().copied().filter(outside).into_vec()
    }
}

/// Computes the plan for a line.
///
/// The rule is the one with the longest IPv6 prefix that contains the line's prefix. Rules that the
/// user states come before all others, and those of the rule file before the built-in ones. The
/// received prefix contains the EA bits. Where it is longer than rule prefix and EA bits together,
/// it also contains the bits of the CE address up to bit 64.
///
/// ```
/// use mape_core::{Layout, Request, parse_rule, plan};
///
/// // RFC 7597 appendix A: the end-user prefix is a /56 of the rule's /40.
/// let rule = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1";
/// let mut request = Request::new("2001:db8:12:3400::/56".parse()?);
/// request.explicit = vec![parse_rule(rule, Layout::Rfc7597)?];
/// let plan = plan(&request)?;
/// assert_eq!(plan.ipv4().to_string(), "192.0.2.18/32");
/// assert_eq!(plan.port_set().psid(), 0x34);
/// assert_eq!(plan.ce().to_string(), "2001:db8:12:3400:0:c000:212:34");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`PlanError`] where no rule covers the prefix, where rule and prefix disagree, or where the MTU
/// or the reserved ports leave nothing usable.
pub fn plan(request: &Request) -> Result<Plan, PlanError> {
    let (rule, source) = select::rule(request)?;
    let rule = request.layout.map_or(rule, |layout| rule.with_layout(layout));
    let mtu = inner_mtu(request.uplink_mtu)?;
    let received = request.prefix.net();
    let described_len = rule.end_user_prefix_len();
    if received.prefix_len() < described_len {
        return Err(PlanError::PrefixTooShort { prefix: received, needed: described_len });
    }

    let (ipv4, psid) = address_and_psid(&rule, request.prefix)?;
    let port_set = rule.port_parameters().port_set_of_rule(psid);
    let subnet = received.addr();
    let interface_id = rule
        .contract()
        .interface_id
        .map_or_else(|| rule.layout().interface_id(ipv4.addr(), psid), std::num::NonZeroU64::get);
    // The end-user prefix of a line is a /56; a longer prefix is a subnet of it. The BR sends to
    // the first subnet only (draft-03 and RFC 7597 section 5.2).
    let end_user_prefix = match Ipv6Net::new(subnet, described_len) {
        Ok(line) if described_len == LINE_LEN => line.trunc(),
        _ => received,
    };
    let ce = u128::from(upper(end_user_prefix.addr())) << 64 | u128::from(interface_id);
    let ce = Ipv6Addr::from_bits(ce);
    if !is_unicast6(ce) {
        return Err(PlanError::NotInRules { prefix: received, line: Some(LineKind::Local) });
    }
    if ce == rule.br() {
        return Err(PlanError::BrIsCe(ce));
    }
    if end_user_prefix.addr() != subnet {
        return Err(PlanError::NotFirstSubnet { prefix: received, end_user_prefix, ce });
    }

    let reserved = request.reserved.clone();
    let plan = Plan { rule, source, end_user_prefix, ipv4, port_set, ce, mtu, reserved };
    let reserved: usize = plan.reserved_inside().iter().map(|range| range.ports().len()).sum();
    // Port 0 is in some sets, but never on the wire.
    let unusable = reserved + usize::from(port_set.contains(0));
    if reserved > 0 && unusable >= port_set.port_count() as usize {
        return Err(PlanError::AllPortsReserved(Quoted::new(&plan.reserved.to_string())));
    }
    Ok(plan)
}

/// Returns the MTU inside the tunnel.
fn inner_mtu(uplink_mtu: u16) -> Result<u16, PlanError> {
    uplink_mtu
        .checked_sub(TUNNEL_OVERHEAD)
        .filter(|mtu| *mtu >= MIN_MTU)
        .ok_or(PlanError::MtuTooSmall { uplink_mtu })
}

/// Splits the EA bits of the prefix into IPv4 suffix and PSID (RFC 7597 section 5.2).
fn address_and_psid(rule: &Rule, prefix: ReceivedPrefix) -> Result<(Ipv4Net, u16), PlanError> {
    let behind_rule = prefix.upper().checked_shl(rule.ipv6().prefix_len().into()).unwrap_or(0);
    let ea_bits = behind_rule.checked_shr(64 - u32::from(rule.ea_len())).unwrap_or(0);
    let psid_bits = rule.psid_bits_in_ea();

    let suffix = low_32(ea_bits >> psid_bits);
    let ipv4_len = rule.ipv4().prefix_len() + rule.ea_len() - psid_bits;
    let suffix = suffix.checked_shl(32 - u32::from(ipv4_len)).unwrap_or(0);
    let ipv4 = Ipv4Addr::from_bits(rule.ipv4().addr().to_bits() | suffix);
    let ipv4 = Ipv4Net::new_assert(ipv4, ipv4_len);

    let derived = low_16(ea_bits & ((1 << psid_bits) - 1));
    // DHCPv6 writes the PSID left-aligned in 16 bits, and so may the rule.
    let left_aligned = |psid: u16| u32::from(psid) << 16_u8.saturating_sub(psid_bits);
    let stated = |explicit| explicit == derived || u32::from(explicit) == left_aligned(derived);
    match rule.psid() {
        Some(explicit) if psid_bits > 0 && !stated(explicit) => {
            let left_aligned = left_aligned(explicit);
            Err(PlanError::PsidMismatch { explicit, left_aligned, derived, prefix: prefix.net() })
        }
        Some(explicit) if psid_bits == 0 => Ok((ipv4, explicit)),
        _ => Ok((ipv4, derived)),
    }
}

#[cfg(test)]
mod tests;
