//! The part of ubusd: greets clients, looks objects up, and dispatches calls.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;
use std::time::Duration;

use mape_ubus::{AttributeId, Kind, Message, Status, Writer, blobmsg};
use serde_json::Value;

use crate::netifd::Netifd;
use crate::serve::Event;

/// The clients and the ids of the objects.
#[derive(Debug)]
pub(crate) struct Bus {
    clients: HashMap<u32, UnixStream>,
    next_client: u32,
    /// An object keeps its id while the stand-in runs.
    numbers: HashMap<String, u32>,
    sender: Sender<Event>,
}

impl Bus {
    pub(crate) fn new(sender: Sender<Event>) -> Self {
        // Ids up to 1024 are ubusd's own.
        Self { clients: HashMap::new(), next_client: 1024, numbers: HashMap::new(), sender }
    }

    /// Greets a new client and reads from it until it disconnects.
    pub(crate) fn connected(&mut self, stream: UnixStream) -> std::io::Result<()> {
        self.next_client += 1;
        let client = self.next_client;
        // A client that does not read must not block the stand-in for long.
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        let reader = stream.try_clone()?;
        self.clients.insert(client, stream);
        self.send(client, Kind::Hello, 0, client, Writer::default());
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            read(reader, client, &sender);
            let _ = sender.send(Event::Gone(client));
        });
        Ok(())
    }

    pub(crate) fn gone(&mut self, client: u32) {
        self.clients.remove(&client);
    }

    fn send(&mut self, client: u32, kind: Kind, sequence: u16, peer: u32, body: Writer) {
        let Ok(message) = Message::new(kind, sequence, peer, body) else {
            return eprintln!("ubusd: an answer is too large");
        };
        let sent =
            self.clients.get_mut(&client).map(|stream| stream.write_all(&message.to_bytes()));
        if sent.is_some_and(|sent| sent.is_err()) {
            self.gone(client);
        }
    }

    fn number(&mut self, path: &str) -> u32 {
        let next = 0x1000_0000 + u32::try_from(self.numbers.len()).unwrap_or(0);
        *self.numbers.entry(path.to_owned()).or_insert(next)
    }

    /// Answers one message.
    pub(crate) fn received(&mut self, netifd: &mut Netifd, client: u32, message: &Message) {
        match message.kind {
            Kind::Lookup => self.look_up(netifd, client, message),
            Kind::Invoke => self.invoke(netifd, client, message),
            Kind::Ping => {
                self.send(client, Kind::Data, message.sequence, message.peer, Writer::default());
            }
            _ => self.status(client, message, None, Some(Status::InvalidCommand)),
        }
    }

    fn status(
        &mut self,
        client: u32,
        request: &Message,
        object: Option<u32>,
        status: Option<Status>,
    ) {
        let mut body = Writer::default();
        body.put_u32(AttributeId::Status as u8, status.map_or(0, Status::number));
        if let Some(object) = object {
            body.put_u32(AttributeId::ObjectId as u8, object);
        }
        self.send(client, Kind::Status, request.sequence, object.unwrap_or(request.peer), body);
    }

    fn look_up(&mut self, netifd: &Netifd, client: u32, request: &Message) {
        let pattern = text(request, AttributeId::ObjectPath).unwrap_or_else(|| "*".to_owned());
        let fits = |path: &String| match pattern.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => *path == pattern,
        };
        let found: Vec<String> = netifd.objects().into_iter().filter(fits).collect();
        for path in &found {
            let mut body = Writer::default();
            body.put_text(AttributeId::ObjectPath as u8, path);
            body.put_u32(AttributeId::ObjectId as u8, self.number(path));
            body.put_u32(AttributeId::ObjectType as u8, 1);
            body.put(AttributeId::Signature as u8, &[]);
            self.send(client, Kind::Data, request.sequence, request.peer, body);
        }
        let status = if found.is_empty() { Some(Status::NotFound) } else { None };
        self.status(client, request, None, status);
    }

    fn invoke(&mut self, netifd: &mut Netifd, client: u32, request: &Message) {
        let number = request.attribute(AttributeId::ObjectId).ok().flatten();
        let number = number.and_then(|attribute| attribute.u32().ok());
        let data = request.attribute(AttributeId::Data).ok().flatten();
        let arguments = data.map(|data| blobmsg::decode(data.payload)).transpose();
        let (Some(number), Some(method), Ok(arguments)) =
            (number, text(request, AttributeId::Method), arguments)
        else {
            return self.status(client, request, None, Some(Status::InvalidArgument));
        };
        let path =
            self.numbers.iter().find(|(_, known)| **known == number).map(|(path, _)| path.clone());
        let Some(path) = path.filter(|path| netifd.objects().contains(path)) else {
            return self.status(client, request, None, Some(Status::NotFound));
        };
        let answer = netifd.call(&path, &method, &Value::Object(arguments.unwrap_or_default()));
        if let Ok(Some(content)) = &answer {
            let fields = content.as_object().cloned().unwrap_or_default();
            match blobmsg::encode(&fields) {
                Ok(fields) => {
                    let mut body = Writer::default();
                    body.put_u32(AttributeId::ObjectId as u8, number);
                    body.put(AttributeId::Data as u8, &fields);
                    self.send(client, Kind::Data, request.sequence, number, body);
                }
                Err(error) => eprintln!("ubusd: {path} {method}: {error}"),
            }
        }
        self.status(client, request, Some(number), answer.err());
    }
}

fn text(message: &Message, id: AttributeId) -> Option<String> {
    Some(message.attribute(id).ok()??.text().ok()?.to_owned())
}

fn read(mut stream: UnixStream, client: u32, sender: &Sender<Event>) {
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut piece) {
        received.extend_from_slice(piece.get(..len).unwrap_or_default());
        loop {
            match Message::take_from(&mut received) {
                Ok(Some(message)) => drop(sender.send(Event::Received(client, message))),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}
