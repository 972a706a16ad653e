//! The lists are a real kernel's, kept as seeds of fuzzing: the guard alone, with two devices in
//! the map of open interfaces, a table of another program, and a chain on `lo`.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Answers in a directory, as [`Kernel::Recorded`] reads them.
struct Answers(PathBuf);

impl Answers {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("mape-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let answers = Self(directory);
        answers.put("nft-own-tables", &seed("nft-tables"));
        answers.put("nft-chains", &seed("nft-chains"));
        answers.put("nft-flowtables", &seed("end"));
        answers.put("nft-rules-mape_rs", &seed("nft-rules"));
        answers.put("nft-rules-mape_rs_lo", &seed("end"));
        for map in ObjectNames::VERDICT_MAPS {
            answers.put(&format!("nft-{map}"), &error(-2));
        }
        answers.put("nft-open_interfaces", &seed("nft-elements"));
        answers
    }

    fn put(&self, question: &str, bytes: &[u8]) {
        fs::write(self.0.join(question), bytes).unwrap();
    }

    fn content(&self) -> Result<Content, NetlinkError> {
        content(&Kernel::Recorded(self.0.clone()))
    }

    fn hash(&self) -> Option<u64> {
        self.content().ok()?.hash([0; 2])
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn seed(name: &str) -> Vec<u8> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds/ctnetlink");
    fs::read(seeds.join(name)).unwrap()
}

/// A refusal with this error number (`NLMSG_ERROR`).
fn error(number: i32) -> Vec<u8> {
    let mut bytes = [20_u32, 2, 0, 0].map(u32::to_ne_bytes).concat();
    bytes.extend(number.to_ne_bytes());
    bytes
}

/// The bytes with another value `behind` bytes after the n-th occurrence of the pattern.
fn changed(bytes: &[u8], pattern: &[u8], occurrence: usize, behind: usize) -> Vec<u8> {
    let mut found =
        (0..bytes.len()).filter(|at| bytes[*at..].starts_with(pattern)).skip(occurrence);
    let at = found.next().unwrap() + pattern.len() + behind;
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

#[test]
fn what_changes_by_itself_is_left_out() {
    let answers = Answers::new("content");
    let content = answers.content().unwrap();
    assert!(content.is_marked());
    // Two rules in each chain of the short cuts.
    let [whole, one, other, both] =
        [[0, 0], [1, 0], [0, 1], [1, 1]].map(|skipped| content.hash(skipped).unwrap());
    assert!(whole != one && whole != other && one != other && both != one && both != other);
    assert_eq!([[2, 0], [0, 2], [2, 2]].map(|skipped| content.hash(skipped)), [None; 3]);
    let whole = Some(whole);
    let rules = seed("nft-rules");
    let handle = changed(&rules, &[12, 0, 3, 0], 4, 7);
    // In `counter`: data, nested, bytes, packets.
    let packets = changed(&rules, b"counter\0", 1, 4 + 12 + 4 + 7);
    for same in [handle, packets] {
        assert_ne!(same, rules);
        answers.put("nft-rules-mape_rs", &same);
        assert_eq!(answers.hash(), whole);
    }
}

#[test]
fn every_other_change_counts() {
    let answers = Answers::new("content-changes");
    let whole = answers.hash().unwrap();
    let [tables, chains] = ["nft-tables", "nft-chains"].map(seed);
    let [rules, elements] = ["nft-rules", "nft-elements"].map(seed);
    for (question, original, other) in [
        ("nft-own-tables", &tables, changed(&tables, b"mape_rs_lo\0", 0, 1 + 8 + 12 + 4)),
        ("nft-chains", &chains, changed(&chains, b"edge_in\0", 0, 4 + 4 + 4 + 3)),
        ("nft-chains", &chains, changed(&chains, b"leak_guar", 0, 0)),
        ("nft-open_interfaces", &elements, changed(&elements, &[8, 0, 1, 0], 0, 0)),
        ("nft-rules-mape_rs", &rules, changed(&rules, b"0x12345678", 0, 0)),
        ("nft-rules-mape_rs", &rules, changed(&rules, b"ce_addresse", 0, 0)),
        ("nft-rules-mape_rs", &rules, changed(&rules, b"mape-", 0, 0)),
        ("nft-rules-mape_rs", &rules, seed("end")),
        ("nft-snat_by_oif", &error(-2), elements.clone()),
    ] {
        answers.put(question, &other);
        assert_ne!(answers.hash(), Some(whole), "{question}");
        answers.put(question, original);
        assert_eq!(answers.hash(), Some(whole));
    }
    // Elements in another order are the same.
    let [one, other, third] =
        [(1, 2), (2, 1), (1, 3)].map(|(first, second)| Part::of_elements(1, &pair(first, second)));
    assert!(one.is_ok() && one == other && one != third);
}

/// A list of two elements whose keys are one byte.
fn pair(first: u8, second: u8) -> Vec<u8> {
    let list = [first, second].map(|key| [12, 0, 1, 0, 8, 0, 1, 0, key, 0, 0, 0]).concat();
    [&[28, 0, 3, 0][..], &list].concat()
}

/// No answer, a refusal, a list that changed meanwhile, and one that is cut or garbled: never the
/// content that was asked for.
#[test]
fn an_answer_that_is_not_whole_is_none() {
    let answers = Answers::new("content-damage");
    let whole = answers.hash().unwrap();
    for question in ["nft-own-tables", "nft-chains", "nft-open_interfaces", "nft-rules-mape_rs"] {
        let good = fs::read(answers.0.join(question)).unwrap();
        for length in (0..good.len() - 20).step_by(7) {
            answers.put(question, &good[..length]);
            // Cut between two messages, it is a shorter list. The last 20 bytes are its end.
            assert_ne!(answers.hash(), Some(whole), "{question} {length}");
        }
        let mut interrupted = good.clone();
        interrupted[6] |= 0x10;
        answers.put(question, &interrupted);
        assert!(matches!(answers.content(), Err(NetlinkError::Interrupted)), "{question}");
        // EPERM, EOPNOTSUPP, EINVAL: no capability, no nf_tables in the kernel.
        for number in [-1, -95, -22] {
            answers.put(question, &error(number));
            assert!(matches!(answers.content(), Err(NetlinkError::Refused(_))), "{question}");
        }
        fs::remove_file(answers.0.join(question)).unwrap();
        assert!(matches!(answers.content(), Err(NetlinkError::Silent)), "{question}");
        answers.put(question, &good);
        assert_eq!(answers.hash(), Some(whole));
    }
}
