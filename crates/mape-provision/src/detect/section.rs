//! The UCI section that a line needs.

use std::fmt::Write as _;

/// An interface section of `/etc/config/network`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The protocol: `mape`, `dslite` or `ipip6`.
    pub proto: &'static str,
    /// The other options, in order.
    pub options: Vec<(&'static str, String)>,
    /// A further required option, whose value is in the documents of the contract.
    pub missing: Option<&'static str>,
}

impl Section {
    /// Returns the section as UCI writes it, for an interface of this name.
    #[must_use]
    pub fn text(&self, interface: &str) -> String {
        let mut text = format!("config interface {}\n", quoted(interface));
        let proto = ("proto", self.proto.to_owned());
        for (name, value) in std::iter::once(&proto).chain(&self.options) {
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "\toption {name} {}", quoted(value));
        }
        if let Some(name) = self.missing {
            let _ = writeln!(text, "\t# option {name}: in the papers of the contract");
        }
        text
    }
}

/// Quotes a text. A quote inside it is written as in a shell, which UCI reads.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
