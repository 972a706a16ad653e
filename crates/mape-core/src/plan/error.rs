//! Reasons why there is no plan.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use super::request::{MIN_MTU, TUNNEL_OVERHEAD};
use crate::error::{Code, Explain, Explanation};
use crate::line::LineKind;
use crate::provider::ProviderChoice;
use crate::provider_info::Provider;
use crate::text::Quoted;

/// The reason why there is no plan for this prefix with these rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No rule contains the prefix.
    #[error("the prefix {prefix} {}", verdict(*line))]
    NotInRules {
        /// The prefix received.
        prefix: Ipv6Net,
        /// The owner of the prefix, where it is known.
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
        /// The provider that the option `provider` names.
        chosen: ProviderChoice,
        /// The provider of the rule that would apply.
        owner: &'static Provider,
    },
    /// The rules that the user states are for other prefixes.
    #[error("the rule given is for {rule}, which does not contain the prefix {prefix}")]
    StatedRuleElsewhere {
        /// The prefix received.
        prefix: Ipv6Net,
        /// IPv6 prefix of the (first) rule given.
        rule: Ipv6Net,
    },
    /// The prefix has fewer bits than the rule uses, so it covers many lines.
    #[error("the prefix {prefix} is too short for one line: its rule uses {needed} bits")]
    PrefixTooShort {
        /// The prefix received.
        prefix: Ipv6Net,
        /// Length of the end-user prefix.
        needed: u8,
    },
    /// A subnet of the end-user prefix that is not its first one.
    #[error(
        "the prefix {prefix} is not the first subnet of the line's {end_user_prefix}, so packets that \
         the BR sends to {ce} reach another router"
    )]
    NotFirstSubnet {
        /// The prefix received.
        prefix: Ipv6Net,
        /// The end-user prefix.
        end_user_prefix: Ipv6Net,
        /// The CE address, to which the BR sends.
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
    /// Two different rules of one source for the same prefix.
    #[error("two different rules are given for {ipv6}")]
    ConflictingRules {
        /// IPv6 prefix of both.
        ipv6: Ipv6Net,
    },
    /// Both ends of the tunnel would have the same address.
    #[error("the BR address {0} is the line's own CE address")]
    BrIsCe(Ipv6Addr),
    /// The uplink's MTU is too small for the tunnel.
    #[error("an uplink MTU of {uplink_mtu} leaves less than {MIN_MTU} inside the tunnel")]
    MtuTooSmall {
        /// In bytes.
        uplink_mtu: u16,
    },
    /// No port is left for the NAT.
    #[error("the reserved ports {0} leave no port of the port set for outgoing connections")]
    AllPortsReserved(Quoted),
    /// Provider `manual`, but no rule was given.
    #[error("the provider is set to manual, but no rule is given")]
    ManualWithoutRule,
}

fn verdict(line: Option<LineKind>) -> &'static str {
    line.map_or("matches no known rule and no known provider", LineKind::verdict)
}

impl PlanError {
    /// Returns the owner of the prefix, where no rule contains it and the owner is known.
    #[must_use]
    pub const fn line(&self) -> Option<LineKind> {
        match self {
            Self::NotInRules { line, .. } => *line,
            _ => None,
        }
    }
}

// The next step of `MtuTooSmall` states the sum.
const _: () = assert!(MIN_MTU + TUNNEL_OVERHEAD == 1320);

impl Explain for PlanError {
    fn explain(&self) -> Explanation {
        match self {
            Self::NotInRules { prefix, line: Some(line) } => {
                Explanation::new(Code::PrefixNotInRules, line.next_step())
                    .param("prefix", prefix)
                    .text("line", line.name())
                    .text("mechanism", line.mechanism())
            }
            Self::NotInRules { prefix, line: None } => Explanation::new(
                Code::PrefixNotInRules,
                "check whether DHCP on the same port assigns IPv4, as on au Hikari, which needs no \
                 tunnel; otherwise ask the provider, and pass its rule with --rule if it is MAP-E",
            )
            .param("prefix", prefix),
            Self::OtherProvider { prefix, chosen, owner } => Explanation::new(
                Code::PrefixNotInRules,
                format!("set the provider to auto or {}", owner.name),
            )
            .param("prefix", prefix)
            .text("provider", chosen.name())
            .text("line", owner.name),
            Self::StatedRuleElsewhere { prefix, rule } => Explanation::new(
                Code::PrefixNotInRules,
                "give the rule for this prefix, or no rule to use the built-in ones",
            )
            .param("prefix", prefix)
            .param("ipv6", rule),
            Self::PrefixTooShort { prefix, needed } => Explanation::new(
                Code::PrefixNotInRules,
                format!("give the line's prefix, a /{needed} or longer, or an address of the line"),
            )
            .param("prefix", prefix)
            .param("needed", needed),
            Self::NotFirstSubnet { prefix, end_user_prefix, ce } => Explanation::new(
                Code::NotFirstSubnet,
                format!(
                    "a home gateway in front owns {end_user_prefix}: switch off its MAP-E and let \
                     it pass the whole prefix on, or connect this router to the line in its place"
                ),
            )
            .param("prefix", prefix)
            .param("end_user_prefix", end_user_prefix)
            .param("ce", ce),
            Self::PsidMismatch { explicit, derived, prefix, .. } => Explanation::new(
                Code::RuleInconsistent,
                "leave psid out of the rule: the prefix already contains it",
            )
            .param("prefix", prefix)
            .param("psid", explicit)
            .param("psid_in_prefix", derived),
            Self::ConflictingRules { ipv6 } => {
                Explanation::new(Code::RuleInconsistent, "keep the rule that your provider uses")
                    .param("ipv6", ipv6)
            }
            Self::BrIsCe(br) => {
                Explanation::new(Code::RuleInconsistent, "give the provider's BR address")
                    .param("br", br)
            }
            Self::MtuTooSmall { uplink_mtu } => Explanation::new(
                Code::MtuTooSmall,
                "an uplink MTU of 1320 or more is needed; a fibre line without PPPoE has 1500",
            )
            .param("uplink_mtu", uplink_mtu),
            Self::AllPortsReserved(list) => {
                Explanation::of_option("reserved_ports", "reserve fewer ports")
                    .text("value", list.as_str())
            }
            Self::ManualWithoutRule => Explanation::of_option(
                "provider",
                "pass --rule or --rules, or set the provider to auto",
            )
            .text("value", "manual"),
        }
    }
}
