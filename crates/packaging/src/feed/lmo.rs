//! Writes translations in LuCI's format: an archive of texts, each found by the hash of its
//! original.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// Writes a number in the form of the format.
fn word(number: usize) -> anyhow::Result<[u8; 4]> {
    Ok(u32::try_from(number)?.to_be_bytes())
}

/// Makes an archive from a catalogue in the form that `tests/luci/i18n.js` writes: each text in one
/// line.
///
/// The archive has the texts, each padded to four bytes, an index of (hash of the key, plural form,
/// position, length) sorted by hash, and the position of the index.
///
/// # Errors
///
/// A line is invalid, or the catalogue has no text.
pub(super) fn from_catalogue(path: &Path) -> anyhow::Result<Vec<u8>> {
    let source = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut archive = Vec::new();
    let mut index = Vec::new();
    let (mut key, mut context) = (String::new(), String::new());
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("msgctxt ") {
            context = unquoted(text)? + "\u{1}";
        } else if let Some(text) = line.strip_prefix("msgid ") {
            key = std::mem::take(&mut context) + &unquoted(text)?;
        } else if let Some(text) = line.strip_prefix("msgstr ") {
            let text = unquoted(text)?;
            // A text without a translation, or with an equal one, is left out.
            if key.is_empty() || text.is_empty() || key == text {
                continue;
            }
            index.push((hash(key.as_bytes()), archive.len(), text.len()));
            archive.extend(text.as_bytes());
            archive.resize(archive.len().next_multiple_of(4), 0);
        }
    }
    ensure!(!index.is_empty(), "{}: no text", path.display());
    index.sort_unstable();
    let place = word(archive.len())?;
    for (hash, start, length) in index {
        archive.extend(hash.to_be_bytes());
        archive.extend(word(1)?);
        archive.extend(word(start)?);
        archive.extend(word(length)?);
    }
    archive.extend(place);
    Ok(archive)
}

/// The escapes of a catalogue are those of JSON.
fn unquoted(text: &str) -> anyhow::Result<String> {
    match serde_json::from_str(text).with_context(|| text.to_owned())? {
        Value::String(text) => Ok(text),
        other => anyhow::bail!("not a text: {other}"),
    }
}

/// Paul Hsieh's "super fast hash", begun with the length.
fn hash(bytes: &[u8]) -> u32 {
    let pair = |bytes: &[u8]| {
        let [low, high] = [0, 1].map(|index| u32::from(bytes.get(index).copied().unwrap_or(0)));
        low | high << 8
    };
    // The last byte is signed.
    let signed = |byte: Option<&u8>| {
        let byte = i8::from_ne_bytes([byte.copied().unwrap_or(0)]);
        u32::from_ne_bytes(i32::from(byte).to_ne_bytes())
    };
    let mut hash = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        hash = hash.wrapping_add(pair(word));
        let next = pair(word.get(2..).unwrap_or_default()) << 11 ^ hash;
        hash = hash << 16 ^ next;
        hash = hash.wrapping_add(hash >> 11);
    }
    let rest = words.remainder();
    match rest.len() {
        3 => {
            hash = hash.wrapping_add(pair(rest));
            hash ^= hash << 16;
            hash ^= signed(rest.get(2)) << 18;
            hash = hash.wrapping_add(hash >> 11);
        }
        2 => {
            hash = hash.wrapping_add(pair(rest));
            hash ^= hash << 11;
            hash = hash.wrapping_add(hash >> 17);
        }
        1 => {
            hash = hash.wrapping_add(signed(rest.first()));
            hash ^= hash << 10;
            hash = hash.wrapping_add(hash >> 1);
        }
        _ => {}
    }
    hash ^= hash << 3;
    hash = hash.wrapping_add(hash >> 5);
    hash ^= hash << 4;
    hash = hash.wrapping_add(hash >> 17);
    hash ^= hash << 25;
    hash.wrapping_add(hash >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_can_be_read_back() {
        let path = host_tools::steps::root().join("luci-app-mape/po/ja/mape.po");
        let archive = from_catalogue(&path).unwrap();
        let word = |at: usize| {
            let bytes = archive.get(at..at + 4).unwrap();
            usize::try_from(u32::from_be_bytes(bytes.try_into().unwrap())).unwrap()
        };
        let begin = word(archive.len() - 4);
        // LuCI finds a text with a context by both, with a byte 1 between them.
        for (key, expected) in [
            ("Detect now", "再判定"),
            ("MAP-E step\u{1}done", "OK"),
            ("MAP-E history\u{1}now", "現在"),
        ] {
            let wanted = usize::try_from(hash(key.as_bytes())).unwrap();
            let mut entries = (begin..archive.len() - 4).step_by(16);
            let entry = entries.find(|at| word(*at) == wanted).unwrap();
            let (start, length) = (word(entry + 8), word(entry + 12));
            let text = archive.get(start..start + length).unwrap();
            assert_eq!(std::str::from_utf8(text).unwrap(), expected);
        }
    }

    /// Values of LuCI's own tool.
    #[test]
    fn hashes() {
        for (text, expected) in [
            ("abcd", 0xdad8_b8db),
            ("abcde", 0x51ed_072e),
            ("abcdef", 0x963b_9dda),
            ("abcdefg", 0xf071_c3ed),
            ("Looking at the line…", 0x35cb_e657),
            ("a…b…", 0x9b17_6e69),
        ] {
            assert_eq!(hash(text.as_bytes()), expected, "{text}");
        }
    }
}
