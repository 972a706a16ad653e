//! One connection to ubusd.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::blob::Writer;
use crate::blobmsg;
use crate::error::{BadArguments, Malformed, UbusError};
use crate::message::{AttributeId, Kind, Message};
use crate::status::Status;

/// One connection to ubusd.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    timeout: Duration,
    /// Bytes received and not yet read as messages.
    received: Vec<u8>,
    /// Of the last request.
    sequence: u16,
}

/// The time limit of one call.
struct Deadline {
    start: Instant,
    timeout: Duration,
}

impl Deadline {
    fn new(timeout: Duration) -> Self {
        Self { start: Instant::now(), timeout }
    }

    /// Returns the remaining time. It is never zero, which sockets read as "no limit".
    fn left(&self) -> Result<Duration, UbusError> {
        let left = self.timeout.checked_sub(self.start.elapsed()).filter(|left| !left.is_zero());
        left.ok_or(UbusError::Timeout(self.timeout))
    }

    /// Returns the error of a failed read or write.
    fn failure(&self, error: io::Error) -> UbusError {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => UbusError::Timeout(self.timeout),
            _ => UbusError::Lost(error),
        }
    }
}

impl Client {
    /// Connects, and waits for the daemon's greeting. `timeout` applies to this wait and to each
    /// later call as a whole, however many messages it takes.
    ///
    /// # Errors
    /// The socket cannot be connected, or no greeting arrives in time.
    pub fn connect(socket: &Path, timeout: Duration) -> Result<Self, UbusError> {
        let stream = UnixStream::connect(socket)
            .map_err(|error| UbusError::Connect { path: socket.to_owned(), error })?;
        let mut client = Self { stream, timeout, received: Vec::new(), sequence: 0 };
        let greeting = client.next_message(&Deadline::new(timeout))?;
        if greeting.kind == Kind::Hello { Ok(client) } else { Err(Malformed::NoGreeting.into()) }
    }

    /// Returns the deadline of a call.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Changes the deadline of later calls.
    pub const fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Calls a method: looks the object up, invokes the method and waits for the answer. Arguments
    /// and answer are JSON objects; the answer is empty where the service returns no content.
    ///
    /// # Errors
    /// The object does not exist, the service refuses, no answer arrives in time, the connection
    /// breaks, or the arguments cannot be sent. After a refusal or a late answer the connection
    /// remains usable.
    pub fn call(
        &mut self,
        object: &str,
        method: &str,
        arguments: &Value,
    ) -> Result<Value, UbusError> {
        let bad = |why| UbusError::Arguments {
            object: object.to_owned(),
            method: method.to_owned(),
            why,
        };
        let fields = arguments.as_object().ok_or(BadArguments::NotAnObject).map_err(bad)?;
        let data = blobmsg::encode(fields).map_err(bad)?;
        if object.contains('\0') || method.contains('\0') {
            return Err(bad(BadArguments::ZeroByte));
        }
        let deadline = Deadline::new(self.timeout);

        let mut path = Writer::default();
        path.put_text(AttributeId::ObjectPath as u8, object);
        let lookup = Message::new(Kind::Lookup, self.next_sequence(), 0, path).map_err(bad)?;
        let mut id = None;
        let status = self.request(&lookup, &deadline, |answer| {
            // A path that ends in a star finds several objects.
            let path = answer.attribute(AttributeId::ObjectPath)?.ok_or(Malformed::Missing)?;
            if path.payload.strip_suffix(&[0]) == Some(object.as_bytes()) {
                let number = answer.attribute(AttributeId::ObjectId)?.ok_or(Malformed::Missing)?;
                id = Some(number.u32()?);
            }
            Ok(())
        })?;
        let refused = |status| UbusError::Status {
            object: object.to_owned(),
            method: method.to_owned(),
            status,
        };
        let id = match (status, id) {
            (None, Some(id)) => id,
            // Without a status the object exists, and this user may call none of its methods.
            (None | Some(Status::NotFound), _) => {
                return Err(UbusError::ObjectNotFound(object.to_owned()));
            }
            (Some(status), _) => return Err(refused(status)),
        };

        let mut body = Writer::default();
        body.put_u32(AttributeId::ObjectId as u8, id);
        body.put_text(AttributeId::Method as u8, method);
        body.put(AttributeId::Data as u8, &data);
        let invoke = Message::new(Kind::Invoke, self.next_sequence(), id, body).map_err(bad)?;
        let mut answer = Map::new();
        let status = self.request(&invoke, &deadline, |message| {
            let data = message.attribute(AttributeId::Data)?.ok_or(Malformed::Missing)?;
            answer = blobmsg::decode(data.payload)?;
            Ok(())
        })?;
        status.map_or(Ok(Value::Object(answer)), |status| Err(refused(status)))
    }

    fn next_sequence(&mut self) -> u16 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Sends a request, passes the data of its answers on, and returns its status; `None` is
    /// success. A connection in an unknown state is closed.
    fn request(
        &mut self,
        request: &Message,
        deadline: &Deadline,
        mut data: impl FnMut(&Message) -> Result<(), Malformed>,
    ) -> Result<Option<Status>, UbusError> {
        if let Err(error) = self.send(&request.to_bytes(), deadline) {
            // A part of the request may have been sent.
            let _ = self.stream.shutdown(Shutdown::Both);
            return Err(error);
        }
        loop {
            let message = self.next_message(deadline)?;
            // An answer to an earlier call, which arrived after its timeout.
            if message.sequence != request.sequence {
                continue;
            }
            match message.kind {
                Kind::Data => data(&message)?,
                Kind::Status => {
                    let status =
                        message.attribute(AttributeId::Status)?.ok_or(Malformed::Missing)?;
                    return Ok(Status::new(status.u32()?));
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, mut bytes: &[u8], deadline: &Deadline) -> Result<(), UbusError> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(deadline.left()?)).map_err(UbusError::Lost)?;
            match self.stream.write(bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(deadline.failure(error)),
            }
        }
        Ok(())
    }

    /// Returns the next message, however many pieces it arrives in.
    fn next_message(&mut self, deadline: &Deadline) -> Result<Message, UbusError> {
        let mut piece = [0; 4096];
        loop {
            // Garbled bytes stay in the buffer, so every later call fails as well.
            if let Some(message) = Message::take_from(&mut self.received)? {
                return Ok(message);
            }
            self.stream.set_read_timeout(Some(deadline.left()?)).map_err(UbusError::Lost)?;
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(UbusError::Lost(io::ErrorKind::UnexpectedEof.into())),
                Ok(len) => self.received.extend_from_slice(piece.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(deadline.failure(error)),
            }
        }
    }
}
