//! How each error of the program explains itself to a person, to a script and to LuCI.

use std::borrow::Cow;
use std::fmt;

/// The stable machine code of an error. Scripts and LuCI's translations rely on the strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// No rule covers the line's prefix.
    PrefixNotInRules,
    /// The prefix received is not the first subnet of the end-user prefix.
    NotFirstSubnet,
    /// Two numbers of a rule contradict each other or the line.
    RuleInconsistent,
    /// A value cannot be read or lies outside its range.
    OptionInvalid,
    /// The uplink leaves less than an MTU of 1280 inside the tunnel.
    MtuTooSmall,
    /// The rules for NAT and firewall could not be loaded.
    FirewallRejected,
    /// The system refuses a change, or a required program is missing.
    SystemRefused,
    /// No interface has a global IPv6 prefix or address yet.
    NoIpv6Yet,
    /// The interface named as uplink does not exist.
    TunlinkUnknown,
    /// A call of netifd over ubus failed.
    Ubus,
    /// Another device on the line has the CE address.
    CeInUse,
    /// The CE address is on no device although the tunnel is up.
    CeMissing,
    /// Another interface of this router uses the line.
    LineTaken,
    /// A tunnel with the same two ends exists already.
    TunnelExists,
    /// A configuration file cannot be read, or `uci` cannot change it.
    Uci,
    /// The kernel's list of connections cannot be read or changed.
    Conntrack,
    /// There is no MAP-E interface, or none of this name.
    NoInterface,
    /// The network offers nothing for this line.
    ProvisioningNoService,
    /// The network offers this line another method than MAP-E.
    ProvisioningOtherMethod,
    /// The provisioning server requires a user and a password, or refused those it received.
    ProvisioningAuth,
    /// The DNS resolvers did not return the address of the provisioning server.
    ProvisioningDns,
    /// The provisioning server did not answer, or answered with an internal error.
    ProvisioningNoAnswer,
    /// The provisioning server's certificate could not be verified.
    ProvisioningCertificate,
    /// No installed program can send the provisioning password without showing it to other users.
    ProvisioningProgram,
    /// The provisioning server refused the request.
    ProvisioningRefused,
    /// The provisioning server redirects to an address that is not allowed.
    ProvisioningRedirect,
    /// The provisioning server's answer cannot be used.
    ProvisioningBadAnswer,
    /// The provider of a fixed-address contract could not be informed of the line's address.
    ProvisioningUpdate,
}

impl Code {
    /// Returns the code as it is printed, for example `MAPE_PREFIX_NOT_IN_RULES`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrefixNotInRules => "MAPE_PREFIX_NOT_IN_RULES",
            Self::NotFirstSubnet => "MAPE_NOT_FIRST_SUBNET",
            Self::RuleInconsistent => "MAPE_RULE_INCONSISTENT",
            Self::OptionInvalid => "MAPE_OPTION_INVALID",
            Self::MtuTooSmall => "MAPE_MTU_TOO_SMALL",
            Self::FirewallRejected => "MAPE_FIREWALL_REJECTED",
            Self::NoIpv6Yet => "MAPE_NO_IPV6_YET",
            Self::TunlinkUnknown => "MAPE_TUNLINK_UNKNOWN",
            Self::SystemRefused => "MAPE_SYSTEM_REFUSED",
            Self::Ubus => "MAPE_UBUS",
            Self::CeInUse => "MAPE_CE_IN_USE",
            Self::CeMissing => "MAPE_CE_MISSING",
            Self::LineTaken => "MAPE_LINE_TAKEN",
            Self::TunnelExists => "MAPE_TUNNEL_EXISTS",
            Self::Uci => "MAPE_UCI",
            Self::Conntrack => "MAPE_CONNTRACK",
            Self::NoInterface => "MAPE_NO_INTERFACE",
            Self::ProvisioningNoService => "MAPE_PROVISIONING_NO_SERVICE",
            Self::ProvisioningOtherMethod => "MAPE_PROVISIONING_OTHER_METHOD",
            Self::ProvisioningAuth => "MAPE_PROVISIONING_AUTH",
            Self::ProvisioningDns => "MAPE_PROVISIONING_DNS",
            Self::ProvisioningNoAnswer => "MAPE_PROVISIONING_NO_ANSWER",
            Self::ProvisioningCertificate => "MAPE_PROVISIONING_CERTIFICATE",
            Self::ProvisioningProgram => "MAPE_PROVISIONING_PROGRAM",
            Self::ProvisioningRefused => "MAPE_PROVISIONING_REFUSED",
            Self::ProvisioningRedirect => "MAPE_PROVISIONING_REDIRECT",
            Self::ProvisioningBadAnswer => "MAPE_PROVISIONING_BAD_ANSWER",
            Self::ProvisioningUpdate => "MAPE_PROVISIONING_UPDATE",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an error says beside its sentence: the code, the next step and the named values.
///
/// ```
/// use mape_core::{Code, Explanation};
///
/// let explanation = Explanation::new(Code::MtuTooSmall, "raise the MTU of the uplink")
///     .text("device", "eth0")
///     .param("uplink_mtu", &1280);
/// let explanation = explanation.into_parts();
/// assert_eq!(explanation.hint, "raise the MTU of the uplink");
/// assert_eq!(explanation.params[1], ("uplink_mtu", "1280".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Explanation(Box<ExplanationParts>);

/// The parts of an [`Explanation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplanationParts {
    /// The stable machine code.
    pub code: Code,
    /// The next step, as one sentence.
    pub hint: Cow<'static, str>,
    /// The named values of the sentence, for translation. Names are stable.
    pub params: Vec<(&'static str, String)>,
}

impl Explanation {
    /// Returns an explanation without named values.
    // In the program once for each kind of hint: most callers pass constants, which a call takes in
    // fewer instructions than the stores into the result are.
    #[inline(never)]
    pub fn new(code: Code, hint: impl Into<Cow<'static, str>>) -> Self {
        Self::with(code, hint, Vec::new())
    }

    /// Returns an explanation with these named values.
    pub fn with(
        code: Code,
        hint: impl Into<Cow<'static, str>>,
        params: Vec<(&'static str, String)>,
    ) -> Self {
        Self(Box::new(ExplanationParts { code, hint: hint.into(), params }))
    }

    /// Takes the parts out.
    #[must_use]
    pub fn into_parts(self) -> ExplanationParts {
        *self.0
    }

    /// Returns the explanation of a value of this option that cannot be read or is out of range.
    #[inline(never)]
    pub fn of_option(option: &str, hint: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::OptionInvalid, hint).text("option", option)
    }

    /// Adds a named value that is a text.
    pub fn text(mut self, name: &'static str, value: &str) -> Self {
        self.0.params.push((name, value.to_owned()));
        self
    }

    /// Adds a named value of any type.
    // Not generic, so that the program contains it once.
    pub fn param(mut self, name: &'static str, value: &dyn fmt::Display) -> Self {
        self.0.params.push((name, value.to_string()));
        self
    }
}

/// An error that a person can act on. Its `Display` is one sentence that names the value.
///
/// A type implements [`Self::explain`], with one arm for each of its variants; the other methods
/// return parts of it.
pub trait Explain: fmt::Display {
    /// Returns the code, the next step and the named values.
    fn explain(&self) -> Explanation;

    // The bounds keep these out of the table of methods of each type, where nothing removes them.

    /// Returns the stable machine code.
    fn code(&self) -> Code
    where
        Self: Sized,
    {
        self.explain().0.code
    }

    /// Returns the next step, as one sentence.
    fn hint(&self) -> String
    where
        Self: Sized,
    {
        self.explain().0.hint.into_owned()
    }

    /// Returns the named values of the sentence, for translation. Names are stable.
    fn params(&self) -> Vec<(&'static str, String)>
    where
        Self: Sized,
    {
        self.explain().0.params
    }
}
