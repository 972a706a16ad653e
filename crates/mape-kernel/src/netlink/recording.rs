//! Where answers come from: the kernel, or a recording of an earlier answer.

use std::path::PathBuf;

use super::{Each, NetlinkError, Request, Socket, read};

/// How many times a list is requested that changes while it is read.
const ATTEMPTS: usize = 3;

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
    // Not generic, so that the program contains it once.
    fn ask_again(
        &self,
        question: &str,
        request: &Request,
        each: EachOfAttempts<'_>,
    ) -> Result<(), NetlinkError> {
        let mut attempt = 1;
        loop {
            each(None)?;
            let mut item = |family: u8, attributes: &[u8]| each(Some((family, attributes)));
            match self.ask(question, request, &mut item) {
                Err(NetlinkError::Interrupted) if attempt < ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    fn ask(&self, question: &str, request: &Request, each: Each<'_>) -> Result<(), NetlinkError> {
        match self {
            Self::Live => Socket::open()?.ask(request.clone(), each),
            Self::Recorded(directory) => {
                let bytes = std::fs::read(directory.join(question));
                let bytes = bytes.map_err(|_| NetlinkError::Silent)?;
                let end = read(&bytes, None, each)?;
                if end.interrupted { Err(NetlinkError::Interrupted) } else { Ok(()) }
            }
            Self::Recording(directory) => {
                let mut bytes = Vec::new();
                let done = Socket::open()?.exchange(request.clone(), &mut |datagram, sequence| {
                    bytes.extend(datagram);
                    read(datagram, Some(sequence), each)
                });
                // A reader of the record sees that there is none.
                let _ = std::fs::write(directory.join(question), bytes);
                done
            }
        }
    }
}
