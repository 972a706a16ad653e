//! What must hold for any text that claims to be a UCI file, with uncommitted changes behind a line
//! `---`. Used by the fuzz target and, with its seeds and the crashers ever found, by an ordinary
//! test of `mape-proto`.

use mape_core::Explain as _;
use mape_uci::{Package, Section, Value};

/// A type that needs no quotes; UCI itself writes none.
fn is_plain(kind: &str) -> bool {
    kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn is_sound(package: &Package) {
    let names: Vec<&str> = package.sections().iter().map(Section::name).collect();
    for section in package.sections() {
        assert!(!section.kind().is_empty() && !section.name().is_empty());
        for (option, value) in section.options() {
            assert!(!option.is_empty());
            assert!(*value != Value::Text(String::new()), "an empty option is none");
        }
        assert!(package.path(section).starts_with("test."));
    }
    let unique = names.iter().enumerate().all(|(at, name)| !names[..at].contains(name));
    if unique && package.sections().iter().all(|section| is_plain(section.kind())) {
        // What was understood is written in UCI's own words, and understood as the same. Renaming
        // can give one section two options of a name; then the last one counts.
        let text = package.to_string();
        let again = Package::parse("test", &text).expect("what UCI writes can be read");
        let twice = Package::parse("test", &again.to_string()).expect("and once more");
        assert_eq!(again.to_string(), twice.to_string());
        let two = |section: &Section| {
            let options = section.options();
            options
                .iter()
                .enumerate()
                .any(|(at, (name, _))| options[..at].iter().any(|it| it.0 == *name))
        };
        let emptied = |section: &Section| {
            section.options().iter().any(|(_, value)| *value == Value::List(Vec::new()))
        };
        if !package.sections().iter().any(|section| two(section) || emptied(section)) {
            assert_eq!(again.to_string(), text);
        }
    }
}

/// The package after its changes.
pub fn uci(text: &str) -> Option<Package> {
    let (config, changes) = text.split_once("\n---\n").unwrap_or((text, ""));
    match Package::parse("test", config) {
        Ok(mut package) => {
            is_sound(&package);
            package.change(changes);
            is_sound(&package);
            Some(package)
        }
        Err(error) => {
            for text in [error.to_string(), error.hint()] {
                assert!(
                    !text.is_empty() && text.len() < 2000 && !text.chars().any(char::is_control)
                );
            }
            None
        }
    }
}
