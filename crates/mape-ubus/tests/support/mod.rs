//! A daemon that follows a script, over a real socket.
#![allow(dead_code, reason = "each test uses a part")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mape_ubus::{AttributeId, Client, Kind, Message, UbusError, Writer};

/// What the daemon does next.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Reads until it has these bytes; others are an error.
    Expect(Vec<u8>),
    /// Reads one message of any kind.
    Take,
    /// Keeps the connection and says nothing, until the client goes.
    Silence,
}

/// One connection's worth of daemon.
pub struct Daemon {
    socket: PathBuf,
    thread: JoinHandle<()>,
}

impl Daemon {
    /// Sends in pieces of at most this many bytes.
    pub fn start(acts: Vec<Act>, piece: usize) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mape-ubus-{}-{number}.sock", std::process::id());
        let socket = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            for act in &acts {
                play(&stream, act, piece);
            }
        });
        Self { socket, thread }
    }

    pub fn connect(&self, timeout: Duration) -> Result<Client, UbusError> {
        let client = Client::connect(&self.socket, timeout);
        let _ = std::fs::remove_file(&self.socket);
        client
    }

    /// A client with more time than any test needs.
    pub fn client(&self) -> Client {
        self.connect(Duration::from_secs(60)).unwrap()
    }

    /// Everything was said and heard.
    pub fn finish(self) {
        self.thread.join().unwrap();
    }
}

fn play(mut stream: &UnixStream, act: &Act, piece: usize) {
    match act {
        Act::Send(bytes) => {
            for part in bytes.chunks(piece.min(bytes.len()).max(1)) {
                // The client may have seen enough and gone.
                if stream.write_all(part).is_err() {
                    return;
                }
            }
        }
        Act::Expect(bytes) => {
            let mut got = vec![0; bytes.len()];
            stream.read_exact(&mut got).unwrap();
            assert_eq!(got, *bytes);
        }
        Act::Take => {
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            let rest = u32::from_be_bytes(head[8..].try_into().unwrap()) as usize - 4;
            stream.read_exact(&mut vec![0; rest]).unwrap();
        }
        Act::Silence => {
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
}

/// A message with these attributes.
pub fn message(kind: Kind, sequence: u16, attributes: &[(AttributeId, &[u8])]) -> Act {
    let mut body = Writer::default();
    for (id, payload) in attributes {
        body.put(*id as u8, payload);
    }
    Act::Send(Message::new(kind, sequence, 7, body).unwrap().to_bytes())
}

pub fn hello() -> Act {
    message(Kind::Hello, 0, &[])
}

pub fn status(sequence: u16, number: u32) -> Act {
    message(Kind::Status, sequence, &[(AttributeId::Status, &number.to_be_bytes())])
}

/// The answer to a lookup: this object, number 7.
pub fn found(sequence: u16, path: &str) -> Act {
    let path = [path.as_bytes(), &[0]].concat();
    let id = 7_u32.to_be_bytes();
    message(Kind::Data, sequence, &[(AttributeId::ObjectPath, &path), (AttributeId::ObjectId, &id)])
}
