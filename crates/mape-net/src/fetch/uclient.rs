//! `uclient-fetch`, which every image has.
//!
//! It cannot be bound to an address, and it follows redirects by itself, from `https` to `http`
//! too. Its messages show a redirect; the answer is then discarded, and the provisioning machine
//! asks the new server under its own rules.

use std::net::Ipv6Addr;

use mape_provision::{HttpReply, HttpRequest, Scheme};
use mape_system::program::Command;

use super::tool::{BAD_CERTIFICATE, Call, Ended, NO_ANSWER, body};

/// Arguments of every request. It is not quiet: status and redirect are only in its messages.
const ALWAYS: [&str; 7] = ["-6", "-O", "-", "-Y", "off", "-U", "mape-rs"];

/// Exit status where the certificate is wrong.
const CERTIFICATE: i32 = 5;

pub(super) fn command(call: &Call<'_>, request: &HttpRequest) -> Command {
    let mut command = Command::new(call.program);
    // Its limit begins again with each byte, so it ends no call that the runner would not end.
    command.args(&ALWAYS).args(&["-T", &call.seconds.to_string()]);
    if !request.verify() {
        command.arg("--no-check-certificate");
    }
    if let Some(authority) = call.authority {
        command.arg(format!("--ca-certificate={authority}"));
    }
    command.arg(request.url().to_string());
    command
}

/// Reads the answer. `expected` says whether the program may have connected to an address.
pub(super) fn reply(
    ended: &Ended,
    scheme: Scheme,
    expected: impl Fn(Ipv6Addr) -> bool,
) -> HttpReply {
    let mut status = None;
    for line in ended.words.lines() {
        if let Some(server) = line.strip_prefix("Connecting to ") {
            let address = server.rsplit_once(':').and_then(|(it, _)| it.parse::<Ipv6Addr>().ok());
            if !address.is_some_and(&expected) {
                return NO_ANSWER;
            }
        }
        if let Some(redirect) = line.strip_prefix("Redirected to ") {
            return redirected(redirect, scheme);
        }
        if let Some(number) = line.strip_prefix("HTTP error ") {
            status = number.trim().parse().ok();
        }
    }
    match (ended.code, status) {
        (_, Some(status)) => HttpReply::Answer { status, location: None, body: Vec::new() },
        (Some(0), None) => answer(ended),
        (_, None) if ended.cut => answer(ended),
        (Some(CERTIFICATE), None) => BAD_CERTIFICATE,
        _ => NO_ANSWER,
    }
}

fn answer(ended: &Ended) -> HttpReply {
    HttpReply::Answer { status: 200, location: None, body: body(&ended.out) }
}

/// Reads `PATH on HOST`. The message names neither scheme nor port; the scheme is that of the
/// request.
fn redirected(words: &str, scheme: Scheme) -> HttpReply {
    let location = words.rsplit_once(" on ").map(|(path, host)| {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{}://{host}{slash}{path}", scheme.name())
    });
    HttpReply::Answer { status: 307, location, body: Vec::new() }
}
