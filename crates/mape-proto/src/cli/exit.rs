//! The exit status of the program.

use mape_core::{Code, Failure};

/// Exit status of the program. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done.
    Fine = 0,
    /// Something outside the program failed.
    Failed = 1,
    /// The command line, or a value in it or in a file it names, is wrong.
    Usage = 2,
    /// The arguments are valid, but there is no plan for this prefix.
    NoPlan = 3,
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

impl ExitStatus {
    /// Returns the exit status of a failure, which depends on its code only.
    pub(super) fn of(failure: &Failure) -> Self {
        match failure.code {
            Code::OptionInvalid | Code::RuleInconsistent => Self::Usage,
            Code::PrefixNotInRules | Code::NotFirstSubnet | Code::MtuTooSmall => Self::NoPlan,
            Code::FirewallRejected
            | Code::NoIpv6Yet
            | Code::TunlinkUnknown
            | Code::SystemRefused
            | Code::Ubus
            | Code::CeInUse
            | Code::CeMissing
            | Code::LineTaken
            | Code::TunnelExists
            | Code::Uci
            | Code::Conntrack
            | Code::NoInterface
            | Code::ProvisioningNoService
            | Code::ProvisioningOtherMethod
            | Code::ProvisioningAuth
            | Code::ProvisioningDns
            | Code::ProvisioningNoAnswer
            | Code::ProvisioningCertificate
            | Code::ProvisioningProgram
            | Code::ProvisioningRefused
            | Code::ProvisioningRedirect
            | Code::ProvisioningBadAnswer
            | Code::ProvisioningUpdate => Self::Failed,
        }
    }
}
