//! The command line as a user sees it: arguments in, text and exit status out.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod bad_input;
mod doctor;
#[path = "../../../../tests/support/executable.rs"]
mod executable;
mod files;
mod flows;
mod forward;
mod history;
mod hostile;
mod lines;
#[cfg(feature = "linux")]
mod linux;
#[cfg(feature = "linux")]
mod linux_cases;
mod output;
mod ports;
mod recorded;
#[cfg(feature = "linux")]
#[path = "../../../../tests/support/scratch.rs"]
mod scratch;
mod status;
mod terminal;

use std::ffi::OsString;

use executable::executable;
use mape_proto::{ExitStatus, Terminals, run};
use serde_json::Value;

/// What a call printed.
struct Called {
    status: ExitStatus,
    out: String,
    err: String,
}

impl Called {
    fn json(&self) -> Value {
        assert_eq!(self.err, "", "JSON mode keeps standard error clean");
        assert_eq!(self.out.matches('\n').count(), 1, "{}", self.out);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

fn call_os(arguments: Vec<OsString>) -> Called {
    call_on(Terminals::default(), arguments)
}

fn call_on(terminals: Terminals, arguments: Vec<OsString>) -> Called {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = run(arguments, terminals, &mut out, &mut err);
    Called { status, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

fn call<S: AsRef<str>>(arguments: &[S]) -> Called {
    call_os(arguments.iter().map(|argument| argument.as_ref().into()).collect())
}

/// Splits at blanks.
fn words(line: &str) -> Called {
    call(&line.split_whitespace().collect::<Vec<_>>())
}

fn schema_text(name: &str) -> Value {
    let path = format!("{}/../../tests/vectors/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn schema(name: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&schema_text(name)).unwrap()
}

/// Asserts that what was found has each named value that the schema promises for its code.
fn assert_params(schema: &str, place: &str, code: &str, found: &Value) {
    let schema = schema_text(schema);
    for name in schema.pointer(place).unwrap()["x-of"][code].as_array().unwrap_or(&Vec::new()) {
        let value = &found["params"][name.as_str().unwrap()];
        assert!(value.as_str().is_some_and(|it| !it.is_empty()), "{code} has no {name}: {found}");
    }
}

/// Held against the file of that name in `tests/vectors`, or written there.
fn golden(name: &str, text: &str) {
    let file = format!("{}/../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("MAPE_BLESS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), text, "{name}");
}

fn assert_valid(validator: &jsonschema::Validator, value: &Value) {
    let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {value}");
}
