//! Corrects a `tunlink` that names no interface of the router.

use mape_core::{IntoVec as _, Quoted};
use mape_uci::Section;

use super::router::Router;

/// Returns the section with the only possible interface, and a note about it.
pub(super) fn corrected(router: &Router, section: &Section) -> (Section, Option<String>) {
    let words: Vec<&str> = section.list("tunlink").into_vec();
    let is_there = match words.as_slice() {
        [] => true,
        [one] => router.interfaces().any(|it| it.name() == *one) || router.runs(one),
        _ => false,
    };
    if is_there {
        return (section.clone(), None);
    }
    let value = words.join(" ");
    let stated = Quoted::new(&value);
    let others = || router.interfaces().filter(|it| it.name() != section.name());
    // netifd makes `wan_6` while `wan` is up.
    let base = value.rsplit_once('_').filter(|(_, family)| ["4", "6"].contains(family));
    if let Some((base, _)) = base.filter(|(base, _)| others().any(|it| it.name() == *base)) {
        let note = format!(
            "the option tunlink names {stated}, which is no interface of the configuration; netifd \
             may make it while {base} is up"
        );
        return (section.clone(), Some(note));
    }
    let meant: Vec<&Section> =
        others().filter(|it| words.iter().any(|word| is_meant(it, word))).into_vec();
    let six = |it: &&&Section| it.get("proto") == Some("dhcpv6");
    let only = match meant.iter().filter(six).into_vec().as_slice() {
        [one] => Some(**one),
        [] => Some(meant.as_slice()).and_then(|it| if let [one] = it { Some(*one) } else { None }),
        _ => None,
    };
    let mut new = section.clone();
    let remedy = match only {
        Some(interface) => {
            new.set("tunlink", interface.name().to_owned());
            format!("{} is set instead", interface.name())
        }
        None => format!(
            "remove the option, so that the uplink is found: uci delete network.{}.tunlink",
            section.name()
        ),
    };
    let note = format!(
        "the option tunlink names {stated}, which is no interface of this router; {remedy}"
    );
    (new, Some(note))
}

/// Whether the word is the interface in another spelling, or its device.
fn is_meant(interface: &Section, word: &str) -> bool {
    let name = word.trim_start_matches('@');
    interface.name().eq_ignore_ascii_case(name)
        || ["device", "ifname"].iter().any(|it| interface.list(it).any(|device| device == word))
}
