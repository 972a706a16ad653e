//! Why there is no plan.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use super::request::{MIN_MTU, TUNNEL_OVERHEAD};
use crate::error::{Code, Explain};
use crate::line::LineKind;
use crate::provider::ProviderChoice;
use crate::provider_info::Provider;
use crate::text::Quoted;

/// There is no plan for this prefix with these rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No rule contains the prefix.
    #[error("the prefix {prefix} {}", verdict(*line))]
    NotInRules {
        /// The prefix received.
        prefix: Ipv6Net,
        /// What the prefix is known to be.
        line: Option<LineKind>,
    },
    /// The provider option excludes the rule that would apply.
    #[error(
        "the prefix {prefix} belongs to {}, but the provider is set to {}",
        owner.title, chosen.name()
    )]
    OtherProvider {
        /// The prefix received.
        prefix: Ipv6Net,
        /// The provider option.
        chosen: ProviderChoice,
        /// Whose rule would apply.
        owner: &'static Provider,
    },
    /// The rules the user stated are for other prefixes.
    #[error("the rule given is for {rule}, which does not contain the prefix {prefix}")]
    StatedRuleElsewhere {
        /// The prefix received.
        prefix: Ipv6Net,
        /// IPv6 prefix of the (first) rule given.
        rule: Ipv6Net,
    },
    /// The prefix has fewer bits than the rule uses, so it is not one line's.
    #[error("the prefix {prefix} is too short to be one line's: its rule uses {needed} bits")]
    PrefixTooShort {
        /// The prefix received.
        prefix: Ipv6Net,
        /// Length of the end-user prefix.
        needed: u8,
    },
    /// A cut of the line's prefix that is not the first one.
    #[error(
        "the prefix {prefix} is not the first subnet of the line's {end_user_prefix}, so what the \
         BR sends to {ce} goes to another router"
    )]
    NotFirstSubnet {
        /// The prefix received.
        prefix: Ipv6Net,
        /// The whole line's prefix.
        end_user_prefix: Ipv6Net,
        /// Where the BR sends to.
        ce: Ipv6Addr,
    },
    /// The rule's explicit PSID is not the one in the prefix.
    #[error(
        "the PSID {explicit} given (left-aligned {left_aligned}) disagrees with the {derived} in the \
         EA bits of {prefix}"
    )]
    PsidMismatch {
        /// As given, right-aligned.
        explicit: u16,
        /// The same, left-aligned in 16 bits.
        left_aligned: u32,
        /// From the EA bits.
        derived: u16,
        /// The prefix received.
        prefix: Ipv6Net,
    },
    /// Two rules of one source are for the same prefix, and differ.
    #[error("two different rules are given for {ipv6}")]
    ConflictingRules {
        /// IPv6 prefix of both.
        ipv6: Ipv6Net,
    },
    /// The tunnel would end where it begins.
    #[error("the BR address {0} is the line's own CE address")]
    BrIsCe(Ipv6Addr),
    /// The uplink's packets are too small for the tunnel.
    #[error("an uplink MTU of {uplink_mtu} leaves less than {MIN_MTU} inside the tunnel")]
    MtuTooSmall {
        /// In bytes.
        uplink_mtu: u16,
    },
    /// Nothing is left for the NAT.
    #[error("the reserved ports {0} leave no port of the port set for anything else")]
    AllPortsReserved(Quoted),
    /// Provider `manual`, but no rule was given.
    #[error("the provider is set to manual, but no rule is given")]
    ManualWithoutRule,
}

fn verdict(line: Option<LineKind>) -> &'static str {
    line.map_or("is in no rule and in no provider's block that is known", LineKind::verdict)
}

impl PlanError {
    /// What the prefix is known to be, where no rule contains it.
    #[must_use]
    pub const fn line(&self) -> Option<LineKind> {
        match self {
            Self::NotInRules { line, .. } => *line,
            _ => None,
        }
    }
}

impl Explain for PlanError {
    fn code(&self) -> Code {
        match self {
            Self::NotInRules { .. }
            | Self::OtherProvider { .. }
            | Self::StatedRuleElsewhere { .. }
            | Self::PrefixTooShort { .. } => Code::PrefixNotInRules,
            Self::NotFirstSubnet { .. } => Code::NotFirstSubnet,
            Self::PsidMismatch { .. } | Self::ConflictingRules { .. } | Self::BrIsCe(_) => {
                Code::RuleInconsistent
            }
            Self::MtuTooSmall { .. } => Code::MtuTooSmall,
            Self::AllPortsReserved(_) | Self::ManualWithoutRule => Code::OptionInvalid,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotInRules { line: Some(line), .. } => line.next_step().to_owned(),
            Self::NotInRules { line: None, .. } => {
                "see whether DHCP on the same port gives IPv4, as on lines like au Hikari: they need \
                 no tunnel; else ask the provider, and if it is MAP-E, pass its rule with --rule"
                    .to_owned()
            }
            Self::OtherProvider { owner, .. } => {
                format!("set the provider to auto or {}", owner.name)
            }
            Self::StatedRuleElsewhere { .. } => {
                "give the rule for this prefix, or none, to use the built-in ones".to_owned()
            }
            Self::PrefixTooShort { needed, .. } => {
                format!("give the line's own prefix, a /{needed} or longer, or its address")
            }
            Self::NotFirstSubnet { end_user_prefix, .. } => format!(
                "a home gateway in front owns {end_user_prefix}: switch off its MAP-E and let it \
                 pass the whole prefix on, or connect this router to the line in its place"
            ),
            Self::PsidMismatch { .. } => {
                "leave psid out of the rule: the prefix already contains it".to_owned()
            }
            Self::ConflictingRules { .. } => "keep the one your provider uses".to_owned(),
            Self::BrIsCe(_) => "give the provider's BR address".to_owned(),
            Self::MtuTooSmall { .. } => format!(
                "an uplink MTU of {} or more is needed; a fibre line without PPPoE has 1500",
                MIN_MTU + TUNNEL_OVERHEAD
            ),
            Self::AllPortsReserved(_) => "reserve fewer ports".to_owned(),
            Self::ManualWithoutRule => {
                "pass --rule or --rules, or set the provider to auto".to_owned()
            }
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NotInRules { prefix, line } => {
                let mut params = vec![("prefix", prefix.to_string())];
                if let Some(line) = line {
                    params.push(("line", line.name().to_owned()));
                    params.push(("mechanism", line.mechanism().to_owned()));
                }
                params
            }
            Self::OtherProvider { prefix, chosen, owner } => vec![
                ("prefix", prefix.to_string()),
                ("provider", chosen.name().to_owned()),
                ("line", owner.name.to_owned()),
            ],
            Self::StatedRuleElsewhere { prefix, rule } => {
                vec![("prefix", prefix.to_string()), ("ipv6", rule.to_string())]
            }
            Self::PrefixTooShort { prefix, needed } => {
                vec![("prefix", prefix.to_string()), ("needed", needed.to_string())]
            }
            Self::NotFirstSubnet { prefix, end_user_prefix, ce } => vec![
                ("prefix", prefix.to_string()),
                ("end_user_prefix", end_user_prefix.to_string()),
                ("ce", ce.to_string()),
            ],
            Self::PsidMismatch { explicit, derived, prefix, .. } => vec![
                ("prefix", prefix.to_string()),
                ("psid", explicit.to_string()),
                ("psid_in_prefix", derived.to_string()),
            ],
            Self::ConflictingRules { ipv6 } => vec![("ipv6", ipv6.to_string())],
            Self::BrIsCe(br) => vec![("br", br.to_string())],
            Self::MtuTooSmall { uplink_mtu } => vec![("uplink_mtu", uplink_mtu.to_string())],
            Self::AllPortsReserved(list) => {
                vec![("option", "reserved_ports".to_owned()), ("value", list.text())]
            }
            Self::ManualWithoutRule => {
                vec![("option", "provider".to_owned()), ("value", "manual".to_owned())]
            }
        }
    }
}
