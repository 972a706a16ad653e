//! Messages: a header, netfilter's own small header, attributes.

use super::{Malformed, aligned, next, split};

/// Length of the header, and of netfilter's behind it, in bytes.
const NLMSG_HDRLEN: usize = 16;
const NFGENMSG_LEN: usize = 4;
/// A type's high byte is netfilter's subsystem; these have none.
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_CREATE: u16 = 0x400;
/// In an answer of many messages: what is listed has changed since the first.
const NLM_F_DUMP_INTR: u16 = 0x10;
/// The subsystem of `nf_tables` (`linux/netfilter/nfnetlink.h`).
pub(crate) const NFNL_SUBSYS_NFTABLES: u8 = 10;
/// The first and the last message of a batch, and the attribute of the first with the generation.
const NFNL_MSG_BATCH_BEGIN: u8 = 16;
const NFNL_MSG_BATCH_END: u8 = 17;
const NFNL_BATCH_GENID: u16 = 1;
/// `RTM_NEWLINK`, which also changes a device that is there, and `IFF_UP`.
const RTM_NEWLINK: u8 = 16;
const IFF_UP: u32 = 1;
/// An attribute with attributes inside.
const NLA_F_NESTED: u16 = 0x8000;

/// The content of a message from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'bytes> {
    /// One item of a list; the bytes are its attributes.
    Item {
        /// IPv4, `inet` and so on, as numbers of netfilter.
        family: u8,
        /// What [`Attributes`](super::Attributes) reads.
        attributes: &'bytes [u8],
    },
    /// The end: a negative error number, or 0 where nothing is wrong.
    Result(i32),
    /// A kind of message that this program does not use.
    Other,
}

/// One message with what its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'bytes> {
    /// The number of the request it answers.
    pub sequence: u32,
    /// Whether the list changed while it was read.
    pub interrupted: bool,
    /// Its content.
    pub message: Message<'bytes>,
}

/// Walks through the messages in one datagram; the first malformed one is the last item.
#[derive(Clone, Debug)]
pub struct Messages<'bytes>(&'bytes [u8]);

impl<'bytes> Messages<'bytes> {
    /// The messages in these bytes.
    #[must_use]
    pub const fn new(bytes: &'bytes [u8]) -> Self {
        Self(bytes)
    }

    fn take(bytes: &mut &'bytes [u8]) -> Result<Received<'bytes>, Malformed> {
        let (len, rest) = split::<4>(bytes)?;
        let (kind, rest) = split::<2>(rest)?;
        let (flags, rest) = split::<2>(rest)?;
        let (sequence, _) = split::<4>(rest)?;
        let len = usize::try_from(u32::from_ne_bytes(len)).map_err(|_| Malformed)?;
        let payload = bytes.get(NLMSG_HDRLEN..len).ok_or(Malformed)?;
        *bytes = bytes.get(aligned(len)..).unwrap_or_default();
        let message = match u16::from_ne_bytes(kind) {
            NLMSG_ERROR | NLMSG_DONE => Message::Result(i32::from_ne_bytes(split(payload)?.0)),
            other if other < 0x100 => Message::Other,
            _ => {
                let ([family, ..], attributes) = split::<NFGENMSG_LEN>(payload)?;
                Message::Item { family, attributes }
            }
        };
        Ok(Received {
            sequence: u32::from_ne_bytes(sequence),
            interrupted: u16::from_ne_bytes(flags) & NLM_F_DUMP_INTR != 0,
            message,
        })
    }
}

impl<'bytes> Iterator for Messages<'bytes> {
    type Item = Result<Received<'bytes>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        next(&mut self.0, Self::take)
    }
}

/// One message to the kernel, or a batch of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    bytes: Vec<u8>,
    /// Where the last message begins. Its length is not written yet.
    last: usize,
}

impl Request {
    /// Returns a request for a whole list.
    #[must_use]
    pub fn dump(subsystem: u8, message: u8, family: u8) -> Self {
        Self::new(subsystem, message, NLM_F_DUMP, family)
    }

    /// Returns a request for a change or for one object, whose result the kernel reports.
    #[must_use]
    pub fn order(subsystem: u8, message: u8, family: u8) -> Self {
        Self::new(subsystem, message, NLM_F_ACK, family)
    }

    /// Returns a request for a new object, as a part of a [batch](Self::batch). The kernel reports
    /// only errors.
    #[must_use]
    pub fn creation(subsystem: u8, message: u8, family: u8) -> Self {
        Self::new(subsystem, message, NLM_F_CREATE, family)
    }

    /// Returns a batch: the kernel carries out all of these requests or none, and reports the
    /// result once. It refuses with `ERESTART` if its rules have changed since this generation.
    ///
    /// # Errors
    /// [`Malformed`] if a request is longer than 4 GiB.
    pub fn batch(
        subsystem: u8,
        generation: u32,
        requests: impl IntoIterator<Item = Self>,
    ) -> Result<Self, Malformed> {
        let border = |message| {
            let mut border = Self::new(0, message, 0, 0);
            // The resource is the subsystem, in network byte order.
            if let Some(resource) = border.bytes.last_mut() {
                *resource = subsystem;
            }
            border
        };
        let mut batch =
            border(NFNL_MSG_BATCH_BEGIN).with(NFNL_BATCH_GENID, &generation.to_be_bytes())?;
        for request in requests {
            batch = batch.followed_by(request)?;
        }
        // Older kernels do not acknowledge the end of a batch. The kernel reports all results after
        // the last request, and those of the others only if they are errors.
        batch.put(6, (NLM_F_ACK | NLM_F_CREATE | NLM_F_REQUEST).to_ne_bytes())?;
        batch.followed_by(border(NFNL_MSG_BATCH_END))
    }

    /// Takes the device with this index down, for
    /// [`Socket::open_route`](super::Socket::open_route).
    #[must_use]
    pub fn device_down(index: u32) -> Self {
        // Family and type 0, then index, flags, and which flags are meant (rtnetlink's
        // `ifinfomsg`).
        let mut request = Self::new(0, RTM_NEWLINK, NLM_F_ACK, 0);
        for word in [index, 0, IFF_UP] {
            request.bytes.extend(word.to_ne_bytes());
        }
        request
    }

    fn new(subsystem: u8, message: u8, flags: u16, family: u8) -> Self {
        let kind = u16::from(subsystem) << 8 | u16::from(message);
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((flags | NLM_F_REQUEST).to_ne_bytes());
        // Sequence number and our own address, which the kernel fills in.
        bytes.extend([0; 8]);
        // Netfilter's header: family, version 0, no resource.
        bytes.extend([family, 0, 0, 0]);
        Self { bytes, last: 0 }
    }

    fn followed_by(mut self, next: Self) -> Result<Self, Malformed> {
        self.put_length()?;
        self.last = self.bytes.len() + next.last;
        self.bytes.extend(next.bytes);
        Ok(self)
    }

    /// Writes a field of the last message's header, in the machine's byte order.
    fn put<const N: usize>(&mut self, offset: usize, value: [u8; N]) -> Result<(), Malformed> {
        let start = self.last + offset;
        let field = self.bytes.get_mut(start..start + N).ok_or(Malformed)?;
        field.copy_from_slice(&value);
        Ok(())
    }

    fn put_length(&mut self) -> Result<(), Malformed> {
        let len = u32::try_from(self.bytes.len() - self.last).map_err(|_| Malformed)?;
        self.put(0, len.to_ne_bytes())
    }

    /// Adds an attribute.
    ///
    /// # Errors
    /// [`Malformed`] where the value is too long for an attribute (65531 bytes).
    pub fn with(mut self, kind: u16, value: &[u8]) -> Result<Self, Malformed> {
        let len = u16::try_from(value.len() + 4).map_err(|_| Malformed)?;
        self.bytes.extend(len.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(aligned(self.bytes.len()), 0);
        Ok(self)
    }

    /// Adds an attribute that contains attributes.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn with_nested(self, kind: u16, attributes: &[u8]) -> Result<Self, Malformed> {
        self.with(kind | NLA_F_NESTED, attributes)
    }

    /// Adds a name, which ends with a zero byte.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn with_name(self, kind: u16, name: &str) -> Result<Self, Malformed> {
        self.with(kind, &[name.as_bytes(), &[0]].concat())
    }

    /// Whether its answer lists objects of `nf_tables`.
    pub(super) fn is_of_nf_tables(&self) -> bool {
        let kind = self.bytes.get(4..6).and_then(|kind| kind.try_into().ok());
        kind.is_some_and(|kind| u16::from_ne_bytes(kind) >> 8 == NFNL_SUBSYS_NFTABLES.into())
    }

    /// Returns the bytes to send. All messages of a batch get this number.
    ///
    /// # Errors
    /// [`Malformed`] if a message is longer than 4 GiB.
    pub fn bytes(mut self, sequence: u32) -> Result<Vec<u8>, Malformed> {
        self.put_length()?;
        self.last = 0;
        while let Some(rest) = self.bytes.get(self.last..).filter(|rest| !rest.is_empty()) {
            let len = u32::from_ne_bytes(split(rest)?.0);
            self.put(8, sequence.to_ne_bytes())?;
            self.last += usize::try_from(len).map_err(|_| Malformed)?;
        }
        Ok(self.bytes)
    }
}
