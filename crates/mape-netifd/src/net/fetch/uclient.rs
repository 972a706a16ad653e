//! `uclient-fetch`: in every image. It cannot be bound to an address, and follows redirects by
//! itself, from `https` to `http` too. What it says tells; then the answer is not taken, and the
//! machine asks the new server itself, under its own rules.

use std::net::Ipv6Addr;
use std::process::Command;

use mape_provision::{HttpReply, HttpRequest, Scheme};

use super::{BAD_CERTIFICATE, Ended, Fetcher, NO_ANSWER, body};

/// Not quiet: its words are the only thing that tells status and redirect.
const ALWAYS: [&str; 7] = ["-6", "-O", "-", "-Y", "off", "-U", "mape-rs"];

/// Exit status where the certificate is wrong.
const CERTIFICATE: i32 = 5;

pub(super) fn command(fetcher: &Fetcher, request: &HttpRequest) -> Command {
    let mut command = Command::new(&fetcher.program);
    // It starts to count again with each byte, and so ends no call that the runner would not.
    command.args(ALWAYS).args(["-T", &fetcher.seconds()]);
    if !request.verify() {
        command.arg("--no-check-certificate");
    }
    if let Some(authority) = &fetcher.authority {
        command.arg(format!("--ca-certificate={authority}"));
    }
    command.arg(request.url().to_string());
    command
}

/// `expected` says whether it may have been connected to an address.
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

/// `PATH on HOST`; the scheme is not told, so it is the one asked with. A port is not told either.
fn redirected(words: &str, scheme: Scheme) -> HttpReply {
    let location = words.rsplit_once(" on ").map(|(path, host)| {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{}://{host}{slash}{path}", scheme.name())
    });
    HttpReply::Answer { status: 307, location, body: Vec::new() }
}
