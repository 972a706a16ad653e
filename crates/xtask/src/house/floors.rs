//! The direction of the crates: each depends on lower floors only.

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::Breaches;
use super::repository::Repository;
use host_tools::steps::{cargo, output};

pub(super) const ADVICE: &str = "A crate depends on lower floors only (crates/xtask/src/house/floors.rs): move what \
both need down, or take it from a lower crate.";

/// The crates that the program is made of, each with its floor.
const FLOORS: [(&str, u8); 14] = [
    ("mape-core", 1),
    ("mape-json", 1),
    ("mape-nft", 2),
    ("mape-provision", 2),
    ("mape-system", 2),
    ("mape-ubus", 2),
    // Above mape-system, which reads its files.
    ("mape-uci", 3),
    // Above mape-provision, whose requests it sends.
    ("mape-net", 3),
    ("mape-kernel", 3),
    ("mape-firewall", 4),
    ("mape-netifd", 5),
    ("mape-linux", 6),
    ("mape-import", 6),
    ("mape-proto", 7),
];

/// The crates that only the host runs. They may use each other.
const HOST_ONLY: [&str; 7] =
    ["xtask", "packaging", "cross-build", "lab", "host-tools", "lab-traffic", "netifd-stand-in"];

/// What the stand-in may use of the program, which its tests judge: no more than what both read.
const STAND_IN_USES: [&str; 2] = ["mape-uci", "mape-ubus"];

/// Modules that a crate may not use although its floor allows the crate they are in.
const FORBIDDEN_MODULES: [(&str, &[&str]); 1] = [("mape-linux", &["mape_netifd", "handler"])];

/// The names of all crates.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FLOORS.iter().map(|(name, _)| *name).chain(HOST_ONLY)
}

/// Whether a crate is part of the program.
pub(super) fn is_shipped(name: &str) -> bool {
    floor(name).is_some()
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(shipped, _)| *shipped == name).map(|(_, floor)| *floor)
}

/// A dependency within the workspace.
#[derive(Debug)]
struct Dependency {
    from: String,
    to: String,
    for_tests: bool,
}

pub(super) fn find(repository: &Repository) -> anyhow::Result<Breaches> {
    let words = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let metadata: Value = serde_json::from_str(&output(cargo(&words))?)?;
    let mut breaches = broken(&dependencies(&metadata)?);
    forbidden(repository, &mut breaches);
    Ok(breaches)
}

fn forbidden(repository: &Repository, breaches: &mut Breaches) {
    for (name, path) in FORBIDDEN_MODULES {
        for source in repository.sources(name) {
            let is_forbidden = |used: &[String]| {
                used.len() >= path.len() && used.iter().zip(path).all(|(one, other)| one == other)
            };
            for (mention, line) in source.paths().filter(|(used, _)| is_forbidden(used)) {
                let key = format!("{name} -> {}", path.join("::"));
                let detail = format!("{}:{line}: `{}`", source.path, mention.join("::"));
                breaches.entry(key).or_default().add(detail);
            }
        }
    }
}

/// Reads `cargo metadata`.
///
/// # Errors
///
/// A crate of the workspace is in neither table.
fn dependencies(metadata: &Value) -> anyhow::Result<Vec<Dependency>> {
    let list = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_array).cloned().with_context(|| format!("no {key}"))
    };
    let name = |value: &Value| {
        value.get("name").and_then(Value::as_str).map(str::to_owned).context("no name")
    };
    let mut dependencies = Vec::new();
    for package in list(metadata, "packages")? {
        let from = name(&package)?;
        if !names().any(|known| known == from) {
            bail!(
                "the crate {from} has no floor: add it to FLOORS or to HOST_ONLY in \
                 crates/xtask/src/house/floors.rs"
            );
        }
        for dependency in list(&package, "dependencies")? {
            // Those of the workspace have a path.
            if dependency.get("path").is_some_and(Value::is_string) {
                let for_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
                let to = name(&dependency)?;
                dependencies.push(Dependency { from: from.clone(), to, for_tests });
            }
        }
    }
    Ok(dependencies)
}

fn broken(dependencies: &[Dependency]) -> Breaches {
    let mut breaches = Breaches::new();
    for dependency in dependencies {
        if let Some(reason) = reason(dependency) {
            let key = format!("{} -> {}", dependency.from, dependency.to);
            breaches.entry(key).or_default().add(reason);
        }
    }
    breaches
}

/// Returns why a dependency is not allowed.
fn reason(Dependency { from, to, for_tests }: &Dependency) -> Option<String> {
    match (floor(from), floor(to)) {
        (Some(own), Some(other)) if *for_tests && other > own => {
            Some(format!("tests on floor {own} use floor {other}"))
        }
        (Some(own), Some(other)) if !for_tests && other >= own => {
            Some(format!("floor {own} uses floor {other}"))
        }
        (Some(_), None) if !for_tests => Some(format!("{to} runs on the host only")),
        (None, Some(_))
            if from == "netifd-stand-in" && !for_tests && !STAND_IN_USES.contains(&to.as_str()) =>
        {
            Some(format!("the stand-in uses only {}", STAND_IN_USES.join(" and ")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(from: &str, to: &str, for_tests: bool) -> Option<String> {
        reason(&Dependency { from: from.into(), to: to.into(), for_tests })
    }

    #[test]
    fn a_crate_uses_lower_floors_only() {
        for (from, to, for_tests) in [
            ("mape-nft", "mape-core", false),
            ("mape-proto", "mape-linux", false),
            ("mape-linux", "mape-netifd", false),
            ("mape-nft", "mape-provision", true),
            ("mape-netifd", "netifd-stand-in", true),
            ("xtask", "lab-traffic", false),
            ("xtask", "mape-core", false),
            ("netifd-stand-in", "mape-uci", false),
            ("netifd-stand-in", "mape-netifd", true),
        ] {
            assert_eq!(of(from, to, for_tests), None, "{from} -> {to}");
        }
        for (from, to, for_tests) in [
            ("mape-core", "mape-nft", false),
            ("mape-nft", "mape-provision", false),
            ("mape-nft", "mape-system", false),
            ("mape-import", "mape-linux", false),
            ("mape-netifd", "mape-linux", false),
            ("mape-core", "mape-nft", true),
            ("mape-proto", "xtask", false),
            ("netifd-stand-in", "mape-proto", false),
        ] {
            assert!(of(from, to, for_tests).is_some(), "{from} -> {to}");
        }
    }

    #[test]
    fn plain_linux_does_not_use_the_handler_of_netifd() {
        let uses = |text| {
            let mut breaches = Breaches::new();
            let repository = Repository::of(&[("crates/mape-linux/src/up.rs", text)]);
            forbidden(&repository, &mut breaches);
            breaches.get("mape-linux -> mape_netifd::handler").map_or(0, |breach| breach.count)
        };
        assert_eq!(uses("use mape_netifd::{handler, provisioning};"), 1);
        assert_eq!(uses("fn f() { mape_netifd::handler::setup(); }"), 1);
        assert_eq!(uses("use mape_netifd::provisioning;"), 0);
    }

    #[test]
    fn metadata_is_read_and_an_unknown_crate_is_an_error() {
        let text = r#"{"packages": [
            {"name": "mape-core", "dependencies": [
                {"name": "serde", "kind": null},
                {"name": "mape-nft", "kind": null, "path": "/p"},
                {"name": "mape-uci", "kind": "dev", "path": "/p"}]},
            {"name": "xtask", "dependencies": []}]}"#;
        let metadata = |text: &str| serde_json::from_str(text).unwrap();
        let breaches = broken(&dependencies(&metadata(text)).unwrap());
        let keys: Vec<&String> = breaches.keys().collect();
        assert_eq!(keys, ["mape-core -> mape-nft", "mape-core -> mape-uci"]);
        let error = dependencies(&metadata(&text.replace("xtask", "mape-new"))).unwrap_err();
        assert!(error.to_string().contains("the crate mape-new has no floor"), "{error}");
    }
}
