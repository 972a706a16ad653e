//! The client against a daemon that answers late, too much, garbled or not at all.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]
#![allow(unreachable_pub, reason = "shared between tests")]

mod support;

use std::path::Path;
use std::time::Duration;

use mape_core::{Code, Explain as _};
use mape_ubus::{
    AttributeId, BadArguments, Client, Kind, Malformed, Status, UbusError, Writer, blobmsg,
};
use serde_json::{Value, json};
use support::{Act, Daemon, found, hello, message, status};

const SHORT: Duration = Duration::from_millis(30);
/// More than any test needs.
const LONG: Duration = Duration::from_secs(60);

fn data(sequence: u16, answer: &Value) -> Act {
    let fields = blobmsg::encode(answer.as_object().unwrap()).unwrap();
    message(Kind::Data, sequence, &[(AttributeId::Data, &fields)])
}

/// The error of a call to a daemon that plays this after its greeting.
fn failure(acts: Vec<Act>) -> UbusError {
    let acts = std::iter::once(hello()).chain(acts).collect();
    let daemon = Daemon::start(acts, usize::MAX);
    let error = daemon.client().call("o", "m", &json!({})).unwrap_err();
    daemon.finish();
    error
}

fn why(acts: Vec<Act>) -> Malformed {
    match failure(acts) {
        UbusError::Protocol(why) => why,
        other => panic!("{other}"),
    }
}

#[test]
fn a_socket_that_is_not_there() {
    let error = Client::connect(Path::new("/nonexistent/ubus.sock"), SHORT).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot connect to the ubus socket \"/nonexistent/ubus.sock\": No such file or directory (os \
         error 2)"
    );
    assert_eq!((error.code(), error.status()), (Code::Ubus, None));
    assert_eq!(error.params()[0], ("path", "/nonexistent/ubus.sock".to_owned()));
}

#[test]
fn no_greeting() {
    let daemon = Daemon::start(vec![Act::Silence], 1);
    let error = daemon.connect(SHORT).unwrap_err();
    assert!(matches!(error, UbusError::Timeout(SHORT)));
    let timeout = UbusError::Timeout(Duration::from_secs(20));
    assert_eq!(timeout.to_string(), "ubus did not answer within 20 seconds");
    daemon.finish();
    let daemon = Daemon::start(vec![status(0, 0)], 1);
    let error = daemon.connect(LONG).unwrap_err();
    assert!(matches!(error, UbusError::Protocol(Malformed::NoGreeting)));
    let daemon = Daemon::start(vec![], 1);
    assert!(matches!(daemon.connect(LONG).unwrap_err(), UbusError::Lost(_)));
    let daemon = Daemon::start(vec![], 1);
    assert!(matches!(daemon.connect(Duration::ZERO).unwrap_err(), UbusError::Timeout(_)));
}

/// One deadline for the whole call, however busy the daemon is with other things.
#[test]
fn other_messages_do_not_extend_the_deadline() {
    let mut acts = vec![hello(), Act::Take];
    acts.extend((0..100).map(|_| message(Kind::Other(10), 1, &[])));
    acts.push(Act::Silence);
    let daemon = Daemon::start(acts, usize::MAX);
    let mut client = daemon.client();
    client.set_timeout(SHORT);
    assert!(matches!(client.call("o", "m", &json!({})), Err(UbusError::Timeout(SHORT))));
    drop(client);
    daemon.finish();
}

#[test]
fn a_late_answer_is_not_the_next_ones() {
    let acts = vec![
        hello(),
        Act::Take,
        // The second call's lookup: only now comes the first one's answer.
        Act::Take,
        found(1, "o"),
        status(1, 0),
        found(2, "o"),
        status(2, 0),
        Act::Take,
        data(1, &json!({"late": true})),
        status(1, 9),
        data(3, &json!({"late": false})),
        status(3, 0),
    ];
    let daemon = Daemon::start(acts, usize::MAX);
    let mut client = daemon.client();
    client.set_timeout(SHORT);
    assert!(matches!(client.call("o", "m", &json!({})), Err(UbusError::Timeout(_))));
    client.set_timeout(LONG);
    assert_eq!(client.call("o", "m", &json!({})).unwrap(), json!({"late": false}));
    daemon.finish();
}

#[test]
fn a_path_with_a_star_names_no_other_object() {
    let error = {
        let acts = vec![hello(), Act::Take, found(1, "network"), status(1, 0)];
        let daemon = Daemon::start(acts, usize::MAX);
        daemon.client().call("net*", "m", &json!({})).unwrap_err()
    };
    assert!(matches!(&error, UbusError::ObjectNotFound(object) if object == "net*"));
    assert_eq!(error.status(), Some(4));
}

#[test]
fn refusals() {
    let error = failure(vec![Act::Take, status(1, 4)]);
    assert_eq!(error.to_string(), "there is no ubus object \"o\"");
    let error = failure(vec![Act::Take, status(1, 2)]);
    assert_eq!(error.status(), Some(2));
    let error = failure(vec![Act::Take, found(1, "o"), status(1, 0), Act::Take, status(2, 6)]);
    assert!(matches!(error, UbusError::Status { status: Status::PermissionDenied, .. }));
    assert_eq!(error.to_string(), "ubus answers 6 (permission denied) to \"o m\"");
    assert_eq!(error.params()[2], ("reason", "permission denied".to_owned()));
}

#[test]
fn garbled_answers() {
    let bytes = |bytes: &[u8]| vec![Act::Take, Act::Send(bytes.to_vec())];
    assert_eq!(why(bytes(&[1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4])), Malformed::Version(1));
    assert_eq!(why(bytes(&[0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3])), Malformed::Length);
    assert_eq!(why(bytes(&[0, 1, 0, 1, 0, 0, 0, 0, 0, 0x10, 0, 1])), Malformed::TooLong);
    // A status without a number, with one of two bytes, and behind a length that is too long.
    assert_eq!(why(vec![Act::Take, message(Kind::Status, 1, &[])]), Malformed::Missing);
    let short = message(Kind::Status, 1, &[(AttributeId::Status, &[0, 0])]);
    assert_eq!(why(vec![Act::Take, short]), Malformed::Value);
    let body = [0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 12, 1, 0, 0, 9, 0, 0, 0, 0];
    assert_eq!(why(bytes(&body)), Malformed::Length);
    // An answer without an object's number, and one whose content is garbled.
    let nameless = message(Kind::Data, 1, &[(AttributeId::ObjectPath, b"o\0")]);
    assert_eq!(why(vec![Act::Take, nameless]), Malformed::Missing);
    let garbled = message(Kind::Data, 2, &[(AttributeId::Data, &[0x83, 0, 0, 4])]);
    let acts = vec![Act::Take, found(1, "o"), status(1, 0), Act::Take, garbled];
    assert_eq!(why(acts), Malformed::Name);
    assert!(matches!(failure(vec![Act::Take]), UbusError::Lost(_)));
    let half = vec![Act::Take, Act::Send(vec![0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 12, 1])];
    assert!(matches!(failure(half), UbusError::Lost(_)));
}

#[test]
fn large_messages_both_ways() {
    let large = json!({"list": vec!["x".repeat(1000); 900]});
    let acts = vec![
        hello(),
        Act::Take,
        found(1, "o"),
        status(1, 0),
        Act::Take,
        data(2, &large),
        status(2, 0),
    ];
    let daemon = Daemon::start(acts, 50_000);
    assert_eq!(daemon.client().call("o", "m", &large).unwrap(), large);
    daemon.finish();
}

/// A service that reads nothing: writing has the same deadline.
#[test]
fn a_daemon_that_does_not_read() {
    let socket = std::env::temp_dir().join(format!("mape-ubus-deaf-{}", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let Act::Send(greeting) = hello() else { unreachable!() };
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, &greeting).unwrap();
        let Act::Send(lookup) = found(1, "o") else { unreachable!() };
        let Act::Send(done) = status(1, 0) else { unreachable!() };
        std::io::Write::write_all(&mut stream, &[lookup, done].concat()).unwrap();
        stream
    });
    let mut client = Client::connect(&socket, LONG).unwrap();
    std::fs::remove_file(&socket).unwrap();
    let _kept = thread.join().unwrap();
    client.set_timeout(SHORT);
    let large = json!({"list": vec!["x".repeat(1000); 900]});
    assert!(matches!(client.call("o", "m", &large), Err(UbusError::Timeout(_))));
    // Half a message is out: nothing sensible can follow.
    assert!(matches!(client.call("o", "m", &json!({})), Err(UbusError::Lost(_))));
}

#[test]
fn arguments_that_cannot_be_sent() {
    let acts = vec![hello(), Act::Take, found(1, "o"), status(1, 0), Act::Silence];
    let daemon = Daemon::start(acts, usize::MAX);
    let mut client = daemon.client();
    let mut refused = |object: &str, method: &str, arguments: &Value| {
        let error = client.call(object, method, arguments).unwrap_err();
        assert!(!error.hint().is_empty());
        match error {
            UbusError::Arguments { why, .. } => why,
            other => panic!("{other}"),
        }
    };
    assert_eq!(refused("o", "m", &json!([])), BadArguments::NotAnObject);
    assert_eq!(refused("o", "m", &json!({"a": "x".repeat(1 << 20)})), BadArguments::TooLarge);
    // Fits the table, and not the message with the object and the method.
    let full = "x".repeat((1 << 20) - 20);
    assert_eq!(refused("o", "m", &json!({"a": full})), BadArguments::TooLarge);
    assert_eq!(refused("o\0", "m", &json!({})), BadArguments::ZeroByte);
    assert_eq!(refused("o", "\0", &json!({})), BadArguments::ZeroByte);
    assert_eq!(refused("o", "m", &json!({"a": u64::MAX})), BadArguments::NumberTooLarge);
    drop(client);
    daemon.finish();
}

#[test]
fn a_message_may_not_exceed_the_limit() {
    let body = |len: usize| {
        let mut body = Writer::default();
        body.put(7, &vec![0; len]);
        mape_ubus::Message::new(Kind::Data, 1, 1, body)
    };
    assert_eq!(body((1 << 20) - 8).unwrap().to_bytes().len(), (1 << 20) + 8);
    assert_eq!(body((1 << 20) - 7), Err(BadArguments::TooLarge));
}
