//! The frames on the socket: a head of version, kind, sequence number and peer, and one attribute
//! that contains all others.

use crate::blob::{self, Attribute, Attributes, HEAD, Writer};
use crate::error::{BadArguments, Malformed};

/// The longest body of a message, with the head of the attribute around it, in bytes. ubusd's own
/// limit: it drops a client that sends more.
pub const MAX_MESSAGE: usize = 1 << 20;

/// Version, kind, sequence number, peer.
const MESSAGE_HEAD: usize = 8;

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The daemon greets a new client; `peer` is the client's number.
    Hello,
    /// A request is done.
    Status,
    /// An answer's content.
    Data,
    /// A check whether the daemon is alive. It answers with the same as data.
    Ping,
    /// Finds objects by path.
    Lookup,
    /// Calls a method.
    Invoke,
    /// Any other: objects, subscriptions, events.
    Other(u8),
}

impl From<u8> for Kind {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Hello,
            1 => Self::Status,
            2 => Self::Data,
            3 => Self::Ping,
            4 => Self::Lookup,
            5 => Self::Invoke,
            other => Self::Other(other),
        }
    }
}

impl From<Kind> for u8 {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Hello => 0,
            Kind::Status => 1,
            Kind::Data => 2,
            Kind::Ping => 3,
            Kind::Lookup => 4,
            Kind::Invoke => 5,
            Kind::Other(other) => other,
        }
    }
}

/// The meaning of an attribute of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AttributeId {
    /// A status number, 32 bits.
    Status = 1,
    /// An object's path, text.
    ObjectPath = 2,
    /// An object's number, 32 bits.
    ObjectId = 3,
    /// A method's name, text.
    Method = 4,
    /// The number of an object's type, 32 bits.
    ObjectType = 5,
    /// An object's methods and their arguments: a table of tables of types.
    Signature = 6,
    /// Arguments or answer: [`blobmsg`](crate::blobmsg).
    Data = 7,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Joins answers to their request.
    pub sequence: u16,
    /// Depends on the kind: the client's number in a greeting, the object's in a call.
    pub peer: u32,
    body: Vec<u8>,
}

impl Message {
    /// Returns a message with these attributes.
    ///
    /// # Errors
    /// They are longer than [`MAX_MESSAGE`].
    pub fn new(kind: Kind, sequence: u16, peer: u32, body: Writer) -> Result<Self, BadArguments> {
        if HEAD + body.len() > MAX_MESSAGE {
            return Err(BadArguments::TooLarge);
        }
        Ok(Self { kind, sequence, peer, body: body.into_bytes() })
    }

    /// Returns the first attribute of this kind, or `None` where there is none.
    ///
    /// # Errors
    /// The attributes before it are garbled.
    pub fn attribute(&self, id: AttributeId) -> Result<Option<Attribute<'_>>, Malformed> {
        let is_it = |found: &Result<Attribute<'_>, Malformed>| {
            found.as_ref().map_or(true, |attribute| attribute.id == id as u8)
        };
        Attributes::new(&self.body).find(is_it).transpose()
    }

    /// Returns the bytes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0, self.kind.into()];
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.peer.to_be_bytes());
        bytes.extend_from_slice(&blob::head_word(HEAD + self.body.len()).to_be_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Removes the first message from the bytes received so far. Returns `None` while it is
    /// incomplete.
    ///
    /// # Errors
    /// The version or the length is invalid. The bytes stay as they are.
    pub fn take_from(bytes: &mut Vec<u8>) -> Result<Option<Self>, Malformed> {
        let Some([version, kind, s0, s1, p0, p1, p2, p3, l0, l1, l2, l3]) = bytes.first_chunk()
        else {
            return Ok(None);
        };
        if *version != 0 {
            return Err(Malformed::Version(*version));
        }
        let (kind, sequence) = (Kind::from(*kind), u16::from_be_bytes([*s0, *s1]));
        let peer = u32::from_be_bytes([*p0, *p1, *p2, *p3]);
        let len = blob::stated_length([*l0, *l1, *l2, *l3])?;
        if len > MAX_MESSAGE {
            return Err(Malformed::TooLong);
        }
        let Some(body) = bytes.get(MESSAGE_HEAD + HEAD..MESSAGE_HEAD + len) else {
            return Ok(None);
        };
        let body = body.to_vec();
        bytes.drain(..MESSAGE_HEAD + len);
        Ok(Some(Self { kind, sequence, peer, body }))
    }
}
