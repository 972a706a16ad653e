//! The description of a provider whose rules are built in.

/// A service whose rules are built in.
#[derive(Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name used in options and JSON, for example `v6plus`.
    pub name: &'static str,
    /// The name that users know.
    pub title: &'static str,
    /// Internet providers that sell the service. One of them often sells other services too, so
    /// this is for display only: the rule is chosen by prefix.
    pub isps: &'static str,
    /// Where the rules come from.
    pub source: &'static str,
    /// Year and month of the newest comparison with that source.
    pub date: &'static str,
}
