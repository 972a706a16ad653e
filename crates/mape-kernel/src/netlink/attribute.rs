//! Attributes: length, type, value, one after the other and inside each other.

use std::net::Ipv4Addr;

use super::{Malformed, aligned, next, split};

/// Bits of a type that say how the value is encoded: nested, big endian.
const NLA_TYPE_MASK: u16 = 0x3fff;
/// Length and type, in bytes.
const NLA_HDRLEN: usize = 4;

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'bytes> {
    /// The number that says what it is, without flags.
    pub kind: u16,
    /// Everything behind the header.
    pub value: &'bytes [u8],
}

/// Walks through attributes; the first malformed one is the last item.
#[derive(Clone, Debug)]
pub struct Attributes<'bytes>(&'bytes [u8]);

impl<'bytes> Attributes<'bytes> {
    /// The attributes in these bytes.
    #[must_use]
    pub const fn new(bytes: &'bytes [u8]) -> Self {
        Self(bytes)
    }

    /// The value of the first attribute of this kind.
    ///
    /// # Errors
    /// [`Malformed`] where a length before it is wrong.
    pub fn find(self, kind: u16) -> Result<Option<&'bytes [u8]>, Malformed> {
        for attribute in self {
            let attribute = attribute?;
            if attribute.kind == kind {
                return Ok(Some(attribute.value));
            }
        }
        Ok(None)
    }

    fn take(bytes: &mut &'bytes [u8]) -> Result<Attribute<'bytes>, Malformed> {
        let (len, rest) = split::<2>(bytes)?;
        let (kind, _) = split::<2>(rest)?;
        let len = usize::from(u16::from_ne_bytes(len));
        let value = bytes.get(NLA_HDRLEN..len).ok_or(Malformed)?;
        // The last one may come without padding.
        *bytes = bytes.get(aligned(len)..).unwrap_or_default();
        Ok(Attribute { kind: u16::from_ne_bytes(kind) & NLA_TYPE_MASK, value })
    }
}

impl<'bytes> Iterator for Attributes<'bytes> {
    type Item = Result<Attribute<'bytes>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        next(&mut self.0, Self::take)
    }
}

/// Values, as netfilter writes them: big endian, nothing behind them.
impl<'bytes> Attribute<'bytes> {
    fn array<const N: usize>(self) -> Result<[u8; N], Malformed> {
        self.value.try_into().map_err(|_| Malformed)
    }

    /// The attributes inside.
    #[must_use]
    pub const fn nested(self) -> Attributes<'bytes> {
        Attributes::new(self.value)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Malformed`], like all of these, where the value has another length.
    pub fn byte(self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// 16 bits.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn short(self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// 32 bits.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn word(self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// An address.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn ipv4(self) -> Result<Ipv4Addr, Malformed> {
        Ok(Ipv4Addr::from(self.array::<4>()?))
    }
}
