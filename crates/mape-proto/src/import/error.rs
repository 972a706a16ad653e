//! Why a section cannot be imported.

use mape_core::{Code, Explain, Quoted, RuleError};

/// The section cannot be imported.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImportError {
    /// No such interface.
    #[error("the configuration network has no interface {0}")]
    NoSection(Quoted),
    /// A protocol that has nothing to do with MAP-E.
    #[error("the interface {interface} is of proto {proto}, and nothing in it is a MAP-E line's")]
    NotMapE {
        /// Its name.
        interface: Quoted,
        /// Its protocol.
        proto: Quoted,
    },
    /// MAP-T, lw4o6, DS-Lite.
    #[error("the interface {interface} is set to {what}, which is not MAP-E")]
    OtherMechanism {
        /// Its name.
        interface: Quoted,
        /// What it is set to.
        what: Quoted,
    },
    /// A number is not there.
    #[error("the section lacks {0}")]
    Missing(&'static str),
    /// A number cannot be read.
    #[error("the section's {option} cannot be {value}")]
    BadValue {
        /// The option, or the key in `rule`.
        option: &'static str,
        /// Its value.
        value: Quoted,
    },
    /// The numbers contradict each other.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

impl Explain for ImportError {
    fn code(&self) -> Code {
        match self {
            Self::Rule(error) => error.code(),
            _ => Code::OptionInvalid,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NoSection(_) => "`uci show network` lists the interfaces".to_owned(),
            Self::NotMapE { .. } => {
                "a fixed-IPv4 contract stays as it is; for a MAP-E line make a \
                                     new interface of proto mape, which needs no numbers"
                    .to_owned()
            }
            Self::OtherMechanism { .. } => {
                "keep the section as it is; `mape-proto plan PREFIX` tells what a line is"
                    .to_owned()
            }
            Self::Missing(_) | Self::BadValue { .. } => {
                "pass the line's prefix with --prefix: for \
                                                         a line of the built-in table no numbers \
                                                         are needed"
                    .to_owned()
            }
            Self::Rule(error) => error.hint(),
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoSection(interface) => vec![("interface", interface.text())],
            Self::NotMapE { interface, proto } => {
                vec![
                    ("interface", interface.text()),
                    ("option", "proto".to_owned()),
                    ("value", proto.text()),
                ]
            }
            Self::OtherMechanism { interface, what } => {
                vec![("interface", interface.text()), ("value", what.text())]
            }
            Self::Missing(option) => vec![("option", (*option).to_owned())],
            Self::BadValue { option, value } => {
                vec![("option", (*option).to_owned()), ("value", value.text())]
            }
            Self::Rule(error) => error.params(),
        }
    }
}
