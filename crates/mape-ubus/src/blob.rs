//! Tagged binary data: attributes of an id, a length and a payload, each padded to four bytes.
//!
//! The head is one big-endian word: bit 31 says that the payload begins with a name
//! ([`blobmsg`](crate::blobmsg)), bits 30 to 24 are the id, the rest is the length with the head
//! and without the padding.

use crate::error::Malformed;

/// Length of an attribute's head, and what attributes are padded to, in bytes.
pub(crate) const HEAD: usize = 4;
const NAMED: u32 = 1 << 31;
const LENGTH: u32 = 0x00ff_ffff;

/// Returns the next multiple of four.
pub(crate) const fn padded(len: usize) -> usize {
    len.next_multiple_of(HEAD)
}

/// Returns a length as a head contains it. Lengths that do not fit were refused before.
pub(crate) fn head_word(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(LENGTH)
}

/// Returns the length that a head states, including the head; at least [`HEAD`].
pub(crate) fn stated_length(head: [u8; HEAD]) -> Result<usize, Malformed> {
    // 24 bits fit a usize.
    let len = (u32::from_be_bytes(head) & LENGTH) as usize;
    if len < HEAD { Err(Malformed::Length) } else { Ok(len) }
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What the payload is: an [`AttributeId`](crate::AttributeId) in a message, a type in blobmsg.
    pub id: u8,
    /// Whether the payload begins with a name.
    pub named: bool,
    /// The content without padding.
    pub payload: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Returns the payload as a 32-bit number.
    ///
    /// # Errors
    /// The payload is not four bytes long.
    pub fn u32(&self) -> Result<u32, Malformed> {
        self.payload.try_into().map(u32::from_be_bytes).map_err(|_| Malformed::Value)
    }

    /// Returns the payload as text that ends with a zero byte.
    ///
    /// # Errors
    /// The zero byte is missing, or the text is not UTF-8.
    pub fn text(&self) -> Result<&'a str, Malformed> {
        let (_, text) =
            self.payload.split_last().filter(|(end, _)| **end == 0).ok_or(Malformed::Value)?;
        std::str::from_utf8(text).map_err(|_| Malformed::Value)
    }
}

/// The consecutive attributes in some bytes. After an error the iterator ends.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Reads the attributes of these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn first(&self) -> Result<(Attribute<'a>, &'a [u8]), Malformed> {
        let head = *self.rest.first_chunk::<HEAD>().ok_or(Malformed::Length)?;
        let len = stated_length(head)?;
        let payload = self.rest.get(HEAD..len).ok_or(Malformed::Length)?;
        let rest = self.rest.get(padded(len)..).ok_or(Malformed::Length)?;
        let [first, ..] = head;
        let named = u32::from_be_bytes(head) & NAMED != 0;
        Ok((Attribute { id: first & 0x7f, named, payload }, rest))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let first = self.first();
        self.rest = first.as_ref().map_or(&[], |(_, rest)| rest);
        Some(first.map(|(attribute, _)| attribute))
    }
}

/// Writes attributes one after the other.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

/// The start of an attribute that is not finished.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Open(usize);

impl Writer {
    /// Adds an attribute.
    pub fn put(&mut self, id: u8, payload: &[u8]) {
        let open = self.open();
        self.bytes.extend_from_slice(payload);
        self.close(open, id, false);
    }

    /// Adds a 32-bit number.
    pub fn put_u32(&mut self, id: u8, number: u32) {
        self.put(id, &number.to_be_bytes());
    }

    /// Adds a text, with the zero byte that ends it.
    pub fn put_text(&mut self, id: u8, text: &str) {
        let open = self.open();
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self.close(open, id, false);
    }

    /// Returns the bytes of all attributes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds bytes to the open attribute.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Pads to a multiple of four. Attributes begin at one, so this is also relative to them.
    pub(crate) fn pad(&mut self) {
        self.bytes.resize(padded(self.bytes.len()), 0);
    }

    pub(crate) fn open(&mut self) -> Open {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEAD]);
        Open(at)
    }

    /// Writes the head. A length beyond 24 bits is cut here and refused later, because it exceeds
    /// [`MAX_MESSAGE`](crate::MAX_MESSAGE).
    pub(crate) fn close(&mut self, open: Open, id: u8, named: bool) {
        let Open(at) = open;
        let len = head_word(self.bytes.len() - at) & LENGTH;
        let head = if named { NAMED } else { 0 } | (u32::from(id) << 24) | len;
        if let Some(place) = self.bytes.get_mut(at..at + HEAD) {
            place.copy_from_slice(&head.to_be_bytes());
        }
        self.pad();
    }
}
