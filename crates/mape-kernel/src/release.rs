//! The version of the running kernel.

use std::path::Path;

/// Returns the first two numbers of the kernel's release, from `DIRECTORY/sys/kernel/osrelease`;
/// `None` if it cannot be read.
#[must_use]
pub fn release(proc: &Path) -> Option<(u16, u16)> {
    parse(&std::fs::read_to_string(proc.join("sys/kernel/osrelease")).ok()?)
}

fn parse(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split(|byte: char| !byte.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_begins_the_release() {
        for (text, version) in [
            ("6.12.117\n", Some((6, 12))),
            ("7.2-rc1\n", Some((7, 2))),
            ("5.15.0-1-cloud-amd64\n", Some((5, 15))),
            ("7\n", None),
            ("linux\n", None),
            ("", None),
        ] {
            assert_eq!(parse(text), version, "{text}");
        }
    }
}
