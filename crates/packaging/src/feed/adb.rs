//! ADB, the container of apk-tools 3: a small database of typed values, its signatures, and data.
//!
//! A file is a magic number, a schema and blocks. Each block starts with a word that holds its kind
//! (two bits) and its length, and ends at a multiple of eight bytes. The first block is the
//! database, signature blocks follow, then data. All numbers are little-endian.
//! The writing order and the reuse of equal values are those of apk-tools, so that the database has
//! the same bytes. Source: `src/adb.h` and `src/adb.c` of apk-tools 3.0.6.

use std::collections::HashMap;
use std::io::Write as _;

use anyhow::{Context as _, ensure};
use flate2::{Compression, write::DeflateEncoder};
use sha2::{Digest as _, Sha512};

use super::signing::Key;

const NUMBER: u32 = 0x1000_0000;
const NUMBER_32: u32 = 0x2000_0000;
const NUMBER_64: u32 = 0x3000_0000;
const BLOB_8: u32 = 0x8000_0000;
const BLOB_16: u32 = 0x9000_0000;
const BLOB_32: u32 = 0xa000_0000;
const OBJECT: u32 = 0xe000_0000;
/// The bits of a value that hold a small number, or the position of a larger one.
const PLACE: u32 = 0x0fff_ffff;

const BLOCK_DATABASE: u32 = 0;
const BLOCK_SIGNATURE: u32 = 1;
const BLOCK_DATA: u32 = 2;
/// The longest block with a header of one word.
const BLOCK_LIMIT: usize = 0x3fff_ffff;

/// The number of SHA-512 in apk-tools.
const SHA512: u8 = 4;

/// A value of a database: its type in the upper four bits, and a small number or a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Value(u32);

impl Value {
    /// No value.
    pub(super) const NULL: Self = Self(0);
}

/// A database that is being written.
pub(super) struct Database {
    bytes: Vec<u8>,
    /// The positions of values that may be used again.
    places: HashMap<Vec<u8>, usize>,
}

impl Database {
    /// Creates an empty database: the versions, and room for the root.
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; 8], places: HashMap::new() }
    }

    /// Writes bytes of any kind. Returns [`Value::NULL`] for no bytes.
    pub(super) fn blob(&mut self, bytes: &[u8]) -> Value {
        let (kind, word) = blob_head(bytes.len());
        let Some(align) = word.as_ref().map(Vec::len) else { return Value::NULL };
        let mut written = word.unwrap_or_default();
        written.extend(bytes);
        self.shared(kind, &written, align)
    }

    /// Writes `length` zeros (1 to 255) that no other value shares. Also returns their position.
    pub(super) fn blank(&mut self, length: u8) -> (Value, usize) {
        let place = self.bytes.len();
        self.bytes.push(length);
        self.bytes.resize(place + 1 + usize::from(length), 0);
        (value(BLOB_8, place), place + 1)
    }

    /// Writes a number.
    pub(super) fn number(&mut self, number: u64) -> Value {
        match u32::try_from(number) {
            Ok(small) if small <= PLACE => Value(NUMBER | small),
            Ok(word) => self.shared(NUMBER_32, &word.to_le_bytes(), 4),
            Err(_) => self.shared(NUMBER_64, &number.to_le_bytes(), 4),
        }
    }

    /// Writes an object of numbered fields (1 and up), or an array. Returns [`Value::NULL`] if no
    /// field has a value.
    pub(super) fn object(&mut self, fields: &[(usize, Value)]) -> Value {
        let set = fields.iter().filter(|(_, value)| *value != Value::NULL);
        let Some(last) = set.clone().map(|(index, _)| *index).max() else { return Value::NULL };
        let mut words = vec![0; last + 1];
        if let Some(head) = words.first_mut() {
            *head = u32::try_from(last + 1).unwrap_or(u32::MAX);
        }
        for (index, value) in set {
            if let Some(word) = words.get_mut(*index) {
                *word = value.0;
            }
        }
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        self.shared(OBJECT, &bytes, 4)
    }

    /// Writes an array of members in their order.
    pub(super) fn array(&mut self, members: &[Value]) -> Value {
        let fields: Vec<(usize, Value)> = (1..).zip(members.iter().copied()).collect();
        self.object(&fields)
    }

    /// Ends the database with its root.
    ///
    /// # Errors
    ///
    /// The database is too large for its positions.
    pub(super) fn finish(mut self, root: Value) -> anyhow::Result<Vec<u8>> {
        let limit = usize::try_from(PLACE)?;
        ensure!(self.bytes.len() <= limit, "a database of {} bytes", self.bytes.len());
        let place = self.bytes.get_mut(4..8).context("a database without header")?;
        place.copy_from_slice(&root.0.to_le_bytes());
        Ok(self.bytes)
    }

    /// Writes bytes, or returns the last equal ones that are aligned.
    fn shared(&mut self, kind: u32, bytes: &[u8], align: usize) -> Value {
        if let Some(place) = self.places.get(bytes).filter(|place| *place % align == 0) {
            return value(kind, *place);
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(align), 0);
        let place = self.bytes.len();
        self.bytes.extend(bytes);
        self.places.insert(bytes.to_vec(), place);
        value(kind, place)
    }
}

/// Makes a value of a position. A position that is too large is cut; [`Database::finish`] refuses
/// such a database.
fn value(kind: u32, place: usize) -> Value {
    Value(kind | (u32::try_from(place).unwrap_or(u32::MAX) & PLACE))
}

/// Returns the type of a blob and the bytes of its length, which precede it; none for an empty
/// blob.
fn blob_head(length: usize) -> (u32, Option<Vec<u8>>) {
    if length == 0 {
        (0, None)
    } else if let Ok(byte) = u8::try_from(length) {
        (BLOB_8, Some(vec![byte]))
    } else if let Ok(half) = u16::try_from(length) {
        (BLOB_16, Some(half.to_le_bytes().to_vec()))
    } else {
        let word = u32::try_from(length).unwrap_or(u32::MAX);
        (BLOB_32, Some(word.to_le_bytes().to_vec()))
    }
}

/// A file that is being written: the database, then signatures and data.
pub(super) struct Container {
    bytes: Vec<u8>,
    schema: [u8; 4],
    digest: [u8; 64],
}

impl Container {
    /// Starts a file of the kind `schema` (`pckg` or `indx`) with a finished database.
    ///
    /// # Errors
    ///
    /// The database is too long for a block.
    pub(super) fn new(schema: [u8; 4], database: &[u8]) -> anyhow::Result<Self> {
        let mut bytes = b"ADB.".to_vec();
        bytes.extend(schema);
        let mut container = Self { bytes, schema, digest: Sha512::digest(database).into() };
        container.block(BLOCK_DATABASE, &[database])?;
        Ok(container)
    }

    /// Adds a signature. It covers the schema, its own head and the digest of the database, which
    /// holds the digests of all data.
    ///
    /// # Errors
    ///
    /// A valid key gives none.
    pub(super) fn sign(&mut self, key: &Key) -> anyhow::Result<()> {
        // Version 0 of signatures, the digest, the key.
        let head: Vec<u8> = [0, SHA512].into_iter().chain(key.id()).collect();
        let signature = key.sign(&[&self.schema, &head, &self.digest])?;
        self.block(BLOCK_SIGNATURE, &[&head, &signature])
    }

    /// Adds the bytes of a file, with the number of its directory and its number in the directory,
    /// both from 1.
    ///
    /// # Errors
    ///
    /// The file is too long for a block.
    pub(super) fn data(&mut self, path: usize, file: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let [path, file] = [u32::try_from(path)?, u32::try_from(file)?].map(u32::to_le_bytes);
        self.block(BLOCK_DATA, &[&path, &file, bytes])
    }

    /// Returns the file as apk writes it by default: raw deflate after a magic number of its own.
    ///
    /// # Errors
    ///
    /// The encoder writes into memory and gives none.
    pub(super) fn compressed(self) -> anyhow::Result<Vec<u8>> {
        let mut encoder = DeflateEncoder::new(b"ADBd".to_vec(), Compression::best());
        encoder.write_all(&self.bytes)?;
        Ok(encoder.finish()?)
    }

    fn block(&mut self, kind: u32, parts: &[&[u8]]) -> anyhow::Result<()> {
        let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
        ensure!(length <= BLOCK_LIMIT, "a block of {length} bytes is too long for apk");
        self.bytes.extend((kind << 30 | u32::try_from(length)?).to_le_bytes());
        for part in parts {
            self.bytes.extend(*part);
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_once_and_aligned() {
        let mut database = Database::new();
        let first = database.blob(b"abc");
        assert_eq!(first, Value(BLOB_8 | 8));
        assert_eq!(database.blob(b"abc"), first);
        assert_eq!(database.blob(b""), Value::NULL);
        assert_eq!(database.number(0x0fff_ffff), Value(0x1fff_ffff));
        // 12 is aligned: the four bytes of "abc" with its length end there.
        assert_eq!(database.number(0x1000_0000), Value(NUMBER_32 | 0xc));
        assert_eq!(database.number(1 << 32), Value(NUMBER_64 | 16));
        let object = database.object(&[(3, first), (1, Value::NULL), (5, Value::NULL)]);
        assert_eq!(object, Value(OBJECT | 0x18));
        assert_eq!(database.object(&[(1, Value::NULL)]), Value::NULL);
        let (_, place) = database.blank(20);
        let bytes = database.finish(object).unwrap();
        assert_eq!(bytes[4..8], (OBJECT | 0x18).to_le_bytes());
        // Four words: their number, two empty fields, and the third.
        assert_eq!(bytes[24..28], [4, 0, 0, 0]);
        assert_eq!(bytes[36..40], first.0.to_le_bytes());
        assert_eq!((place, bytes.len()), (41, 61));
    }

    #[test]
    fn long_blobs_have_longer_heads() {
        let mut database = Database::new();
        database.blob(b"x");
        for (length, kind, place) in [(255, BLOB_8, 10), (256, BLOB_16, 266), (65536, BLOB_32, 524)]
        {
            assert_eq!(database.blob(&vec![b'y'; length]), Value(kind | place), "{length}");
        }
    }

    #[test]
    fn blocks_end_at_multiples_of_eight() {
        let mut container = Container::new(*b"indx", &[7; 9]).unwrap();
        container.data(1, 2, b"xy").unwrap();
        let bytes = &container.bytes;
        assert_eq!(bytes[..8], *b"ADB.indx");
        assert_eq!(bytes[8..12], [13, 0, 0, 0]);
        assert_eq!(bytes[21..24], [0; 3]);
        assert_eq!(bytes[24..40], [14, 0, 0, 0x80, 1, 0, 0, 0, 2, 0, 0, 0, b'x', b'y', 0, 0]);
    }
}
