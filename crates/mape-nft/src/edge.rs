//! Where inside ports become real ones.

use std::fmt;
use std::str::FromStr;

use mape_core::{Explain, Explanation, Quoted};

/// Where the rules sit that turn inside ports into real ports and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    /// Ingress and egress hooks of the tunnel device: works with software flow offload. Egress
    /// hooks exist from Linux 5.16 on, where the kernel was built with them.
    Netdev,
    /// `prerouting` before conntrack and `postrouting` after it: any kernel. Offloaded flows bypass
    /// it, so its flows have to be kept from flow offload
    /// ([`flow_offload`](crate::Options::flow_offload)).
    Postrouting,
    /// No second stage: conntrack itself picks one of the set's ranges by destination. New
    /// connections fail earlier when the set fills up, and a socket's outside port depends on whom
    /// it talks to. The last resort.
    Plain,
}

impl Edge {
    /// The name used in options and JSON.
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

/// What the user wants: one edge, or the best one that the kernel takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeChoice {
    /// The first of [`Self::candidates`] that the kernel takes.
    #[default]
    Auto,
    /// This one and no other.
    Fixed(Edge),
}

impl EdgeChoice {
    /// The edges to try, best first; never empty.
    #[must_use]
    pub const fn candidates(self) -> &'static [Edge] {
        match self {
            Self::Auto => &[Edge::Netdev, Edge::Postrouting, Edge::Plain],
            Self::Fixed(Edge::Netdev) => &[Edge::Netdev],
            Self::Fixed(Edge::Postrouting) => &[Edge::Postrouting],
            Self::Fixed(Edge::Plain) => &[Edge::Plain],
        }
    }

    /// The edge where nothing can be tried: for `auto` netdev.
    #[must_use]
    pub const fn preferred(self) -> Edge {
        match self {
            Self::Auto => Edge::Netdev,
            Self::Fixed(edge) => edge,
        }
    }

    /// The name used in options and state files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fixed(edge) => edge.name(),
        }
    }
}

/// The text names no edge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the edge {0} is not known")]
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
            (Code::OptionInvalid, "the edge \"Netdev\" is not known".to_owned())
        );
        assert_eq!(error.params()[1], ("value", "Netdev".to_owned()));
        assert!(error.hint().contains("plain"));
    }
}
