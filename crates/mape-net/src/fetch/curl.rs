//! `curl`: bound to our address, with the addresses we looked up, following nothing.

use mape_core::IntoVec as _;
use std::net::Ipv6Addr;

use mape_provision::{HttpReply, HttpRequest, Url};
use mape_system::program::Command;

use super::tool::{BAD_CERTIFICATE, Call, Ended, NO_ANSWER, body};

/// Arguments of every request. `-q` comes first, so that no `.curlrc` is read.
const ALWAYS: &[&str] = &[
    "-q",
    "--silent",
    "--show-error",
    "--include",
    "--ipv6",
    "--http1.1",
    "--globoff",
    "--noproxy",
    "*",
    "--proto",
    "=http,https",
    "--connect-timeout",
    "10",
    "--user-agent",
    "mape-rs",
    "--header",
    "Accept: application/json",
];

/// Exit statuses that are about the server's certificate or the authority's.
const CERTIFICATE: [i32; 6] = [51, 60, 77, 82, 83, 91];

/// Returns the command and its standard input. The URL may hold a password, and the list of
/// processes shows arguments, so the URL goes through standard input.
pub(super) fn command(
    call: &Call<'_>,
    request: &HttpRequest,
    addresses: &[Ipv6Addr],
    source: Option<Ipv6Addr>,
) -> (Command, String) {
    command_for(call, request.url(), (request.verify(), ""), addresses, source)
}

/// Returns the same for a URL: whether the certificate is verified, and a line for the head, which
/// is empty or has no character with a meaning between quotes.
pub(super) fn command_for(
    call: &Call<'_>,
    url: &Url,
    (verify, header): (bool, &str),
    addresses: &[Ipv6Addr],
    source: Option<Ipv6Addr>,
) -> (Command, String) {
    let mut command = Command::new(call.program);
    command.args(ALWAYS);
    command.args(&["--max-time", &call.seconds.to_string()]);
    if !verify {
        command.arg("--insecure");
    }
    if let Some(authority) = call.authority {
        command.args(&["--cacert", authority]);
    }
    if let Some(source) = source {
        command.args(&["--interface", &format!("host!{source}")]);
    }
    if !addresses.is_empty() {
        let addresses: Vec<String> = addresses.iter().map(|it| format!("[{it}]")).into_vec();
        let of = format!("{}:{}:{}", url.host(), url.port(), addresses.join(","));
        command.args(&["--resolve", &of]);
    }
    command.args(&["--config", "-"]);
    // A URL has no character with a meaning between these quotes.
    let header = match header {
        "" => String::new(),
        line => format!("header = \"{line}\"\n"),
    };
    (command, format!("url = \"{url}\"\n{header}"))
}

pub(super) fn reply(ended: &Ended) -> HttpReply {
    match ended.code {
        Some(0) => {}
        Some(code) if CERTIFICATE.contains(&code) => return BAD_CERTIFICATE,
        _ if ended.cut => {}
        _ => return NO_ANSWER,
    }
    parse(&ended.out).unwrap_or(NO_ANSWER)
}

/// Reads head and body. curl has undone transfer encodings.
pub(super) fn parse(mut bytes: &[u8]) -> Option<HttpReply> {
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, rest) = bytes.split_at_checked(end + 4)?;
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let first = lines.next()?.strip_prefix("HTTP/")?;
        let status: u16 = first.split(' ').nth(1)?.parse().ok()?;
        // 1xx announces the answer proper.
        if (100..200).contains(&status) {
            bytes = rest;
            continue;
        }
        let location = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
        });
        return Some(HttpReply::Answer { status, location, body: body(rest) });
    }
}
