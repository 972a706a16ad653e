//! Where answers come from: the kernel, or a recording of an earlier answer.

use std::path::PathBuf;

use mape_core::fnv1a_64;

use super::{Attribute, Attributes, Each, Malformed, NetlinkError, Request, Socket, read};

/// How many times a list is requested that changes while it is read.
const ATTEMPTS: usize = 6;

/// Gets `None` before each attempt to read a list, then the family and the attributes of each item.
type EachOfAttempts<'each> = &'each mut dyn FnMut(Option<(u8, &[u8])>) -> Result<(), NetlinkError>;

/// The source of answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kernel {
    /// The running kernel.
    #[default]
    Live,
    /// Recorded answers, for tests and for pictures in the documentation: the bytes of each answer
    /// are in `DIRECTORY/QUESTION`.
    Recorded(PathBuf),
    /// The running kernel; each answer is also written to this directory.
    Recording(PathBuf),
}

impl Kernel {
    /// Asks for a list. `question` is the name of its record; `each` reads one item's family and
    /// attributes.
    ///
    /// # Errors
    /// [`NetlinkError`]; a question that was not recorded is [`NetlinkError::Silent`].
    pub fn list<T>(
        &self,
        question: &str,
        request: &Request,
        each: impl Fn(u8, &[u8]) -> Result<Option<T>, NetlinkError>,
    ) -> Result<Vec<T>, NetlinkError> {
        let mut items = Vec::new();
        self.ask_again(question, request, &mut |item| {
            match item {
                None => items.clear(),
                Some((family, attributes)) => {
                    if let Some(item) = each(family, attributes)? {
                        items.push(item);
                    }
                }
            }
            Ok(())
        })?;
        Ok(items)
    }

    /// Asks until the list does not change while it is read.
    ///
    /// The kernel says so of a list that changed, but not of one of `nf_tables` while a program has
    /// rules checked (`nft -c`, as firewall4 does before each load). After each datagram it counts
    /// how many objects are done, including those that are only being checked; when the check
    /// ends between two datagrams, the next one repeats some objects or leaves some out. Such a
    /// list counts when two readings give the same objects.
    // Not generic, so that the program contains it once.
    fn ask_again(
        &self,
        question: &str,
        request: &Request,
        each: EachOfAttempts<'_>,
    ) -> Result<(), NetlinkError> {
        let mut earlier = None;
        for _ in 0..ATTEMPTS {
            each(None)?;
            let mut objects = 0;
            let mut item = |family: u8, attributes: &[u8]| {
                objects = and_object(objects, attributes)?;
                each(Some((family, attributes)))
            };
            match self.ask(question, request, &mut item) {
                Ok(datagrams) if datagrams > 1 && request.is_of_nf_tables() => {
                    if earlier.replace(objects) == Some(objects) {
                        return Ok(());
                    }
                }
                Ok(_) => return Ok(()),
                Err(NetlinkError::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Err(NetlinkError::Interrupted)
    }

    /// Asks once. Returns the number of datagrams with items.
    fn ask(
        &self,
        question: &str,
        request: &Request,
        each: Each<'_>,
    ) -> Result<usize, NetlinkError> {
        match self {
            Self::Live => Socket::open()?.ask(request.clone(), each),
            Self::Recorded(directory) => {
                let bytes = std::fs::read(directory.join(question));
                let bytes = bytes.map_err(|_| NetlinkError::Silent)?;
                let end = read(&bytes, None, each)?;
                if end.interrupted { Err(NetlinkError::Interrupted) } else { Ok(1) }
            }
            Self::Recording(directory) => {
                let mut bytes = Vec::new();
                let done = Socket::open()?.exchange(request.clone(), &mut |datagram, sequence| {
                    bytes.extend(datagram);
                    read(datagram, Some(sequence), each)
                });
                // A reader of the record sees that there is none.
                let _ = std::fs::write(directory.join(question), bytes);
                done.map(|()| 1)
            }
        }
    }
}

/// Adds an object of `nf_tables` to the hash of those before it. The first three attributes of
/// each kind of object name it, or are its elements; they contain no counters.
fn and_object(before: u64, attributes: &[u8]) -> Result<u64, Malformed> {
    let mut bytes = before.to_ne_bytes().to_vec();
    for attribute in Attributes::new(attributes) {
        let Attribute { kind, value } = attribute?;
        if kind <= 3 {
            bytes.extend(value);
        }
    }
    Ok(fnv1a_64(&bytes))
}
