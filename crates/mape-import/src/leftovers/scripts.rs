//! Protocol handlers, hooks and start scripts.

use mape_core::{IntoVec as _, ShellWord};

use super::finding::{Leftover, Subject};
use super::packages;
use super::rules::{is_of_line, loads_snat};
use super::words::{code, excerpt, words};
use crate::router::{Router, Script};

/// Upstream's handler. It leaves nft to the firewall, so these words show that it was patched.
const MAP: &str = "/lib/netifd/proto/map.sh";
const PATCHES: [&str; 7] =
    ["nft", "iptables", "numgen", "DONT_SNAT_TO", "jp-ipoe", "jp-ipoe-map-nft", "fleth"];

/// Handlers of `map` that were patched, and other owners of `mape`.
pub(super) fn handlers(router: &Router) -> Vec<Leftover> {
    let mut found = Vec::new();
    let handlers = router.scripts.iter().filter(|script| is_handler(&script.path));
    for script in handlers.filter(|script| !script.is_ours()) {
        let path = &script.path;
        if let Some(word) = patch(script).filter(|_| path == MAP) {
            found.push(
                Leftover::new(
                    "patched-map",
                    path,
                    format!("the handler of proto map is patched ({word}): it loads NAT rules of its own, which stay when the interface goes"),
                )
                .remove("apk fix --reinstall map   # up to 24.10: opkg install --force-reinstall map"),
            );
        } else if registers(script, "mape") {
            found.push(
                Leftover::new(
                    "other-mape",
                    path,
                    "another package owns proto mape: netifd would run its handler instead of ours",
                )
                .remove(rm(path))
                .remove("/etc/init.d/network restart"),
            );
        } else if path != MAP && registers(script, "map") {
            found.push(
                Leftover::new(
                    "second-map",
                    path,
                    "a second handler of proto map: netifd keeps whichever it reads last",
                )
                .remove(rm(path))
                .remove("/etc/init.d/network restart"),
            );
        }
    }
    let page = "/www/luci-static/resources/protocol/mape.js";
    if router.script(page).is_some_and(|script| !script.is_ours()) {
        found.push(
            Leftover::new("other-mape", page, "another package's LuCI page for proto mape")
                .remove(rm(page)),
        );
    }
    found
}

fn rm(path: &str) -> String {
    format!("rm {}", ShellWord::new(path))
}

fn is_handler(path: &str) -> bool {
    let name = path.strip_prefix("/lib/netifd/proto/").unwrap_or_default();
    // netifd reads `*.sh`, and `*.uc` since 2026; a backup's other ending keeps it out.
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    !name.contains('/') && matches!(ending, Some("sh" | "uc"))
}

fn patch(script: &Script) -> Option<&'static str> {
    let patches =
        |line: &str| PATCHES.into_iter().find(|patch| words(line).any(|word| word == *patch));
    code(&script.text).find_map(patches)
}

/// Whether the script tells netifd that it handles this protocol.
fn registers(script: &Script, protocol: &str) -> bool {
    let shell = |line: &str| {
        line.split_once("add_protocol")
            .is_some_and(|(_, name)| name.split_whitespace().next() == Some(protocol))
    };
    // ucode: `netifd.add_proto({ name: "mape", … })`, perhaps over several lines.
    let name = [format!("\"{protocol}\""), format!("'{protocol}'")];
    let ucode =
        || script.text.contains("add_proto(") && name.iter().any(|name| script.text.contains(name));
    code(&script.text).any(shell) || ucode()
}

/// What hooks of others do to a line: words in them, and how the names of their programs begin.
const DEEDS: [&str; 4] = ["snat", "SNAT", "numgen", "map.sh"];
const PROGRAMS: [&str; 7] = ["mape", "map-e", "fleth", "jp-ipoe", "jp_ipoe", "v6mig", "hb46pp"];

/// Hotplug hooks, cron entries and start scripts that work on MAP-E.
pub(super) fn hooks(router: &Router, subject: &Subject) -> Vec<Leftover> {
    let foreign = router.scripts.iter().filter(|script| !script.is_ours());
    foreign.filter_map(|script| hook(script, router, subject)).into_vec()
}

fn hook(script: &Script, router: &Router, subject: &Subject) -> Option<Leftover> {
    let path = &script.path;
    // A package's own service is known by its files; its name in its script tells nothing.
    let is_service = path.starts_with("/etc/init.d/");
    let telling = |word: &str| {
        DEEDS.contains(&word) || PROGRAMS.iter().any(|program| word.starts_with(program))
    };
    let acts = |line: &&str| {
        !is_service && words(line).any(telling)
            || is_of_line(line, subject)
            || loads_snat(line, router, subject)
    };
    let deed = excerpt(code(&script.text).find(acts)?);
    if path.starts_with("/etc/hotplug.d/") {
        let why = format!("a hook that acts on interface events: {deed}");
        return Some(Leftover::new("hotplug", path, why).remove(rm(path)));
    }
    if is_service {
        let found = || Leftover::new("start-script", path, format!("runs at boot: {deed}"));
        return (!packages::has(path))
            .then(|| found().remove(format!("{} disable", ShellWord::new(path))).remove(rm(path)));
    }
    let (kind, why) = match path.as_str() {
        "/etc/rc.local" => ("start-script", "runs at boot"),
        path if path.starts_with("/etc/crontabs/") => ("cron", "runs by the clock"),
        _ => return None,
    };
    Some(
        Leftover::new(kind, path, format!("{why}: {deed}"))
            .remove(format!("vi {}   # delete that line", ShellWord::new(path))),
    )
}
