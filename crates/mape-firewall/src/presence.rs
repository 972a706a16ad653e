//! Finds out whether a text is loaded, and loads the short cuts again if only they are missing.
//! Runs no program.
//!
//! After each load, the loader writes a hash of what the kernel then has of our tables to the file
//! `content`, with the marker of the text and the short cuts. If the kernel has the same content
//! later, that text is loaded and nothing was changed. The marker is part of the content, so a file
//! that is old or wrong can only make the loader load again
//! (docs/decisions/0065-loaded-rules-by-netlink.md).

use std::fs;

use mape_kernel::nft_state::{self, Content, ShortCuts};
use mape_nft::Transaction;
use mape_system::files;
use nix::errno::Errno;

use crate::env::Env;

const FILE: &str = "content";
/// How many times the short cuts are inserted if another program changes rules meanwhile.
const ATTEMPTS: usize = 3;

/// Which part of a text is loaded.
enum Presence {
    /// It is not loaded, another program has changed a part of it, or nothing certain is known.
    Missing,
    /// All but the short cuts, which a reload of firewall4 removes.
    Without(ShortCuts),
    /// All of it.
    Complete,
}

/// Returns whether this text is loaded. The short cuts can be missing. Changes nothing.
pub(crate) fn is_loaded(env: &Env, transaction: &Transaction) -> bool {
    !matches!(presence(env, transaction), Presence::Missing)
}

/// Returns whether this text is loaded with the short cuts, after inserting them if only they were
/// missing.
pub(crate) fn is_complete(env: &Env, transaction: &Transaction) -> bool {
    for _ in 0..ATTEMPTS {
        // Read first: a change after that, such as a stop of firewall4, must not leave the short
        // cuts alone in the table, because they let packets out.
        let Ok(generation) = nft_state::generation(&env.kernel) else { return false };
        match presence(env, transaction) {
            Presence::Missing => return false,
            Presence::Complete => return true,
            Presence::Without(short_cuts) => match short_cuts.insert(&env.kernel, generation) {
                Err(error) if error.is(Errno::ERESTART) => {}
                done => return done.is_ok(),
            },
        }
    }
    false
}

fn presence(env: &Env, transaction: &Transaction) -> Presence {
    let noted = files::text(env.run.join(FILE)).ok();
    let content = nft_state::content(&env.kernel).ok();
    let known = noted.zip(content).and_then(|(noted, content)| {
        // Without a marker, no text of the loader is loaded.
        compare(&noted, &content, transaction.marker()).filter(|_| content.is_marked())
    });
    known.unwrap_or(Presence::Missing)
}

/// Compares what was noted with what is loaded; `None` if nothing readable was noted.
fn compare(noted: &str, content: &Content, marker: &str) -> Option<Presence> {
    let (hashes, short_cuts) = noted.split_once('\n')?;
    let mut words = hashes.split_whitespace();
    let of_this_text = words.next()? == marker;
    let mut hash = || u64::from_str_radix(words.next()?, 16).ok();
    let (whole, without_short_cuts) = (hash()?, hash()?);
    Some(match content.hash([0; 2]) {
        Some(found) if of_this_text && found == whole => Presence::Complete,
        Some(found) if of_this_text && found == without_short_cuts => {
            Presence::Without(ShortCuts::read(short_cuts)?)
        }
        _ => Presence::Missing,
    })
}

/// Notes what the kernel has, after this text was loaded. If the file cannot be written, the older
/// note stays. It is not of this text, so the next load loads it again.
pub(crate) fn note(env: &Env, transaction: &Transaction) {
    let counts = transaction.count_short_cuts();
    let text = nft_state::content(&env.kernel).ok().and_then(|content| {
        let (whole, without) = (content.hash([0; 2])?, content.hash(counts)?);
        let short_cuts = content.short_cuts(counts).text();
        Some(format!("{} {whole:x} {without:x}\n{short_cuts}", transaction.marker()))
    });
    let Some(text) = text else { return forget(env) };
    let _ = files::write(&env.run.join(FILE), &text);
}

/// Removes the note, so that the next load loads the text.
pub(crate) fn forget(env: &Env) {
    let _ = fs::remove_file(env.run.join(FILE));
}
