//! Writes Debian's file `copyright`: both licences of mape-rs, and the notices of the crates and
//! libraries in a static program.

use std::fmt::Write as _;

use crate::notices::{self, Mit, Notice, STD};

/// The linked libraries that are not crates, with their owners.
const BESIDE: &[(&str, &str)] =
    &[STD, ("musl", "2005-2026 Rich Felker and the contributors of musl")];

const HEAD: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: mape-rs
Source: https://github.com/mape-rs/mape-rs
Comment: The program is linked statically. The paragraphs behind the first one name what
 is in it beside its own sources; where there is a choice, it is taken under MIT.
";

const APACHE: &str = "
License: Apache-2.0
 On Debian systems the full text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
";

/// Returns the text of the file.
///
/// # Errors
///
/// cargo fails, or a crate is not under MIT.
pub(super) fn text() -> anyhow::Result<String> {
    let licence = Mit::read()?;
    let mut text = String::from(HEAD);
    // Writing into a `String` cannot fail.
    let _ = write!(
        text,
        "\nFiles: *\nCopyright: {}\nLicense: MIT or Apache-2.0\n",
        licence.owners.join("\n ")
    );
    for Notice { name, version, owners } in notices::all()? {
        let owners = owners.join("\n ");
        let _ = write!(text, "\nFiles: {name}-{version}\nCopyright: {owners}\nLicense: MIT\n");
    }
    for (what, owners) in BESIDE {
        let files = what.replace(' ', "-");
        let _ = write!(text, "\nFiles: {files}\nCopyright: {owners}\nLicense: MIT\n");
    }
    text.push_str("\nLicense: MIT\n");
    for line in licence.body.lines() {
        let _ = writeln!(text, " {}", if line.is_empty() { "." } else { line });
    }
    text.push_str(APACHE);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_that_are_linked_are_named_and_macros_are_not() {
        let text = text().unwrap();
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("Files: ")).collect();
        for name in ["serde_json-", "nix-", "ipnet-", "memchr-", "musl"] {
            assert!(names.iter().any(|it| it.starts_with(name)), "{name} in {names:?}");
        }
        for name in ["syn-", "serde_derive-", "mape-core-", "anyhow-"] {
            assert!(!names.iter().any(|it| it.starts_with(name)), "{name} in {names:?}");
        }
        let owners = text.lines().filter(|line| line.starts_with("Copyright: ")).count();
        assert_eq!(owners, names.len());
        assert_eq!(text.matches("\nLicense: Apache-2.0\n").count(), 1);
        assert!(text.contains(" WITHOUT WARRANTY OF ANY KIND") && text.contains("common-licenses"));
    }
}
