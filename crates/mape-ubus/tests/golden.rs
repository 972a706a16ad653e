//! What the real `ubus` and ubusd say to each other: our client sends the same bytes, and reads the
//! same answer from them (`tests/vectors/ubus`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]
#![allow(unreachable_pub, reason = "shared between tests")]

mod support;

use std::fs;
use std::path::Path;

use mape_ubus::{AttributeId, Message, blobmsg};
use serde_json::Value;
use support::{Act, Daemon};

struct Conversation {
    name: String,
    object: String,
    method: String,
    arguments: Value,
    acts: Vec<Act>,
    /// The answer, or the status.
    end: Result<Value, u32>,
}

fn read(name: &str, text: &str) -> Conversation {
    let mut lines = text.lines().collect::<Vec<_>>();
    let mut call = lines.remove(0).strip_prefix("call ").unwrap().splitn(3, ' ');
    let mut word = || call.next().unwrap();
    let (object, method) = (word().to_owned(), word().to_owned());
    let arguments = word().parse().unwrap();
    let end = match lines.pop().unwrap().split_once(' ').unwrap() {
        ("=", json) => Ok(json.parse().unwrap()),
        (_, status) => Err(status.parse().unwrap()),
    };
    let act = |line: &str| match line.split_once(' ').unwrap() {
        ("<", hex) => Act::Send(bytes(hex)),
        (_, hex) => Act::Expect(bytes(hex)),
    };
    let acts = lines.into_iter().map(act).collect();
    Conversation { name: name.to_owned(), object, method, arguments, acts, end }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn all() -> Vec<Conversation> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/ubus");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let all = files.map(|path| read(&path.to_string_lossy(), &fs::read_to_string(&path).unwrap()));
    all.collect()
}

#[test]
fn the_client_says_and_understands_the_same() {
    let all = all();
    assert!(all.len() >= 6);
    for piece in [usize::MAX, 7, 1] {
        for conversation in &all {
            let daemon = Daemon::start(conversation.acts.clone(), piece);
            let call = daemon.client().call(
                &conversation.object,
                &conversation.method,
                &conversation.arguments,
            );
            let answer = call.map_err(|error| error.status().unwrap_or_else(|| panic!("{error}")));
            assert_eq!(answer, conversation.end, "{}", conversation.name);
            daemon.finish();
        }
    }
}

#[test]
fn the_bytes_are_the_same_when_written_again() {
    let mut count = 0;
    for act in all().into_iter().flat_map(|conversation| conversation.acts) {
        let (Act::Send(sent) | Act::Expect(sent)) = act else { continue };
        let message = Message::take_from(&mut sent.clone()).unwrap().unwrap();
        assert_eq!(message.to_bytes(), sent);
        let Some(data) = message.attribute(AttributeId::Data).unwrap() else { continue };
        let fields = blobmsg::decode(data.payload).unwrap();
        // JSON has no 16-bit numbers, and our objects are sorted by name.
        if !fields.contains_key("i16") {
            assert_eq!(blobmsg::encode(&fields).unwrap(), data.payload);
            count += 1;
        }
    }
    assert!(count >= 3);
}
