//! The command line: the daemon, and the three programs that scripts use to call it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use mape_ubus::{Client, UbusError};
use serde_json::{Value, json};

use crate::serve::{self, Options};

const HELP: &str = "\
Usage: netifd-stand-in serve --socket PATH --config FILE --handlers DIR [--hotplug DIR] [--dry] [--later]
       netifd-stand-in ubus [-s SOCKET] [-t SECONDS] call OBJECT METHOD [JSON] | list [OBJECT]
       netifd-stand-in ifup INTERFACE | ifdown INTERFACE | ifstatus INTERFACE
       netifd-stand-in jsonfilter [-s JSON] -e EXPRESSION

  --dry    write `ip` commands down instead of running them (ubus call stand-in executed)
  --later  be only ubusd until `ubus call stand-in start`

A link to it named ubus, ifup, ifdown, ifstatus or jsonfilter does what that program does. Without -s the socket is
$UBUS_SOCKET, else /var/run/ubus/ubus.sock.
";

const SOCKET: &str = "/var/run/ubus/ubus.sock";

/// Runs the command line and returns the exit status.
///
/// # Errors
/// An argument is wrong, or the daemon cannot start.
pub fn run(arguments: Vec<String>) -> anyhow::Result<u8> {
    let mut words = arguments.into_iter();
    let program = words.next().unwrap_or_default();
    let name = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let command = match name {
        "ubus" | "ifup" | "ifdown" | "ifstatus" | "jsonfilter" => Some(name.to_owned()),
        _ => words.next(),
    };
    match command.as_deref() {
        Some("serve") => serve::serve(&options(words)?).map(|()| 0),
        Some("ubus") => ubus(words),
        Some("ifup") => {
            let name = words.next().context("which interface?")?;
            call("network", "reload", "{}")?;
            call(&format!("network.interface.{name}"), "down", "{}")?;
            call(&format!("network.interface.{name}"), "up", "{}")
        }
        Some("ifdown") => {
            let name = words.next().context("which interface?")?;
            call(&format!("network.interface.{name}"), "down", "{}")
        }
        Some("ifstatus") => {
            let name = words.next().context("which interface?")?;
            call(&format!("network.interface.{name}"), "status", "{}")
        }
        Some("jsonfilter") => jsonfilter(words),
        _ => {
            print!("{HELP}");
            Ok(2)
        }
    }
}

fn options(mut words: impl Iterator<Item = String>) -> anyhow::Result<Options> {
    let (mut socket, mut config, mut handlers, mut hotplug) = (None, None, None, None);
    let (mut dry, mut later) = (false, false);
    while let Some(word) = words.next() {
        let mut path =
            || words.next().map(PathBuf::from).with_context(|| format!("{word} wants a path"));
        match word.as_str() {
            "--socket" => socket = Some(path()?),
            "--config" => config = Some(path()?),
            // Scripts run in that directory, so a relative path would be wrong.
            "--handlers" => handlers = Some(path()?.canonicalize()?),
            "--hotplug" => hotplug = Some(path()?.canonicalize()?),
            "--dry" => dry = true,
            "--later" => later = true,
            other => bail!("{other} is not an option\n{HELP}"),
        }
    }
    Ok(Options {
        socket: socket.context("--socket is missing")?,
        config: config.context("--config is missing")?,
        handlers: handlers.context("--handlers is missing")?,
        hotplug,
        dry,
        later,
    })
}

fn default_socket() -> PathBuf {
    std::env::var_os("UBUS_SOCKET").map_or_else(|| PathBuf::from(SOCKET), PathBuf::from)
}

fn call(object: &str, method: &str, json: &str) -> anyhow::Result<u8> {
    ubus(["call", object, method, json].map(str::to_owned).into_iter())
}

/// The parts of `ubus` that scripts use. As in `ubus`, the exit status of a refusal is 256 minus
/// its number.
fn ubus(mut words: impl Iterator<Item = String>) -> anyhow::Result<u8> {
    let (mut socket, mut timeout) = (default_socket(), Duration::from_secs(30));
    let mut compact = false;
    let command = loop {
        match words.next().context(HELP)?.as_str() {
            "-s" => socket = words.next().context(HELP)?.into(),
            "-t" => timeout = Duration::from_secs(words.next().context(HELP)?.parse()?),
            "-S" => compact = true,
            command => break command.to_owned(),
        }
    };
    if command == "list" {
        return list(&socket, timeout, words.next().as_deref());
    }
    let (Some(object), Some(method)) = (words.next(), words.next()) else { bail!(HELP) };
    if command != "call" {
        bail!("{command}: only `call` and `list` are known");
    }
    let arguments: Value = words.next().map_or(Ok(json!({})), |text| text.parse())?;
    let answer = Client::connect(&socket, timeout)
        .and_then(|mut client| client.call(&object, &method, &arguments));
    match answer {
        Ok(Value::Object(fields)) if fields.is_empty() => Ok(0),
        Ok(answer) => {
            say(&if compact { answer.to_string() } else { format!("{answer:#}") });
            Ok(0)
        }
        Err(error) => {
            eprintln!("Command failed: {object} {method} {arguments} ({error})");
            let status = error.status().or(matches!(error, UbusError::Timeout(_)).then_some(7));
            Ok(status.and_then(|status| u8::try_from(256 - status).ok()).unwrap_or(1))
        }
    }
}

/// Prints one line. The reader may have closed the pipe, as `grep -q` does.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Lists the objects, or the one with this name.
fn list(socket: &Path, timeout: Duration, name: Option<&str>) -> anyhow::Result<u8> {
    let answer = Client::connect(socket, timeout)?.call("stand-in", "objects", &json!({}))?;
    let objects = answer.get("objects").and_then(Value::as_array).context("no objects")?;
    let objects = objects.iter().filter_map(Value::as_str);
    let found: Vec<&str> =
        objects.filter(|object| name.is_none_or(|name| name == *object)).collect();
    for object in &found {
        say(object);
    }
    Ok(u8::from(found.is_empty()))
}

/// The parts of `jsonfilter` that the tests use: one expression of names and `[*]`, such as
/// `@.errors[*].code`. As in `jsonfilter`, the exit status is 1 if there is no value.
fn jsonfilter(mut words: impl Iterator<Item = String>) -> anyhow::Result<u8> {
    let (mut text, mut expression) = (None, None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-s" => text = words.next(),
            "-e" => expression = words.next(),
            _ => bail!(HELP),
        }
    }
    let expression = expression.context(HELP)?;
    let text = text.map_or_else(|| std::io::read_to_string(std::io::stdin()), Ok)?;
    // `ifstatus` prints nothing for an unknown interface.
    let Ok(document) = text.parse::<Value>() else { return Ok(1) };
    let found = select(&document, &expression)?;
    for value in &found {
        say(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    Ok(u8::from(found.is_empty()))
}

/// Returns the values that an expression selects.
fn select<'a>(document: &'a Value, expression: &str) -> anyhow::Result<Vec<&'a Value>> {
    let path = expression.strip_prefix("@.").context("an expression begins with @.")?;
    let mut found = vec![document];
    for step in path.split('.') {
        let (name, every) = step.strip_suffix("[*]").map_or((step, false), |name| (name, true));
        found = found.into_iter().filter_map(|value| value.get(name)).collect();
        if every {
            found = found.into_iter().filter_map(Value::as_array).flatten().collect();
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_as_the_scenarios_use_them() {
        let status = json!({"up": false, "data": {"ipv4": "192.0.2.1"}, "errors": [{"code": "A"}, {"code": "B"}]});
        let found = |expression: &str| select(&status, expression).unwrap();
        assert_eq!(found("@.up"), [&json!(false)]);
        assert_eq!(found("@.data.ipv4"), [&json!("192.0.2.1")]);
        assert_eq!(found("@.errors[*].code"), [&json!("A"), &json!("B")]);
        assert!(found("@.data.before.ipv4").is_empty());
        assert!(select(&status, "data").is_err());
    }
}
