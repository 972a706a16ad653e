//! The edge: the hooks at which internal and external ports are translated.

use std::fmt;
use std::str::FromStr;

use mape_core::{Explain, Explanation, Quoted};

/// The hooks of the rules that translate internal ports to external ports and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    /// Ingress and egress hooks of the tunnel device. They work with software flow offload. Egress
    /// hooks need Linux 5.16 or later and a kernel that was built with them.
    Netdev,
    /// `prerouting` before conntrack and `postrouting` after it. They work on every kernel.
    /// Offloaded flows bypass them, so the interface's flows must be kept from flow offload
    /// ([`Offload::KeptOut`](crate::Offload::KeptOut)).
    Postrouting,
    /// No translation: conntrack picks one of the port set's ranges by destination. New connections
    /// fail earlier when the set fills up, and the external port of a socket depends on the
    /// destination. This is the last resort.
    Plain,
}

impl Edge {
    /// Returns the name used in options and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Netdev => "netdev",
            Self::Postrouting => "postrouting",
            Self::Plain => "plain",
        }
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The configured edge: one edge, or the best edge that the kernel accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeChoice {
    /// The first of [`Self::candidates`] that the kernel accepts.
    #[default]
    Auto,
    /// Only this edge.
    Fixed(Edge),
}

impl EdgeChoice {
    /// Returns the edges to try, best first. The list is never empty.
    #[must_use]
    pub const fn candidates(self) -> &'static [Edge] {
        match self {
            Self::Auto => &[Edge::Netdev, Edge::Postrouting, Edge::Plain],
            Self::Fixed(Edge::Netdev) => &[Edge::Netdev],
            Self::Fixed(Edge::Postrouting) => &[Edge::Postrouting],
            Self::Fixed(Edge::Plain) => &[Edge::Plain],
        }
    }

    /// Returns the edge to use if none can be tried: [`Edge::Netdev`] for `auto`.
    #[must_use]
    pub const fn preferred(self) -> Edge {
        match self {
            Self::Auto => Edge::Netdev,
            Self::Fixed(edge) => edge,
        }
    }

    /// Returns the name used in options and state files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fixed(edge) => edge.name(),
        }
    }
}

/// Error: the text is not the name of an edge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown edge {0}")]
pub struct UnknownEdge(Quoted);

impl Explain for UnknownEdge {
    fn explain(&self) -> Explanation {
        Explanation::of_option("edge", "use auto, netdev, postrouting or plain")
            .text("value", self.0.as_str())
    }
}

impl FromStr for EdgeChoice {
    type Err = UnknownEdge;

    fn from_str(text: &str) -> Result<Self, UnknownEdge> {
        let choices = [
            Self::Auto,
            Self::Fixed(Edge::Netdev),
            Self::Fixed(Edge::Postrouting),
            Self::Fixed(Edge::Plain),
        ];
        let found = choices.into_iter().find(|choice| choice.name() == text);
        found.ok_or_else(|| UnknownEdge(Quoted::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mape_core::Code;

    #[test]
    fn names_read_back() {
        for name in ["auto", "netdev", "postrouting", "plain"] {
            let choice: EdgeChoice = name.parse().unwrap();
            assert_eq!(choice.name(), name);
            assert_eq!(choice.candidates()[0], choice.preferred());
            if choice != EdgeChoice::Auto {
                assert_eq!(choice.candidates().len(), 1);
                assert_eq!(choice.preferred().to_string(), name);
            }
        }
        let error = "Netdev".parse::<EdgeChoice>().unwrap_err();
        assert_eq!(
            (error.code(), error.to_string()),
            (Code::OptionInvalid, "unknown edge \"Netdev\"".to_owned())
        );
        assert_eq!(error.params()[1], ("value", "Netdev".to_owned()));
        assert!(error.hint().contains("plain"));
    }
}
