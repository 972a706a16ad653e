//! The command line: the daemon, and the three programs by which scripts talk to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use mape_ubus::{Client, UbusError};
use serde_json::{Value, json};

use crate::serve::{self, Options};

const HELP: &str = "\
Usage: netifd-stand-in serve --socket PATH --config FILE --handlers DIR [--hotplug DIR] [--dry]
       netifd-stand-in ubus [-s SOCKET] [-t SECONDS] call OBJECT METHOD [JSON]
       netifd-stand-in ifup INTERFACE | ifdown INTERFACE

  --dry  write `ip` commands down instead of running them (ubus call stand-in executed)

A link to it named ubus, ifup or ifdown does what that program does. Without -s the socket is
$UBUS_SOCKET, else /var/run/ubus/ubus.sock.
";

const SOCKET: &str = "/var/run/ubus/ubus.sock";

/// Runs the command line; the exit status.
///
/// # Errors
/// The arguments make no sense, or the daemon cannot begin.
pub fn run(arguments: Vec<String>) -> anyhow::Result<u8> {
    let mut words = arguments.into_iter();
    let program = words.next().unwrap_or_default();
    let name = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let command = match name {
        "ubus" | "ifup" | "ifdown" => Some(name.to_owned()),
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
        _ => {
            print!("{HELP}");
            Ok(2)
        }
    }
}

fn options(mut words: impl Iterator<Item = String>) -> anyhow::Result<Options> {
    let (mut socket, mut config, mut handlers, mut hotplug, mut dry) =
        (None, None, None, None, false);
    while let Some(word) = words.next() {
        let mut path =
            || words.next().map(PathBuf::from).with_context(|| format!("{word} wants a path"));
        match word.as_str() {
            "--socket" => socket = Some(path()?),
            "--config" => config = Some(path()?),
            // Scripts are run from there, so a relative path would not hold.
            "--handlers" => handlers = Some(path()?.canonicalize()?),
            "--hotplug" => hotplug = Some(path()?.canonicalize()?),
            "--dry" => dry = true,
            other => bail!("{other} is not an option\n{HELP}"),
        }
    }
    Ok(Options {
        socket: socket.context("--socket is missing")?,
        config: config.context("--config is missing")?,
        handlers: handlers.context("--handlers is missing")?,
        hotplug,
        dry,
    })
}

fn default_socket() -> PathBuf {
    std::env::var_os("UBUS_SOCKET").map_or_else(|| PathBuf::from(SOCKET), PathBuf::from)
}

fn call(object: &str, method: &str, json: &str) -> anyhow::Result<u8> {
    ubus(["call", object, method, json].map(str::to_owned).into_iter())
}

/// `ubus` as far as scripts use it. As there, a refusal is the exit status 256 - number.
fn ubus(mut words: impl Iterator<Item = String>) -> anyhow::Result<u8> {
    let (mut socket, mut timeout) = (default_socket(), Duration::from_secs(30));
    let command = loop {
        match words.next().context(HELP)?.as_str() {
            "-s" => socket = words.next().context(HELP)?.into(),
            "-t" => timeout = Duration::from_secs(words.next().context(HELP)?.parse()?),
            "-S" => {}
            command => break command.to_owned(),
        }
    };
    let (Some(object), Some(method)) = (words.next(), words.next()) else { bail!(HELP) };
    if command != "call" {
        bail!("{command}: only `call` is known");
    }
    let arguments: Value = words.next().map_or(Ok(json!({})), |text| text.parse())?;
    let answer = Client::connect(&socket, timeout)
        .and_then(|mut client| client.call(&object, &method, &arguments));
    match answer {
        Ok(Value::Object(fields)) if fields.is_empty() => Ok(0),
        Ok(answer) => {
            println!("{answer}");
            Ok(0)
        }
        Err(error) => {
            eprintln!("Command failed: {object} {method} {arguments} ({error})");
            let status = error.status().or(matches!(error, UbusError::Timeout(_)).then_some(7));
            Ok(status.and_then(|status| u8::try_from(256 - status).ok()).unwrap_or(1))
        }
    }
}
