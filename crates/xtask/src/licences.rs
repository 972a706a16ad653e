//! Checks that every crate in the lock file has a licence that OpenWrt can ship.

use anyhow::{Context as _, bail};
use serde_json::Value;

use host_tools::steps::{cargo, output};

/// Licences that only require their notice. An expression with `OR` needs one of them, one with
/// `AND` needs all.
const ALLOWED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Checks all packages, including those for tests and other platforms.
pub(crate) fn check() -> anyhow::Result<()> {
    let metadata = output(cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata.get("packages").and_then(Value::as_array).context("no packages")?;
    let mut refused = Vec::new();
    for package in packages {
        let text = |key| package.get(key).and_then(Value::as_str).unwrap_or_default();
        if !is_allowed(text("license")) {
            refused.push(format!("{} {:?}", text("name"), text("license")));
        }
    }
    if !refused.is_empty() {
        bail!("not on the list: {}", refused.join(", "));
    }
    println!("{} packages, all under permissive licences", packages.len());
    Ok(())
}

/// Evaluates the simple expressions of the registry: `OR` binds weaker than `AND`, and parentheses
/// contain alternatives. `/` is the old form of `OR`.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let allowed = |licence: &str| {
        ALLOWED.contains(&licence.trim_matches(|character| "() ".contains(character)))
    };
    if expression.contains('(') {
        // Alternatives in parentheses: every AND part needs one allowed alternative.
        return expression.split(" AND ").all(|part| part.split(" OR ").any(allowed));
    }
    expression.split(" OR ").any(|part| part.split(" AND ").all(allowed))
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED, is_allowed};

    #[test]
    fn cargo_deny_has_the_same_list() {
        let text = std::fs::read_to_string(host_tools::steps::root().join("deny.toml")).unwrap();
        let (_, list) = text.split_once("\nallow = [\n").unwrap();
        let (list, _) = list.split_once(']').unwrap();
        let names: Vec<&str> =
            list.lines().map(|line| line.trim().trim_matches(['"', ','])).collect();
        assert_eq!(names, ALLOWED);
    }

    #[test]
    fn expressions() {
        for good in [
            "MIT",
            "MIT-0",
            "MIT OR Apache-2.0",
            "GPL-2.0 OR MIT",
            "MIT/Apache-2.0",
            "MIT AND BSD-3-Clause",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in ["", "GPL-2.0", "MIT AND GPL-2.0", "(MIT OR Apache-2.0) AND GPL-3.0"] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }
}
