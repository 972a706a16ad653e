//! Why there is no answer to use, for people and for LuCI.

use mape_core::{Code, Explain};

use crate::answer::AnswerError;
use crate::request::Capability;

/// The network says that there is nothing for this line: what was provisioned ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoService {
    /// NXDOMAIN, or no TXT record.
    #[error("the resolvers of the line know no provisioning server (4over6.info)")]
    NotAnnounced,
    /// There is a record, but not one of the standard's form.
    #[error("the TXT record of 4over6.info is not one of the provisioning standard")]
    Malformed,
    /// `order` is empty.
    #[error("the provisioning server {server} offers nothing for this line")]
    Nothing {
        /// Its name.
        server: String,
    },
    /// `order` is empty because no password was sent.
    #[error("the provisioning server {server} offers nothing without user and password")]
    AuthRequired {
        /// Its name.
        server: String,
    },
    /// `order` is empty because the password is wrong.
    #[error("the provisioning server {server} refused the user and the password")]
    AuthBad {
        /// Its name.
        server: String,
    },
    /// There are methods, but none that was asked for.
    #[error(
        "the provisioning server {server} offers {} and not what was asked for",
        names(methods)
    )]
    OtherMethods {
        /// Its name.
        server: String,
        /// The methods, the preferred one first.
        methods: Vec<Capability>,
    },
}

fn names(methods: &[Capability]) -> String {
    let names: Vec<&str> = methods.iter().map(|method| method.name()).collect();
    names.join(", ")
}

impl Explain for NoService {
    fn code(&self) -> Code {
        match self {
            Self::NotAnnounced | Self::Malformed | Self::Nothing { .. } => {
                Code::ProvisioningNoService
            }
            Self::AuthRequired { .. } | Self::AuthBad { .. } => Code::ProvisioningAuth,
            Self::OtherMethods { .. } => Code::ProvisioningOtherMethod,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotAnnounced | Self::Malformed => {
                "this provider does not use the standard: remove option provisioning, and state the \
                 rule with option rule if the built-in table does not know the line"
            }
            Self::Nothing { .. } => {
                "ask the provider whether an IPv4 service is active on this line yet"
            }
            Self::AuthRequired { .. } => {
                "enter the user, the password and the server's name that the provider gave"
            }
            Self::AuthBad { .. } => "check the user and the password that the provider gave",
            Self::OtherMethods { .. } => {
                "run mape-proto detect, which says what to configure instead"
            }
        }
        .to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NotAnnounced | Self::Malformed => Vec::new(),
            Self::Nothing { server } | Self::AuthRequired { server } | Self::AuthBad { server } => {
                vec![("server", server.clone())]
            }
            Self::OtherMethods { server, methods } => {
                vec![("server", server.clone()), ("methods", names(methods))]
            }
        }
    }
}

/// This try failed: what works goes on working.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The resolvers did not say whether there is a server.
    #[error("the resolvers of the line {0} when asked for 4over6.info")]
    Dns(DnsFailure),
    /// No connection, no answer in time, or one that broke off.
    #[error("the server {server} did not answer")]
    NoAnswer {
        /// Its name.
        server: String,
    },
    /// The certificate is wrong.
    #[error("the certificate of the server {server} could not be verified")]
    Certificate {
        /// Its name.
        server: String,
    },
    /// The only program there is takes a URL as an argument.
    #[error(
        "the server {server} was not asked: uclient-fetch would show the password in the list of \
         processes"
    )]
    ShowsPassword {
        /// Its name.
        server: String,
    },
    /// 403 and 404 mean that the line's address is unknown (section 3.3); other statuses from 400
    /// to 499 are no better.
    #[error("the server {server} refused the request with status {status}")]
    Refused {
        /// Its name.
        server: String,
        /// Of HTTP.
        status: u16,
    },
    /// Any other status that is neither an answer nor a redirect.
    #[error("the server {server} failed with status {status}")]
    Status {
        /// Its name.
        server: String,
        /// Of HTTP.
        status: u16,
    },
    /// A redirect that is not followed.
    #[error("the server {server} {error}")]
    Redirect {
        /// Who sent it.
        server: String,
        /// Why it is not followed.
        error: RedirectError,
    },
    /// An answer that cannot be used.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// How a resolver failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DnsFailure {
    /// SERVFAIL, REFUSED or an answer that cannot be read.
    #[error("failed")]
    Failed,
    /// Nothing at all.
    #[error("did not answer")]
    Timeout,
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RedirectError {
    /// No `Location`, or one that names no `http` or `https` server on IPv6.
    #[error("redirects to no address that can be asked over IPv6")]
    Nowhere,
    /// From `https` to `http`.
    #[error("redirects from https to http")]
    Downgrade,
    /// More than the limit, or in a circle.
    #[error("redirects too often")]
    TooMany,
}

impl Explain for Failure {
    fn code(&self) -> Code {
        match self {
            Self::Dns(_) => Code::ProvisioningDns,
            Self::NoAnswer { .. } | Self::Status { .. } => Code::ProvisioningNoAnswer,
            Self::Certificate { .. } => Code::ProvisioningCertificate,
            Self::ShowsPassword { .. } => Code::ProvisioningProgram,
            Self::Refused { .. } => Code::ProvisioningRefused,
            Self::Redirect { .. } => Code::ProvisioningRedirect,
            Self::Answer(error) => error.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Dns(_) => {
                "nothing to do at once, the question is asked again; see that the uplink got its \
                 provider's resolvers"
            }
            Self::NoAnswer { .. } | Self::Status { .. } => {
                "nothing to do at once: what worked goes on and the server is asked again"
            }
            Self::Certificate { .. } => {
                "check the router's clock and its CA certificates (package ca-bundle)"
            }
            Self::ShowsPassword { .. } => {
                "install curl, which keeps it to itself: `apk add curl`, or up to OpenWrt 24.10 \
                 `opkg update && opkg install curl`"
            }
            Self::Refused { .. } => {
                "the server does not know this line: ask the provider whether the service is \
                 active, and check the URL if you entered one"
            }
            Self::Redirect { .. } => "nothing to do but to tell the provider",
            Self::Answer(error) => return error.hint(),
        }
        .to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Dns(DnsFailure::Failed) => vec![("failure", "failed".to_owned())],
            Self::Dns(DnsFailure::Timeout) => vec![("failure", "timeout".to_owned())],
            Self::NoAnswer { server }
            | Self::Certificate { server }
            | Self::ShowsPassword { server } => vec![("server", server.clone())],
            Self::Refused { server, status } | Self::Status { server, status } => {
                vec![("server", server.clone()), ("status", status.to_string())]
            }
            Self::Redirect { server, error } => {
                let failure = match error {
                    RedirectError::Nowhere => "nowhere",
                    RedirectError::Downgrade => "downgrade",
                    RedirectError::TooMany => "too_many",
                };
                vec![("server", server.clone()), ("failure", failure.to_owned())]
            }
            Self::Answer(error) => error.params(),
        }
    }
}
