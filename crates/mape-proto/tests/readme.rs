//! The README and the pages in `docs/` agree with the program: examples print what they show, and
//! tables name every option and every error code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Commands that a developer runs, and that these tests do not; `cargo xtask` runs this very test.
const ELSEWHERE: [&str; 3] =
    ["cargo xtask demo", "cargo xtask test", "cargo xtask package mipsel_24kc"];

/// Commands that only our own files on a router run; `mape-proto --help` does not list them.
const INTERNAL: [&str; 4] = ["firewall", "hotplug", "provision", "renew"];

/// The repository.
fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    fs::read_to_string(home().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Both READMEs and the pages for users, by path.
fn pages() -> Vec<String> {
    let entries = fs::read_dir(home().join("docs")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    pages.sort();
    pages.extend(["README.md", "README.ja.md"].map(str::to_owned));
    pages
}

/// The text of the fenced blocks of a page whose language begins with `language`.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = read(page);
    let parts = text.split("\n```").collect::<Vec<_>>();
    assert_eq!(parts.len() % 2, 1, "{page}: a block without an end");
    let inside = parts.into_iter().skip(1).step_by(2);
    inside.filter(|block| block.starts_with(language)).map(str::to_owned).collect()
}

/// Command and expected text of every `console` block. The text is empty where the page shows none.
fn examples(page: &str) -> Vec<(String, String)> {
    let example = |block: String| {
        let (_, block) = block.split_once('\n').unwrap();
        let (command, printed) = block.split_once('\n').unwrap_or((block, ""));
        let command = command.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {command}"));
        let printed = if printed.is_empty() { String::new() } else { format!("{printed}\n") };
        (command.to_owned(), printed)
    };
    blocks(page, "console").into_iter().map(example).collect()
}

/// What the program prints, for a command that these tests run.
fn run(command: &str) -> Option<String> {
    if ELSEWHERE.contains(&command) {
        return None;
    }
    let arguments = command
        .strip_prefix("cargo run --quiet --package mape-proto -- ")
        .unwrap_or_else(|| panic!("not tested anywhere: {command}"));
    Some(said(&arguments.split(' ').collect::<Vec<_>>()))
}

fn said(arguments: &[&str]) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    mape_proto::run(
        arguments.iter().map(Into::into),
        mape_proto::Terminals::default(),
        &mut out,
        &mut err,
    );
    String::from_utf8(if out.is_empty() { err } else { out }).unwrap()
}

#[test]
fn every_example_is_true() {
    let mut shown = 0;
    for page in pages() {
        for (command, expected) in examples(&page) {
            let Some(printed) = run(&command) else { continue };
            assert!(expected.is_empty() || printed == expected, "{page}: {command}\n{printed}");
            assert!(!printed.is_empty());
            shown += usize::from(!expected.is_empty());
        }
    }
    // A plan, and a line that is not MAP-E.
    assert!(shown >= 2, "{shown}");
    for page in ["README.md", "README.ja.md"] {
        assert_eq!(examples(page).len(), 3, "{page}");
    }
}

/// Both READMEs tell a reader to enter the same commands.
#[test]
fn the_japanese_readme_has_the_same_commands() {
    let commands = |page| {
        let shell = blocks(page, "sh");
        let console = examples(page).into_iter().map(|(command, _)| command);
        shell.into_iter().chain(console).collect::<Vec<_>>()
    };
    assert!(commands("README.md").len() >= 6);
    assert_eq!(commands("README.ja.md"), commands("README.md"));
}

/// The options that netifd hands over.
fn options() -> Vec<String> {
    let handler = read("files/lib/netifd/proto/mape.sh").replace("\\\n", " ");
    let (_, list) = handler.split_once("for option in ").unwrap();
    let (list, _) = list.split_once("; do").unwrap();
    let lists = handler.lines().filter_map(|line| line.split_once("proto_config_add_array '"));
    let lists = lists.map(|(_, name)| name.split(':').next().unwrap());
    list.split_whitespace().chain(lists).map(str::to_owned).collect()
}

/// Every option that netifd hands over is described.
#[test]
fn the_page_of_options_names_every_option() {
    let (page, options) = (read("docs/options.md"), options());
    for known in ["psid", "reserved_ports"] {
        assert!(options.iter().any(|option| option == known), "{options:?}");
    }
    for option in options {
        assert!(page.contains(&format!("`{option}`")), "{option}");
    }
}

/// Fuzzing need not guess the name of an option, be it of a router or of `/etc/mape-rs.conf`.
#[test]
fn the_dictionary_of_fuzzing_has_every_option() {
    let dictionary = read("tests/fuzz/mape.dict");
    let source = read("crates/mape-linux/src/config.rs");
    let arms =
        source.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => "));
    let arms = arms.map(|(key, _)| key.to_owned()).filter(|key| !key.is_empty());
    let arms: Vec<String> = arms.collect();
    assert!(arms.contains(&"input_chain".to_owned()), "{arms:?}");
    for option in options().into_iter().chain(arms) {
        assert!(dictionary.lines().any(|line| line == format!("\"{option} \"")), "{option}");
    }
}

/// The README's table of common options names options that exist.
#[test]
fn the_readme_names_options_that_exist() {
    let handler = read("files/lib/netifd/proto/mape.sh");
    for page in ["README.md", "README.ja.md"] {
        let text = read(page);
        let (_, table) = text.split_once("\n## Options\n").unwrap_or_else(|| {
            text.split_once("\n## オプション\n").unwrap_or_else(|| panic!("{page}: no options"))
        });
        let (table, _) = table.split_once("\n## ").unwrap();
        let rows: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")).collect();
        assert!(rows.len() >= 8, "{page}");
        for row in rows {
            let (option, _) = row.split_once('`').unwrap();
            assert!(handler.contains(option), "{page}: {option}");
        }
    }
}

/// Both READMEs say how many rules are built in.
#[test]
fn the_readmes_have_the_number_of_rules() {
    let rules: serde_json::Value = serde_json::from_str(&said(&["rules", "--json"])).unwrap();
    let count = rules["count"].as_u64().unwrap();
    for (page, sentence) in [
        ("README.md", format!("Its table has {count} rules")),
        ("README.ja.md", format!("内蔵ルールは {count} 件")),
        ("README.md", format!("| built-in rules | {count}, ")),
        ("README.ja.md", format!("| 内蔵ルール | {count} 件")),
    ] {
        assert!(read(page).contains(&sentence), "{page}: {sentence}");
    }
}

/// Every error code is described.
#[test]
fn the_page_about_troubleshooting_names_every_code() {
    let page = read("docs/troubleshooting.md");
    let source = read("crates/mape-core/src/error.rs");
    let codes = source.split('"').filter(|text| text.starts_with("MAPE_"));
    let codes: Vec<&str> = codes.collect();
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        assert!(page.contains(&format!("| `{code}` |")), "{code}");
    }
}

/// No page names a command that the program does not have.
#[test]
fn the_pages_name_commands_that_exist() {
    let help = said(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let words: Vec<&str> = list.split(|letter: char| !letter.is_ascii_lowercase()).collect();
    for page in pages() {
        let text = read(&page);
        for (_, rest) in
            text.match_indices("mape-proto ").map(|(at, found)| text.split_at(at + found.len()))
        {
            let end = rest.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(rest.len());
            let (command, rest) = rest.split_at(end);
            // In prose, and in file names, no command follows.
            if command.is_empty() || rest.starts_with(['-', '/', '.', '(']) {
                continue;
            }
            let known = words.contains(&command) || INTERNAL.contains(&command);
            assert!(known, "{page}: mape-proto {command}");
        }
    }
}

/// A relative link leads to a file, and its anchor to a heading.
/// The pages, the first boot and LuCI call the interface what `detect --apply` calls it
/// (docs/decisions/0074-wan4.md).
#[test]
fn the_interface_has_one_name() {
    let help = said(&["detect", "--help"]);
    let name = help.split("names it (").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
    let mut found = Vec::new();
    for file in pages().into_iter().chain(["openwrt-feed/first-boot.sh".to_owned()]) {
        let text = read(&file);
        for line in text.lines() {
            let made = line
                .trim()
                .strip_suffix(".proto=mape")
                .and_then(|it| it.split_once("set network."));
            let shown = line.split("ifstatus ").skip(1).filter_map(|rest| rest.split('`').next());
            found.extend(made.map(|(_, word)| word.to_owned()));
            found.extend(shown.map(str::to_owned));
        }
    }
    assert!(found.len() >= 6 && found.iter().all(|it| it == name), "{found:?}");
    let page = "luci-app-mape/htdocs/luci-static/resources/view/mape/status.js";
    assert!(read(page).contains(&format!("const NAMES = [ '{name}',")), "{page}");
}

#[test]
fn every_link_leads_somewhere() {
    let mut checked = 0;
    let others = ["CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "CHANGELOG.md"];
    for page in pages().into_iter().chain(others.map(str::to_owned)) {
        let text = read(&page);
        let folder = home().join(&page).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(char::is_whitespace) {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { home().join(&page) } else { folder.join(file) };
            assert!(target.exists(), "{page}: {link}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let found = text.lines().any(|line| line.starts_with('#') && slug(line) == anchor);
                assert!(found, "{page}: {link}");
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

/// The anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Files below a directory, with `/` between the parts of a path.
fn files_below(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                files_below(&path, found);
            }
        } else {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
}

/// A reader who follows a name in these pages finds the file.
#[test]
fn the_architecture_and_the_decisions_name_files_that_exist() {
    let mut sources = Vec::new();
    files_below(&home().join("crates"), &mut sources);
    let decisions = fs::read_dir(home().join("docs/decisions")).unwrap();
    let decisions = decisions.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = decisions.map(|name| format!("docs/decisions/{name}")).collect();
    pages.extend(["ARCHITECTURE.md", "CONTRIBUTING.md"].map(str::to_owned));
    pages.extend(self::pages());
    let mut named = 0;
    for page in pages {
        let text = read(&page);
        let is_source = |name: &&str| Path::new(name).extension().is_some_and(|it| it == "rs");
        for name in text.split('`').skip(1).step_by(2).filter(is_source) {
            let is_it = |path: &String| path.ends_with(&format!("/{name}"));
            assert!(sources.iter().any(is_it), "{page}: there is no file {name}");
            named += 1;
        }
        for (_, rest) in text.match_indices("](").map(|(at, found)| text.split_at(at + found.len()))
        {
            let (target, _) = rest.split_once(')').unwrap();
            let target = target.split('#').next().unwrap();
            let directory = home().join(&page).parent().unwrap().to_owned();
            let is_elsewhere = target.is_empty() || target.contains("://");
            assert!(is_elsewhere || directory.join(target).exists(), "{page}: no page {target}");
        }
    }
    assert!(named > 60, "{named}");
}
