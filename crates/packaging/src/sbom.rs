//! `cargo xtask sbom`: prints the components of the program, as `CycloneDX`.
//!
//! The components come from cargo's metadata and the lock file: the crates that are linked into
//! mape-proto or run while it is compiled, with the features of plain Linux, which include those of
//! OpenWrt. The text has no time and no random number, so that the same sources give the same text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use host_tools::steps::{cargo, output, root};

/// The program.
const PROGRAM: &str = "mape-proto";

/// Returns the bill of materials.
///
/// # Errors
///
/// cargo fails, or its output has an unknown form.
pub fn text() -> anyhow::Result<String> {
    let words = ["metadata", "--format-version", "1", "--locked"];
    let mut metadata = cargo(&words);
    // Crates for other operating systems are left out.
    metadata.args(["--filter-platform", "x86_64-unknown-linux-musl"]);
    let metadata: Value = serde_json::from_str(&output(metadata)?)?;
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    let bill = bill(&metadata, &checksums(&lock))?;
    Ok(format!("{}\n", serde_json::to_string_pretty(&bill)?))
}

/// Makes it from cargo's metadata.
fn bill(metadata: &Value, checksums: &BTreeMap<String, String>) -> anyhow::Result<Value> {
    let packages: BTreeMap<&str, &Value> = by_id(metadata, "/packages")?;
    let nodes = by_id(metadata, "/resolve/nodes")?;
    let program = packages.iter().find(|(_, package)| text_of(package, "name") == PROGRAM);
    let (&program, package) = program.context("no mape-proto in cargo's metadata")?;
    let used = used(program, &nodes)?;
    let mut components = BTreeMap::new();
    let mut dependencies = BTreeMap::new();
    for id in &used {
        let package = packages.get(id).with_context(|| format!("no package {id}"))?;
        let names = links(nodes.get(id).context("no node")?);
        let names: BTreeSet<String> =
            names.iter().filter_map(|id| packages.get(id)).map(|package| purl(package)).collect();
        dependencies.insert(purl(package), json!({"ref": purl(package), "dependsOn": names}));
        if *id != program {
            components.insert(purl(package), component(package, "library", checksums));
        }
    }
    ensure!(components.len() > 5, "only {} crates: not the whole program", components.len());
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(package, "application", checksums)},
        "components": components.values().collect::<Vec<_>>(),
        "dependencies": dependencies.values().collect::<Vec<_>>(),
    }))
}

fn by_id<'a>(metadata: &'a Value, place: &str) -> anyhow::Result<BTreeMap<&'a str, &'a Value>> {
    let list = metadata.pointer(place).and_then(Value::as_array);
    let list = list.with_context(|| format!("no {place} in cargo's metadata"))?;
    Ok(list.iter().map(|item| (text_of(item, "id"), item)).collect())
}

/// Returns `program` and all crates it is built with, without those for tests.
fn used<'a>(
    program: &'a str,
    nodes: &BTreeMap<&'a str, &'a Value>,
) -> anyhow::Result<BTreeSet<&'a str>> {
    let (mut used, mut next) = (BTreeSet::new(), vec![program]);
    while let Some(id) = next.pop() {
        if used.insert(id) {
            next.extend(links(nodes.get(id).with_context(|| format!("no node {id}"))?));
        }
    }
    Ok(used)
}

/// Returns the dependencies of a package's build; the kind `dev` is for tests.
fn links(node: &Value) -> Vec<&str> {
    let depends = node.get("deps").and_then(Value::as_array).into_iter().flatten();
    let needed = depends.filter(|depend| {
        let kinds = depend.get("dep_kinds").and_then(Value::as_array).into_iter().flatten();
        kinds.map(|kind| text_of(kind, "kind")).any(|kind| kind != "dev")
    });
    needed.map(|depend| text_of(depend, "pkg")).collect()
}

fn component(package: &Value, kind: &str, checksums: &BTreeMap<String, String>) -> Value {
    let (name, version) = (text_of(package, "name"), text_of(package, "version"));
    let licence = text_of(package, "license").replace('/', " OR ");
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(package),
        "name": name,
        "version": version,
        "purl": purl(package),
        "licenses": [{"expression": licence}],
    });
    if let (Some(sum), Some(map)) =
        (checksums.get(&format!("{name} {version}")), component.as_object_mut())
    {
        map.insert("hashes".to_owned(), json!([{"alg": "SHA-256", "content": sum}]));
    }
    component
}

fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text_of(package, "name"), text_of(package, "version"))
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the registry's checksums, by name and version.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let of = |block: &str| {
        let field = |key: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim_start_matches(" = ").trim_matches('"').to_owned())
        };
        Some((format!("{} {}", field("name")?, field("version")?), field("checksum")?))
    };
    lock.split("[[package]]").filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_names_what_is_linked_and_nothing_of_the_tests() {
        let text = text().unwrap();
        assert_eq!(text, super::text().unwrap());
        let bill: Value = serde_json::from_str(&text).unwrap();
        let list = bill.get("components").and_then(Value::as_array).unwrap();
        let names: BTreeSet<&str> =
            list.iter().map(|component| text_of(component, "name")).collect();
        for name in ["mape-core", "nix", "serde_json", "ipnet", "syn"] {
            assert!(names.contains(name), "{name} in {names:?}");
        }
        for name in ["xtask", "anyhow", "proptest", "jsonschema", "mape-proto"] {
            assert!(!names.contains(name), "{name} in {names:?}");
        }
        for component in list {
            let ours = text_of(component, "name").starts_with("mape-");
            assert_eq!(component.get("hashes").is_none(), ours, "{component}");
            assert!(
                component.pointer("/licenses/0/expression").is_some_and(|l| l != ""),
                "{component}"
            );
        }
        let depends = bill.get("dependencies").and_then(Value::as_array).unwrap();
        assert_eq!(depends.len(), list.len() + 1);
        assert_eq!(
            bill.pointer("/metadata/component/version"),
            Some(&json!(env!("CARGO_PKG_VERSION")))
        );
    }
}
