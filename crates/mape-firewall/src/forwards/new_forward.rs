//! Converts the arguments of a new forward to a section.

use std::fmt::Write as _;

use mape_core::{IntoVec as _, Quoted};
use mape_uci::{Package, quoted};

use super::section::{Forward, ForwardError, KIND};

/// The arguments of a new forward, as the user typed them.
#[derive(Clone, Copy, Debug)]
pub struct ForwardRequest<'typed> {
    /// An address, a host id like `::10`, or a name that DHCP knows.
    pub host: &'typed str,
    /// The port of the host.
    pub dest_port: &'typed str,
    /// `auto` or a port.
    pub src_dport: &'typed str,
    /// `tcp`, `udp`, or both, with commas or blanks between them.
    pub proto: Option<&'typed str>,
    /// A name for display.
    pub name: Option<&'typed str>,
    /// The interface; absent where there is only one.
    pub interface: Option<&'typed str>,
}

impl ForwardRequest<'_> {
    /// Returns an unused name for the section, made from the forward's name or from host and port.
    pub fn section(&self, is_known: impl Fn(&str) -> bool) -> String {
        let base = self
            .name
            .map_or_else(|| format!("mape_{}_{}", self.host, self.dest_port), str::to_owned);
        let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        let mut base: String = base.chars().map(letter).take(40).collect();
        if base.chars().all(|letter| letter == '_') {
            "mape_forward".clone_into(&mut base);
        }
        let further = (2_u32..).map(|number| format!("{base}_{number}"));
        let mut names = std::iter::once(base.clone()).chain(further);
        names.find(|name| !is_known(name)).unwrap_or(base)
    }

    /// Returns the section's options.
    #[must_use]
    pub fn options(&self) -> Vec<(&'static str, String)> {
        // Text such as 192.168.1.300 is an invalid address, and not a name.
        let is_address =
            self.host.contains(':') || self.host.chars().all(|it| it.is_ascii_digit() || it == '.');
        let host = if is_address && !is_mac(self.host) { "dest_ip" } else { "dest_host" };
        let optional = |option, value: Option<&str>| value.map(|value| (option, value.to_owned()));
        let proto = self.proto.map(|proto| proto.replace(',', " "));
        [
            optional("name", self.name),
            optional("interface", self.interface),
            optional("proto", proto.as_deref()),
            optional("src_dport", Some(self.src_dport)),
            optional(host, Some(self.host)),
            optional("dest_port", Some(self.dest_port)),
        ]
        .into_iter()
        .flatten()
        .into_vec()
    }

    /// Returns the forward, parsed as the loader parses a section.
    ///
    /// # Errors
    /// [`ForwardError`]
    pub fn forward(&self, section: &str) -> Result<Forward, ForwardError> {
        let disabled = || ForwardError::Missing("dest_ip", "type plain text");
        Forward::of_options(section, &self.options())?.ok_or_else(disabled)
    }
}

impl Forward {
    /// Returns the forward of a section with this name and these options, as the loader reads it;
    /// `None` if it is disabled.
    ///
    /// # Errors
    /// [`ForwardError`]
    pub fn of_options<T: AsRef<str>>(
        section: &str,
        options: &[(&'static str, T)],
    ) -> Result<Option<Self>, ForwardError> {
        let mut text = format!("config {KIND} {}\n", quoted(section));
        for (option, value) in options {
            let value = value.as_ref();
            if value.contains(char::is_control) {
                let value = Quoted::new(value);
                return Err(ForwardError::Bad {
                    option,
                    value,
                    hint: "type plain text in one line",
                });
            }
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "option {option} {}", quoted(value));
        }
        let unreadable = || ForwardError::Missing("dest_ip", "type plain text");
        let package = Package::parse("firewall", &text).map_err(|_| unreadable())?;
        let section = package.of_kind(KIND).next().ok_or_else(unreadable)?;
        Self::read(section).map_err(|(_, error)| error)
    }
}

/// Whether the text is a MAC address, such as `02:00:00:00:00:01`.
fn is_mac(text: &str) -> bool {
    let is_byte = |part: &str| part.len() == 2 && part.bytes().all(|it| it.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(is_byte)
}
