//! Replays the fuzzing seeds and every input that ever broke the reading of netlink and DNS
//! messages or what plain Linux reads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(unreachable_pub, reason = "shared with the fuzz target")]

#[cfg(feature = "linux")]
#[path = "../../../tests/fuzz/checks.rs"]
#[allow(dead_code, clippy::indexing_slicing, reason = "as in mape-core; one of them is used here")]
#[allow(clippy::cast_possible_truncation, clippy::needless_pass_by_value, reason = "as there")]
mod checks;
#[path = "../../../tests/fuzz/checks_dns.rs"]
mod checks_dns;
#[cfg(feature = "linux")]
#[path = "../../../tests/fuzz/checks_linux.rs"]
mod checks_linux;
#[path = "../../../tests/fuzz/checks_netlink.rs"]
mod checks_netlink;

use std::fs;
use std::path::{Path, PathBuf};

/// Every input kept for this target.
fn inputs(target: &str) -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let folders = ["fuzz/seeds", "crashers"].map(|folder| tests.join(folder).join(target));
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    files.map(|file| file.unwrap().path()).collect()
}

/// Every seed and crasher of the target, as it is, cut and garbled in every place; how many there
/// are, and how many of them `check` finds something in.
fn replay(target: &str, check: impl Fn(&[u8]) -> bool) -> (usize, usize) {
    let (mut count, mut found) = (0, 0);
    for file in inputs(target) {
        let bytes = fs::read(file).unwrap();
        found += usize::from(check(&bytes));
        for at in 0..bytes.len() {
            check(bytes.get(..at).unwrap());
            for bits in [0xff, 0x80, 1] {
                let mut garbled = bytes.clone();
                *garbled.get_mut(at).unwrap() ^= bits;
                check(&garbled);
            }
        }
        count += 1;
    }
    (count, found)
}

#[test]
fn no_bytes_break_the_reader() {
    let (count, entries) = replay("ctnetlink", |bytes| checks_netlink::ctnetlink(bytes).is_some());
    assert!(count >= 7 && entries >= 4);
}

#[test]
fn no_resolver_breaks_the_reader() {
    let (count, records) = replay("dns", |bytes| checks_dns::dns(bytes).is_some());
    assert!(count >= 3 && records >= 1);
}

#[cfg(feature = "linux")]
#[test]
fn no_text_breaks_the_forwards() {
    let mut good = 0;
    for file in inputs("linux_forwards") {
        let text = fs::read_to_string(file).unwrap();
        good += checks_linux::linux_forwards(&text).len();
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            checks_linux::linux_forwards(text.get(..at).unwrap());
            checks_linux::linux_forwards(text.get(at..).unwrap());
        }
    }
    assert!(good >= 2);
}

#[cfg(feature = "linux")]
#[test]
fn no_container_breaks_the_reader() {
    let (count, found) = replay("dhcpv6_container", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        !checks_linux::dhcpv6_container(&text).is_empty()
    });
    assert!(count >= 2 && found >= 2);
}

#[cfg(feature = "linux")]
#[test]
fn no_text_breaks_the_configuration() {
    let mut good = 0;
    for file in inputs("linux_config") {
        let text = fs::read_to_string(file).unwrap();
        good += usize::from(checks_linux::linux_config(&text).is_some());
        // Every cut of it, too.
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            checks_linux::linux_config(text.get(..at).unwrap());
            checks_linux::linux_config(text.get(at..).unwrap());
        }
    }
    assert!(good >= 3);
}
