//! DNS messages (RFC 1035 section 4), as far as one question and its answer need them.

/// Longest answer taken over UDP, in bytes: what passes any link unfragmented (RFC 9715).
pub(super) const MAX_UDP: u16 = 1232;

const CLASS_IN: u16 = 1;
const OPT: u16 = 41;

/// Flags and codes in the second pair of bytes.
const RESPONSE: u16 = 0x8000;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RCODE: u16 = 0x000f;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Txt = 16,
    /// IPv6 addresses.
    Aaaa = 28,
}

/// An answer to the question, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The data of all records of the kind; those of an alias's target count too.
    Records(Vec<Vec<u8>>),
    /// There is no such name.
    NxDomain,
    /// It is to be asked again over TCP.
    Truncated,
    /// The server failed or refused, or its answer cannot be read.
    Failed,
}

/// The question as it goes over the wire; `None` where the text is no name.
#[must_use]
pub fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(64);
    // One question, and one additional record that says how much we take.
    for word in [id, RECURSION_DESIRED, 1, 0, 0, 1] {
        bytes.extend(word.to_be_bytes());
    }
    put_question(&mut bytes, name, kind)?;
    bytes.push(0);
    for word in [OPT, MAX_UDP, 0, 0, 0] {
        bytes.extend(word.to_be_bytes());
    }
    Some(bytes)
}

fn put_question(bytes: &mut Vec<u8>, name: &str, kind: Kind) -> Option<()> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 {
        return None;
    }
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        bytes.push(length);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes.extend((kind as u16).to_be_bytes());
    bytes.extend(CLASS_IN.to_be_bytes());
    Some(())
}

/// Reads an answer; `None` where it is not one to this question, so that the right one may still
/// come.
#[must_use]
pub fn answer(bytes: &[u8], id: u16, name: &str, kind: Kind) -> Option<Reply> {
    let mut asked = Vec::with_capacity(64);
    put_question(&mut asked, name, kind)?;
    let mut reader = Reader { bytes, at: 0 };
    let (got, flags) = (reader.word()?, reader.word()?);
    if got != id || flags & RESPONSE == 0 {
        return None;
    }
    let counts = (reader.word()?, reader.word()?, reader.word()?, reader.word()?);
    match flags & RCODE {
        0 | 3 => {}
        // Such an answer need not repeat the question.
        _ => return Some(Reply::Failed),
    }
    let repeated = reader.take(asked.len()).is_some_and(|got| got.eq_ignore_ascii_case(&asked));
    if counts.0 != 1 || !repeated {
        return None;
    }
    Some(match flags & RCODE {
        3 => Reply::NxDomain,
        _ if flags & TRUNCATED != 0 => Reply::Truncated,
        _ => reader.records(counts.1, kind).map_or(Reply::Failed, Reply::Records),
    })
}

/// The character strings of a TXT record's data (RFC 1035 section 3.3.14).
#[must_use]
pub fn strings(mut data: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut strings = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (string, rest) = rest.split_at_checked(usize::from(*length))?;
        strings.push(string.to_vec());
        data = rest;
    }
    Some(strings)
}

struct Reader<'bytes> {
    bytes: &'bytes [u8],
    at: usize,
}

impl<'bytes> Reader<'bytes> {
    fn take(&mut self, count: usize) -> Option<&'bytes [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn word(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// Goes behind a name. Where it ends in a pointer, what that points to is of no interest.
    fn skip_name(&mut self) -> Option<()> {
        loop {
            match *self.take(1)?.first()? {
                0 => return Some(()),
                length @ 1..=63 => drop(self.take(usize::from(length))?),
                0xc0.. => return self.take(1).map(drop),
                _ => return None,
            }
        }
    }

    fn records(&mut self, count: u16, kind: Kind) -> Option<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        for _ in 0..count {
            self.skip_name()?;
            let (of, class) = (self.word()?, self.word()?);
            self.take(4)?;
            let length = self.word()?;
            let data = self.take(usize::from(length))?;
            if of == kind as u16 && class == CLASS_IN {
                found.push(data.to_vec());
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests;
