//! The call that tells the provider of a fixed-IPv4 contract the CE address, from that address.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::Duration;

use mape_provision::{HttpFailure, HttpReply, Scheme, Url};

use crate::fetch::Fetcher;
use crate::http_bound::get_from;

/// One GET of a given URL.
#[derive(Clone, PartialEq, Eq)]
pub struct UpdateRequest {
    /// Where to, with everything in the query.
    pub url: Url,
    /// `user:password` for HTTP's basic authentication (RFC 7617).
    pub basic: Option<String>,
    /// A file with the certificate of an authority that the user trusts, PEM.
    pub authority: Option<String>,
}

impl UpdateRequest {
    /// Sends it from `source` and returns the status of the answer. `timeout` is the limit of each
    /// step. Plain HTTP needs no other program; HTTPS needs curl, because uclient-fetch cannot
    /// choose the source address.
    ///
    /// # Errors
    /// There is no connection from there, no answer of HTTP, or no curl.
    pub fn send(
        &self,
        source: Ipv6Addr,
        server: SocketAddrV6,
        timeout: Duration,
    ) -> io::Result<u16> {
        let header = self.header();
        if self.url.scheme() == Scheme::Http {
            return get_from(source, server, &self.url, &header, timeout);
        }
        let curl = Fetcher::curl(self.authority.clone())
            .ok_or_else(|| io::Error::other("https needs curl"))?;
        match curl.tell(&self.url, header.trim_end(), *server.ip(), source) {
            HttpReply::Answer { status, .. } => Ok(status),
            HttpReply::Failed(HttpFailure::Certificate) => {
                Err(io::Error::other("its certificate is not accepted"))
            }
            HttpReply::Failed(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Returns the line of the head with user and password, or nothing.
    fn header(&self) -> String {
        let line = |pair: &String| format!("Authorization: Basic {}\r\n", base64(pair.as_bytes()));
        self.basic.as_ref().map_or_else(String::new, line)
    }
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    let digit = |number: u32| match u8::try_from(number & 63).unwrap_or(0) {
        it @ 0..=25 => char::from(b'A' + it),
        it @ 26..=51 => char::from(b'a' + it - 26),
        it @ 52..=61 => char::from(b'0' + it - 52),
        62 => '+',
        _ => '/',
    };
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, at| {
            number << 8 | u32::from(three.get(at).copied().unwrap_or_default())
        });
        for at in 0..4 {
            text.push(if at <= three.len() { digit(number >> (18 - 6 * at)) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 section 10, and the example of RFC 7617.
    #[test]
    fn known_answers() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("test:123\u{a3}", "dGVzdDoxMjPCow=="),
            ("\u{fffd}?>", "77+9Pz4="),
        ] {
            assert_eq!(base64(text.as_bytes()), encoded, "{text}");
        }
    }
}
