//! Replays the fuzzing seeds and every input that ever broke the reading of netlink messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(unreachable_pub, reason = "shared with the fuzz target")]

#[path = "../../../tests/fuzz/checks_netlink.rs"]
mod checks_netlink;

use std::fs;
use std::path::Path;

#[test]
fn no_bytes_break_the_reader() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let folders = ["fuzz/seeds/ctnetlink", "crashers/ctnetlink"].map(|folder| tests.join(folder));
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let (mut count, mut entries) = (0, 0);
    for file in files {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        entries += usize::from(checks_netlink::ctnetlink(&bytes).is_some());
        for at in 0..bytes.len() {
            checks_netlink::ctnetlink(bytes.get(..at).unwrap());
            for bits in [0xff, 0x80, 1] {
                let mut garbled = bytes.clone();
                *garbled.get_mut(at).unwrap() ^= bits;
                checks_netlink::ctnetlink(&garbled);
            }
        }
        count += 1;
    }
    assert!(count >= 7 && entries >= 4);
}
