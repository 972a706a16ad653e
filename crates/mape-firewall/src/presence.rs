//! Finds out whether a text is loaded without running a program.
//!
//! After each load, the loader writes a hash of what the kernel then has of our tables to the file
//! `content`, with the marker of the text. If the kernel has the same content later, that text is
//! loaded and nothing was changed. The marker is part of the content, so a file that is old or
//! wrong can only make the loader load again. nft is asked only if there is no such file, or if the
//! kernel does not answer (docs/decisions/0065-loaded-rules-by-netlink.md).

use std::fs;

use mape_kernel::nft_state::{self, Content};
use mape_nft::{Presence, Transaction};
use mape_system::files;

use crate::env::Env;
use crate::error::FirewallError;
use crate::nft_command::Nft;

const FILE: &str = "content";

/// Which part of a text is loaded, and how this was found out.
pub(crate) struct Found {
    pub(crate) presence: Presence,
    /// Whether the file has the content of this text. Otherwise nft gave the answer.
    pub(crate) is_noted: bool,
}

/// Returns which part of this text is loaded. Changes nothing.
///
/// # Errors
/// [`FirewallError`]: neither the kernel nor nft gives an answer.
pub(crate) fn presence(
    env: &Env,
    nft: &Nft<'_>,
    transaction: &Transaction,
) -> Result<Found, FirewallError> {
    let file = env.run.join(FILE);
    let noted = files::text(&file).ok();
    let known = match nft_state::content(&env.kernel) {
        Ok(content) if !content.is_marked() => Some(Presence::Missing),
        Ok(content) => noted.and_then(|noted| compare(&noted, &content, transaction.marker())),
        Err(_) => None,
    };
    let is_noted = known.is_some();
    let presence = known.map_or_else(|| nft.presence(transaction), Ok)?;
    Ok(Found { presence, is_noted })
}

/// Compares what was noted with what is loaded; `None` if nothing readable was noted.
fn compare(noted: &str, content: &Content, marker: &str) -> Option<Presence> {
    let mut words = noted.split_whitespace();
    let of_this_text = words.next()? == marker;
    let mut hash = || u64::from_str_radix(words.next()?, 16).ok();
    let (whole, without_short_cuts) = (hash()?, hash()?);
    Some(match content.hash([0; 2]) {
        Some(found) if of_this_text && found == whole => Presence::Complete,
        Some(found) if of_this_text && found == without_short_cuts => Presence::WithoutShortCuts,
        _ => Presence::Missing,
    })
}

/// Notes what the kernel has, after this text was loaded. If the file cannot be written, the older
/// note stays. It is not of this text, so the next load loads it again.
pub(crate) fn note(env: &Env, transaction: &Transaction) {
    let hashes = nft_state::content(&env.kernel).ok().and_then(|content| {
        Some((content.hash([0; 2])?, content.hash(transaction.count_short_cuts())?))
    });
    let Some((whole, without)) = hashes else { return forget(env) };
    let text = format!("{} {whole:x} {without:x}\n", transaction.marker());
    let _ = files::write(&env.run.join(FILE), &text);
}

/// Removes the note, so that the next load asks nft.
pub(crate) fn forget(env: &Env) {
    let _ = fs::remove_file(env.run.join(FILE));
}
