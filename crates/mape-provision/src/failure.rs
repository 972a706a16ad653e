//! Reasons why there is no usable answer, for people and for LuCI.

use mape_core::{Code, Explain, Explanation, IntoVec as _};

use crate::answer::AnswerError;
use crate::request::Capability;

/// The network offers nothing for this line; provisioned settings are withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoService {
    /// NXDOMAIN, or no TXT record.
    #[error("the DNS resolvers of the line announce no provisioning server (4over6.info)")]
    NotAnnounced,
    /// There is a record, but not one of the standard's form.
    #[error("the TXT record of 4over6.info does not follow the provisioning standard")]
    Malformed,
    /// `order` is empty.
    #[error("the provisioning server {server} offers nothing for this line")]
    Nothing {
        /// The server's name.
        server: String,
    },
    /// `order` is empty because no password was sent.
    #[error("the provisioning server {server} requires a user and a password")]
    AuthRequired {
        /// The server's name.
        server: String,
    },
    /// `order` is empty because the password is wrong.
    #[error("the provisioning server {server} refused the user and the password")]
    AuthBad {
        /// The server's name.
        server: String,
    },
    /// The server offers methods, but none that was requested.
    #[error(
        "the provisioning server {server} offers only {}, none of which was requested",
        names(methods)
    )]
    OtherMethods {
        /// The server's name.
        server: String,
        /// The methods, the preferred one first.
        methods: Vec<Capability>,
    },
}

fn names(methods: &[Capability]) -> String {
    let names: Vec<&str> = methods.iter().map(|method| method.name()).into_vec();
    names.join(", ")
}

impl Explain for NoService {
    fn explain(&self) -> Explanation {
        match self {
            Self::NotAnnounced | Self::Malformed => Explanation::new(
                Code::ProvisioningNoService,
                "this provider does not use the standard: remove option provisioning, and set option rule \
                 if the built-in table has no rule for the line",
            ),
            Self::Nothing { server } => Explanation::new(
                Code::ProvisioningNoService,
                "ask the provider whether an IPv4 service is active on this line yet",
            )
            .text("server", server),
            Self::AuthRequired { server } => Explanation::new(
                Code::ProvisioningAuth,
                "enter the user, the password and the server's name that the provider gave",
            )
            .text("server", server),
            Self::AuthBad { server } => Explanation::new(
                Code::ProvisioningAuth,
                "check the user and the password that the provider gave",
            )
            .text("server", server),
            Self::OtherMethods { server, methods } => Explanation::new(
                Code::ProvisioningOtherMethod,
                "run mape-proto detect to see what to configure instead",
            )
            .text("server", server)
            .text("methods", &names(methods)),
        }
    }
}

/// This attempt failed; the settings of the last answer stay active.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The resolvers did not say whether there is a server.
    #[error("the DNS resolvers of the line {0} when queried for 4over6.info")]
    Dns(DnsFailure),
    /// No connection, no answer in time, or one that broke off.
    #[error("the server {server} did not answer")]
    NoAnswer {
        /// The server's name.
        server: String,
    },
    /// The certificate is wrong.
    #[error("the certificate of the server {server} could not be verified")]
    Certificate {
        /// The server's name.
        server: String,
    },
    /// The only program there is takes a URL as an argument.
    #[error(
        "the server {server} was not contacted: uclient-fetch would show the password in the list of \
         processes"
    )]
    ShowsPassword {
        /// The server's name.
        server: String,
    },
    /// 403 and 404 mean that the line's address is unknown (section 3.3); other statuses from 400
    /// to 499 are no better.
    #[error("the server {server} refused the request with status {status}")]
    Refused {
        /// The server's name.
        server: String,
        /// The HTTP status.
        status: u16,
    },
    /// Any other status that is neither an answer nor a redirect.
    #[error("the server {server} failed with status {status}")]
    Status {
        /// The server's name.
        server: String,
        /// The HTTP status.
        status: u16,
    },
    /// A redirect that is not followed.
    #[error("the server {server} {error}")]
    Redirect {
        /// The server that sent the redirect.
        server: String,
        /// The reason why it is not followed.
        error: RedirectError,
    },
    /// An answer that cannot be used.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// How a DNS resolver failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DnsFailure {
    /// SERVFAIL, REFUSED or an answer that cannot be read.
    #[error("failed")]
    Failed,
    /// Nothing at all.
    #[error("did not answer")]
    Timeout,
}

impl DnsFailure {
    /// Returns the value of the parameter.
    const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }
}

/// The reason why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RedirectError {
    /// No `Location`, or one that names no `http` or `https` server on IPv6.
    #[error("redirects to an address that may not be used or has no IPv6")]
    Nowhere,
    /// From `https` to `http`.
    #[error("redirects from https to http")]
    Downgrade,
    /// More than the limit, or in a circle.
    #[error("redirects too often")]
    TooMany,
}

impl RedirectError {
    /// Returns the value of the parameter.
    const fn name(self) -> &'static str {
        match self {
            Self::Nowhere => "nowhere",
            Self::Downgrade => "downgrade",
            Self::TooMany => "too_many",
        }
    }
}

impl Explain for Failure {
    fn explain(&self) -> Explanation {
        let no_answer = || {
            Explanation::new(
                Code::ProvisioningNoAnswer,
                "no action is needed now: the last settings stay active and the request is repeated",
            )
        };
        match self {
            Self::Dns(failure) => Explanation::new(
                Code::ProvisioningDns,
                "no action is needed now, the query is repeated; check that the uplink received its \
                 provider's DNS resolvers",
            )
            .text("failure", failure.name()),
            Self::NoAnswer { server } => no_answer().text("server", server),
            Self::Certificate { server } => Explanation::new(
                Code::ProvisioningCertificate,
                "check the router's clock and its CA certificates (package ca-bundle)",
            )
            .text("server", server),
            Self::ShowsPassword { server } => Explanation::new(
                Code::ProvisioningProgram,
                "install curl, which does not show it: `apk add curl`, or up to OpenWrt 24.10 \
                 `opkg update && opkg install curl`",
            )
            .text("server", server),
            Self::Refused { server, status } => Explanation::new(
                Code::ProvisioningRefused,
                "the server does not know this line: ask the provider whether the service is \
                 active, and check the URL if you entered one",
            )
            .text("server", server)
            .param("status", status),
            Self::Status { server, status } => {
                no_answer().text("server", server).param("status", status)
            }
            Self::Redirect { server, error } => Explanation::new(
                Code::ProvisioningRedirect,
                "report it to the provider",
            )
            .text("server", server)
            .text("failure", error.name()),
            Self::Answer(error) => error.explain(),
        }
    }
}
