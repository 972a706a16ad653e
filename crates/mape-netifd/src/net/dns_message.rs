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
mod tests {
    use super::*;

    const NAME: &str = "4over6.info";

    /// A resolver's answer to `question(0x1234, NAME, Txt)`: one record of two strings, and an OPT.
    fn recorded() -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 1];
        bytes.extend(b"\x064over6\x04info\x00\x00\x10\x00\x01");
        bytes.extend(b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x00\x00\x1d");
        bytes.extend(b"\x0dv=v6mig-1 url\x0e=https://a/ t=");
        bytes.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
        bytes
    }

    #[test]
    fn the_question_to_the_byte() {
        let mut expected = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        expected.extend(b"\x064over6\x04info\x00\x00\x10\x00\x01");
        expected.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
        assert_eq!(question(0x1234, NAME, Kind::Txt), Some(expected.clone()));
        assert_eq!(question(0x1234, "4over6.info.", Kind::Txt), Some(expected));
        for bad in ["", ".", "a..b", &"a".repeat(64), &"a.".repeat(128)] {
            assert_eq!(question(1, bad, Kind::Txt), None, "{bad}");
        }
    }

    #[test]
    fn records_are_read() {
        let reply = answer(&recorded(), 0x1234, NAME, Kind::Txt);
        let Some(Reply::Records(records)) = reply else { panic!("{reply:?}") };
        let [record] = records.as_slice() else { panic!("{records:?}") };
        let text = strings(record).unwrap().concat();
        assert_eq!(text, b"v=v6mig-1 url=https://a/ t=");
    }

    #[test]
    fn what_is_no_answer_to_the_question_is_not_taken() {
        let good = recorded();
        assert_eq!(answer(&good, 0x1235, NAME, Kind::Txt), None);
        assert_eq!(answer(&good, 0x1234, "other.info", Kind::Txt), None);
        assert_eq!(answer(&good, 0x1234, NAME, Kind::Aaaa), None);
        let mut asked = good.clone();
        asked[2] = 0x05;
        assert_eq!(answer(&asked, 0x1234, NAME, Kind::Txt), None);
        let mut upper = good.clone();
        upper[13..19].make_ascii_uppercase();
        assert!(answer(&upper, 0x1234, NAME, Kind::Txt).is_some());
    }

    #[test]
    fn every_code_has_its_meaning() {
        let with = |flags: u8, code: u8| {
            let mut bytes = recorded();
            (bytes[2], bytes[3]) = (flags, code);
            answer(&bytes, 0x1234, NAME, Kind::Txt)
        };
        assert_eq!(with(0x85, 0x83), Some(Reply::NxDomain));
        assert_eq!(with(0x87, 0x80), Some(Reply::Truncated));
        for code in [1, 2, 4, 5, 9, 15] {
            assert_eq!(with(0x85, 0x80 | code), Some(Reply::Failed), "{code}");
        }
    }

    #[test]
    fn a_cut_answer_is_a_failure_or_none() {
        let good = recorded();
        let end = good.len() - 11;
        for length in 0..end {
            match answer(&good[..length], 0x1234, NAME, Kind::Txt) {
                None => assert!(length < 29, "{length}"),
                Some(reply) => assert_eq!(reply, Reply::Failed, "{length}"),
            }
        }
        assert_eq!(strings(b"\x05abc"), None);
        assert_eq!(strings(b""), Some(vec![]));
    }
}
