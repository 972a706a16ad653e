//! The state of the router that `import` reads: configuration, scripts and nft tables.

use std::fs;
use std::path::Path;

use mape_core::{IntoVec as _, ReceivedPrefix};
use mape_firewall::{Env, Nft};
use mape_netifd::{Config, Dump};
use mape_system::files;
use mape_system::json::items;
use mape_uci::{Directories, Package, Section, Sections, UciError};
use serde_json::Value;

use super::translate;

/// A script or a snippet.
#[derive(Clone, Debug)]
pub(super) struct Script {
    /// As on the router, from `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Script {
    /// Whether it belongs to mape-rs: all of its scripts contain this word.
    pub(super) fn is_ours(&self) -> bool {
        [&self.path, &self.text].iter().any(|text| text.contains("mape-rs"))
    }
}

/// The state of the router.
#[derive(Clone, Debug)]
pub struct Router {
    pub(super) env: Env,
    pub(super) network: Package,
    pub(super) firewall: Option<Package>,
    pub(super) scripts: Vec<Script>,
    /// Number of scripts that were skipped because of the limits.
    pub(super) unread: usize,
    /// `FAMILY NAME` of each table; `None` if nft failed.
    pub(super) tables: Option<Vec<String>>,
}

/// Directories with possible leftovers of other packages.
const DIRECTORIES: [&str; 7] = [
    "/lib/netifd/proto",
    "/etc/hotplug.d",
    "/etc/init.d",
    "/etc/nftables.d",
    "/usr/share/nftables.d",
    "/etc/crontabs",
    "/www/luci-static/resources/protocol",
];
const FILES: [&str; 2] = ["/etc/rc.local", "/etc/firewall.user"];

/// Size limit of a script; of a larger file only the beginning is read.
const MAX_SCRIPT: u64 = 1 << 18;
/// Size limit of all scripts together; those of a router are less than 1 MiB.
const BUDGET: u64 = 4 << 20;
/// Limit of the entries of a directory.
const MAX_ENTRIES: usize = 4096;

impl Router {
    /// Reads the state.
    ///
    /// # Errors
    /// [`UciError`] if the configuration `network` or `firewall` cannot be read. Unreadable scripts
    /// are left out.
    pub fn read(env: Env) -> Result<Self, UciError> {
        let directories = env.config();
        let network = directories.read("network")?;
        let network = network.map_or_else(|| Package::parse("network", ""), Ok)?;
        let firewall = directories.read("firewall")?;
        let mut paths: Vec<String> = FILES.iter().map(|path| (*path).to_owned()).into_vec();
        for directory in DIRECTORIES {
            paths.extend(list(&env.root, directory, 2));
        }
        paths.extend(list(&env.root, "/tmp", 0).into_iter().filter(|path| is_rules_of_map(path)));
        paths.extend(includes(firewall.as_ref()));
        paths.sort_unstable();
        paths.dedup();
        let mut reader = Reader { root: &env.root, left: BUDGET, unread: 0 };
        let mut scripts: Vec<Script> =
            paths.into_iter().filter_map(|path| reader.script(path)).into_vec();
        let mut texts: Vec<String> = scripts.iter().flat_map(nft_files).into_vec();
        texts.sort_unstable();
        texts.dedup();
        texts.retain(|path| scripts.iter().all(|script| script.path != *path));
        scripts.extend(texts.into_iter().filter_map(|path| reader.script(path)));
        let unread = reader.unread;
        let tables = tables(&env);
        Ok(Self { env, network, firewall, scripts, unread, tables })
    }

    /// Returns the directories of the packages.
    #[must_use]
    pub fn directories(&self) -> Directories {
        self.env.config()
    }

    /// Returns the line's prefix that netifd has now.
    pub(super) fn prefix(&self, section: &Section) -> Option<ReceivedPrefix> {
        if self.env.is_a_copy() {
            return None;
        }
        let mut bus = mape_netifd::connect(&self.env, mape_netifd::TIMEOUT).ok()?;
        running_prefix(section, &mape_netifd::read_dump(&mut bus).ok()?)
    }

    /// Whether netifd has an interface of this name now: one of its own is in no configuration.
    pub(super) fn runs(&self, interface: &str) -> bool {
        let dump = || {
            let mut bus = mape_netifd::connect(&self.env, mape_netifd::TIMEOUT).ok()?;
            mape_netifd::read_dump(&mut bus).ok()
        };
        !self.env.is_a_copy() && dump().is_some_and(|it| it.interface(interface).is_some())
    }

    pub(super) fn script(&self, path: &str) -> Option<&Script> {
        self.scripts.iter().find(|script| script.path == path)
    }

    /// Returns the `interface` sections of `/etc/config/network`.
    #[must_use]
    pub fn interfaces(&self) -> Sections<'_> {
        self.network.of_kind("interface")
    }

    /// One of the two packages that are read.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&Package> {
        std::iter::once(&self.network).chain(&self.firewall).find(|package| package.name() == name)
    }

    /// Returns the section `globals`.
    #[must_use]
    pub fn globals(&self) -> Option<&Section> {
        self.network.of_kind("globals").next()
    }

    /// The firewall's sections of a type.
    #[must_use]
    pub fn firewall_sections<'a>(&'a self, kind: &'a str) -> Sections<'a> {
        Sections::of(self.firewall.as_ref(), kind)
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        files::below(&self.env.root, path).is_ok_and(|path| path.exists())
    }
}

/// The prefix that the section's own numbers choose, or as a line of the built-in table.
fn running_prefix(section: &Section, dump: &Dump) -> Option<ReceivedPrefix> {
    let without = translate::without_numbers(section.clone());
    [section, &without].into_iter().find_map(|section| {
        let config = Config::parse(&section.json()).ok()?;
        mape_netifd::choose(&config, dump, None, &mape_netifd::Taken::default())
            .ok()
            .map(|uplink| uplink.prefix)
    })
}

/// The files in a directory, and in those below it down to a depth.
fn list(root: &Path, directory: &str, depth: usize) -> Vec<String> {
    let mut found = Vec::new();
    let entries = files::below(root, directory).and_then(fs::read_dir);
    for entry in entries.into_iter().flatten().flatten().take(MAX_ENTRIES) {
        let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if !kind.is_dir() => found.push(path),
            Ok(_) if depth > 0 => found.extend(list(root, &path, depth - 1)),
            _ => {}
        }
    }
    found
}

/// `/tmp/map-INTERFACE.rules`, which upstream's `map` writes for each interface that is up.
pub(super) fn is_rules_of_map(path: &str) -> bool {
    interface_of_rules(path).is_some()
}

/// The interface in such a path.
pub(super) fn interface_of_rules(path: &str) -> Option<&str> {
    path.strip_prefix("/tmp/map-")?.strip_suffix(".rules")
}

/// The scripts and snippets that the firewall's configuration names.
fn includes(firewall: Option<&Package>) -> Vec<String> {
    let paths = Sections::of(firewall, "include").filter_map(|include| include.get("path"));
    paths.filter(|path| path.starts_with('/')).map(str::to_owned).into_vec()
}

/// The files that a script has nft load.
fn nft_files(script: &Script) -> Vec<String> {
    let of_line = |line: &str| {
        let mut words = line.split(|char: char| char.is_whitespace() || "\"';|&".contains(char));
        let is_nft = words.any(|word| word.rsplit('/').next() == Some("nft"));
        let file = words.skip_while(|word| !matches!(*word, "-f" | "--file"));
        file.filter(|_| is_nft).find(|word| word.starts_with('/')).map(str::to_owned)
    };
    script.text.lines().filter(|line| !line.trim().starts_with('#')).filter_map(of_line).into_vec()
}

/// Reads scripts, as long as there is room for them.
struct Reader<'root> {
    root: &'root Path,
    /// In bytes.
    left: u64,
    unread: usize,
}

impl Reader<'_> {
    /// A script; `None` of what is none, or too much.
    fn script(&mut self, path: String) -> Option<Script> {
        let file = files::below(self.root, &path).ok()?;
        if self.left == 0 {
            self.unread += usize::from(file.is_file());
            return None;
        }
        let bytes = files::beginning(file, self.left.min(MAX_SCRIPT)).ok()?;
        self.left -= bytes.len() as u64;
        Some(Script { path, text: String::from_utf8_lossy(&bytes).into_owned() })
    }
}

fn tables(env: &Env) -> Option<Vec<String>> {
    // Only this machine's own nft answers for it; a test names another one.
    if env.is_a_copy() && env.nft == Env::default().nft {
        return None;
    }
    // Without the list the other results remain valid.
    let listed: Value = Nft::new(&env.nft).list(&["tables"]).ok()?;
    let name = |object: &Value| {
        let part = |key: &str| object.get("table")?.get(key)?.as_str();
        Some(format!("{} {}", part("family")?, part("name")?))
    };
    Some(items(&listed, "nftables").iter().filter_map(name).into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn netifd_knows_the_prefix() {
        let dump = Dump::of(&json!({"interface": [
            {"interface": "lan", "up": true, "proto": "static", "l3_device": "br-lan",
             "ipv6-address": [{"address": "fd00::1", "mask": 64}]},
            {"interface": "wan6", "up": true, "proto": "dhcpv6", "l3_device": "eth1",
             "ipv6-address": [{"address": "240b:10:3261:6400::5", "mask": 64}]},
            {"interface": "lab6", "up": true, "proto": "dhcpv6", "l3_device": "eth2",
             "ipv6-prefix": [{"address": "2001:db8:12:3400::", "mask": 56}]},
        ]}));
        let prefix = |options: &str| {
            let network = Package::parse("network", &format!("config interface 'x'\n{options}"));
            let network = network.unwrap_or_else(|error| panic!("{error}"));
            let section = network.section("x").and_then(|it| running_prefix(it, &dump));
            section.map(|prefix| prefix.to_string())
        };
        let lab = "option proto map\noption peeraddr 2001:db8:ffff::1\noption ipaddr 192.0.2.0\n\
                   option ip4prefixlen 24\noption ip6prefix 2001:db8::\noption ip6prefixlen 40\n\
                   option ealen 16\n";
        assert_eq!(prefix("option proto map\n").as_deref(), Some("240b:10:3261:6400::/64"));
        assert_eq!(prefix(lab).as_deref(), Some("2001:db8:12:3400::/56"));
        assert_eq!(
            prefix(&lab.replace("option ealen 16", "")).as_deref(),
            Some("2001:db8:12:3400::/56")
        );
        // Half a rule is none, so that the table's lines are left.
        let half = lab.replace("option ip6prefixlen 40", "");
        assert_eq!(prefix(&half).as_deref(), Some("240b:10:3261:6400::/64"));
        assert_eq!(prefix("option proto map\noption tunlink lab6\n"), None);
    }
}
