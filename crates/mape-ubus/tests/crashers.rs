//! Replays the fuzzing seeds and every input that ever broke the decoder.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
#![allow(unreachable_pub, reason = "shared with the fuzz target")]

#[path = "../../../tests/fuzz/checks_ubus.rs"]
mod checks_ubus;

use std::fs;
use std::path::Path;

#[test]
fn no_bytes_break_the_decoder() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let folders = ["fuzz/seeds/blobmsg", "crashers/blobmsg"].map(|folder| tests.join(folder));
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let mut count = 0;
    for file in files {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        checks_ubus::blobmsg(&bytes);
        // Every cut and every flipped byte of it, too.
        for at in 0..bytes.len() {
            checks_ubus::blobmsg(bytes.get(..at).unwrap());
            for bits in [0xff, 0x80, 1] {
                let mut garbled = bytes.clone();
                *garbled.get_mut(at).unwrap() ^= bits;
                checks_ubus::blobmsg(&garbled);
            }
        }
        count += 1;
    }
    assert!(count >= 4);
}
