//! Replays the fuzzing seeds and every input that ever broke the reading of netlink and DNS messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(unreachable_pub, reason = "shared with the fuzz target")]

#[path = "../../../tests/fuzz/checks_dns.rs"]
mod checks_dns;
#[path = "../../../tests/fuzz/checks_netlink.rs"]
mod checks_netlink;

use std::fs;
use std::path::Path;

/// Every seed and crasher of the target, as it is, cut and garbled in every place; how many there are,
/// and how many of them `check` finds something in.
fn replay(target: &str, check: impl Fn(&[u8]) -> bool) -> (usize, usize) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let folders = ["fuzz/seeds", "crashers"].map(|folder| tests.join(folder).join(target));
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let (mut count, mut found) = (0, 0);
    for file in files {
        let bytes = fs::read(file.unwrap().path()).unwrap();
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
