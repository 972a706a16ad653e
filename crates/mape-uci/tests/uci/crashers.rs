//! Replays the fuzzing seeds and every input that ever broke the reader.
#![allow(unreachable_pub, reason = "shared with the fuzz target")]

#[path = "../../../../tests/fuzz/checks_uci.rs"]
mod checks_uci;

use std::fs;
use std::path::Path;

#[test]
fn no_text_breaks_the_reader() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let folders = ["fuzz/seeds/uci", "crashers/uci"].map(|folder| tests.join(folder));
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let mut good = 0;
    for file in files {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        good += usize::from(checks_uci::uci(&text).is_some());
        // Every cut of it, too.
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            checks_uci::uci(&text[..at]);
            checks_uci::uci(&text[at..]);
        }
    }
    assert!(good >= 6);
}
