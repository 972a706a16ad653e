//! The addresses of Debian's archives for every release, derived from the configuration of this
//! machine's apt.

use std::process::Command;

use anyhow::Context as _;

use super::{KEYS, Kind};
use crate::packages::refresh_lists;
use crate::steps::output;

/// The format of a line per list: two fields of the signed index, and the address of the archive.
const FORMAT: &str = "$(ORIGIN)|$(LABEL)|$(REPO_URI)";

/// Addresses in the form of a `sources.list`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Archives {
    main: String,
    security: Security,
}

#[derive(Debug, PartialEq, Eq)]
enum Security {
    /// The addresses in the configuration of this machine's apt.
    Known(String),
    /// The address on most mirrors.
    Guessed(String),
}

impl Archives {
    /// Reads the addresses from the configuration of this machine's apt, of any release.
    ///
    /// # Errors
    ///
    /// apt is not installed, or has no archive of Debian.
    pub(super) fn of_this_machine() -> anyhow::Result<Self> {
        let find = || {
            let known = output(Command::new("apt-get").args(["indextargets", "--format", FORMAT]))?;
            Self::of(&known).context("this machine's apt has no source of Debian")
        };
        // A fresh machine has no lists yet, and only a list says which release it is of.
        find().or_else(|_| refresh_lists().and_then(|()| find()))
    }

    fn of(targets: &str) -> Option<Self> {
        let labelled = |label: &str| {
            let places = targets.lines().filter_map(|line| {
                line.strip_prefix("Debian|")?.strip_prefix(label)?.strip_prefix('|')
            });
            // A disc holds one release only.
            places.filter(|place| !place.starts_with("cdrom:")).map(str::to_owned).next()
        };
        let main = labelled("Debian")?;
        let security = labelled("Debian-Security").map_or_else(
            || Security::Guessed(format!("{}-security/", main.trim_end_matches('/'))),
            Security::Known,
        );
        Some(Self { main, security })
    }

    pub(super) fn security_is_guessed(&self) -> bool {
        matches!(self.security, Security::Guessed(_))
    }

    /// Returns the text of a `sources.list` for `release`, with its security updates if they are
    /// requested and `kind` has them.
    pub(super) fn sources(&self, release: &str, kind: Kind, security: bool) -> String {
        let line = |word: &str, index: &str, place: &str, release: &str| {
            format!("{word} [signed-by={KEYS} target={index}] {place} {release} main\n")
        };
        // Backports have none of their own.
        let security =
            security && !release.contains('-') && matches!(kind, Kind::Binary { security: true });
        let mut text = match kind {
            Kind::Binary { .. } => line("deb", "Packages", &self.main, release),
            Kind::Source => line("deb-src", "Sources", &self.main, release),
        };
        if security {
            let (Security::Known(place) | Security::Guessed(place)) = &self.security;
            text += &line("deb", "Packages", place, &format!("{release}-security"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: Kind = Kind::Binary { security: true };

    #[test]
    fn another_release_is_read_from_the_same_archive() {
        let targets = "\
            Other||https://packages.example/apt/\n\
            Debian|Debian|cdrom:[Debian 13]/\n\
            Debian|Debian|http://mirror.example/debian/\n\
            Debian|Debian-Security|http://security.example/\n";
        let archives = Archives::of(targets).unwrap();
        assert!(!archives.security_is_guessed());
        let text = archives.sources("bookworm", BINARY, true);
        let lines: Vec<&str> = text.lines().collect();
        let with_keys = format!("deb [signed-by={KEYS} target=Packages] ");
        assert_eq!(
            lines,
            [
                format!("{with_keys}http://mirror.example/debian/ bookworm main"),
                format!("{with_keys}http://security.example/ bookworm-security main"),
            ]
        );
        assert_eq!(archives.sources("bookworm", BINARY, false).lines().count(), 1);
        assert_eq!(
            archives.sources("trixie", Kind::Binary { security: false }, true).lines().count(),
            1
        );
        assert!(archives.sources("trixie", Kind::Source, true).starts_with("deb-src "));
    }

    /// As after debootstrap.
    #[test]
    fn updates_are_looked_for_beside_the_archive_where_apt_reads_none() {
        let archives = Archives::of("Debian|Debian|http://mirror.example/debian/\n").unwrap();
        assert!(archives.security_is_guessed());
        let text = archives.sources("trixie", BINARY, true);
        assert!(text.contains(" http://mirror.example/debian-security/ trixie-security main\n"));
    }

    #[test]
    fn other_archives_and_unread_ones_are_none_of_debian() {
        assert_eq!(
            Archives::of("||http://mirror.example/debian/\nUbuntu|Ubuntu|http://u/\n"),
            None
        );
        assert_eq!(Archives::of(""), None);
    }
}
