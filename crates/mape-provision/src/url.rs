//! The URLs that provisioning needs: `http` and `https` to a name or an IPv6 address.
//!
//! By hand, because a general crate brings tables for names outside ASCII that are larger than the
//! program (docs/decisions/0006-hand-written-protocols.md).

use std::fmt;
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

/// Longest URL taken, in bytes.
const MAX_URL: usize = 2048;

/// How the server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS. The URL does not say whether the certificate is verified.
    Https,
}

impl Scheme {
    /// Returns `http` or `https`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A URL that can be requested over IPv6: printable ASCII, no user information, no IPv4 address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url {
    scheme: Scheme,
    /// A name in lower case, or an IPv6 address without brackets.
    host: String,
    port: u16,
    /// Path and query; begins with `/`.
    target: String,
}

impl Url {
    /// Reads a URL. A fragment is removed, because it is never sent.
    ///
    /// Returns `None` where it is not `http` or `https`, is longer than 2048 bytes, contains a
    /// user, or names no host, an IPv4 address (the standard uses IPv6 only, section 3.3) or an
    /// IPv6 address that [is not allowed](may_be_asked).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_URL || !text.bytes().all(may_stand_in_a_url) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let scheme = [Scheme::Http, Scheme::Https]
            .into_iter()
            .find(|known| scheme.eq_ignore_ascii_case(known.name()))?;
        let rest = rest.split('#').next()?;
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = if let Some(address) = authority.strip_prefix('[') {
            let (address, port) = address.split_once(']')?;
            let address = address.parse().ok().filter(|address| may_be_asked(*address))?;
            (address.to_string(), port)
        } else {
            let (name, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (host_name(name)?, port)
        };
        let port = match port {
            "" | ":" => scheme.default_port(),
            _ => port_number(port.strip_prefix(':')?)?,
        };
        let slash = if target.starts_with('/') { "" } else { "/" };
        Some(Self { scheme, host, port, target: format!("{slash}{target}") })
    }

    /// Returns the URL that a `Location` in this URL's answer names (RFC 3986 section 5.2).
    #[must_use]
    pub fn join(&self, location: &str) -> Option<Self> {
        let scheme = self.scheme.name();
        let reference = location.split('#').next().unwrap_or("");
        let before_path = reference.split(['/', '?']).next().unwrap_or("");
        if before_path.contains(':') {
            return Self::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let path = self.target.split('?').next().unwrap_or("/");
        let target = if reference.is_empty() {
            self.target.clone()
        } else if reference.starts_with('?') {
            format!("{path}{reference}")
        } else if reference.starts_with('/') {
            without_dots(reference)
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            without_dots(&format!("{folder}/{reference}"))
        };
        Self::parse(&format!("{scheme}://{}{target}", self.authority()))
    }

    /// Returns the same URL with this text at the end of its query.
    #[must_use]
    pub fn with_query(&self, query: &str) -> Self {
        let target = &self.target;
        let between = match target.split_once('?') {
            None => "?",
            Some((_, old)) if old.is_empty() || old.ends_with('&') => "",
            Some(_) => "&",
        };
        Self { target: format!("{target}{between}{query}"), ..self.clone() }
    }

    /// Returns whether the query has this parameter.
    #[must_use]
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        query.split('&').any(|pair| pair.split('=').next() == Some(name))
    }

    /// Returns how the server is reached.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the server's name in lower case, or its IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the TCP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the text after `GET`: path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the text after `Host:`. It contains the port only where that is not the scheme's
    /// own.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = &self.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }
}

/// In full, with whatever the query carries: for the wire, not for logs.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.name(), self.authority(), self.target)
    }
}

/// Without the query, which may carry a password.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or("");
        write!(f, "{}://{}{path}", self.scheme.name(), self.authority())
    }
}

/// Returns whether a request may be sent to this address: a global one, or a unique local one
/// (`fc00::/7`) that the user has entered.
#[must_use]
pub fn may_be_asked(address: Ipv6Addr) -> bool {
    let [first, ..] = address.octets();
    matches!(first, 0x20..=0x3f | 0xfc | 0xfd)
}

/// Returns whether a DNS answer, a redirect or a TXT record may lead the router to this address: a
/// global one outside the networks `own` of the router itself. Otherwise a server or a resolver
/// could make the router send requests to services that are reachable from the home network only.
#[must_use]
pub fn may_be_led_to(address: Ipv6Addr, own: &[Ipv6Net]) -> bool {
    let [first, ..] = address.octets();
    matches!(first, 0x20..=0x3f) && !own.iter().any(|net| net.contains(&address))
}

fn may_stand_in_a_url(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)
}

/// Returns a name of letters, digits, `-`, `_` and dots in lower case, at most 253 bytes. An IPv4
/// address is not a name.
pub(crate) fn host_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let good = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // The last label of a name is never a number (RFC 3696 section 2); programs read
    // `127.1`, `0x7f000001` and their like as IPv4.
    let number = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.starts_with(|first: char| first.is_ascii_digit()));
    let good = name.len() <= 253 && !number && name.split('.').all(good);
    good.then(|| name.to_ascii_lowercase())
}

fn port_number(text: &str) -> Option<u16> {
    let port = mape_core::decimal(text, 65535)?;
    u16::try_from(port).ok().filter(|port| *port > 0)
}

/// Returns a path without `.` and `..` (RFC 3986 section 5.2.4). The query is kept.
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(part),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        Url::parse(text).map(|url| url.to_string())
    }

    #[test]
    fn what_can_be_asked_over_ipv6_is_a_url() {
        for (text, url) in [
            ("https://vne.example.jp/rule.cgi", "https://vne.example.jp/rule.cgi"),
            ("HTTPS://VNE.example.jp", "https://vne.example.jp/"),
            ("https://vne.example.jp.:443/a", "https://vne.example.jp/a"),
            ("http://a:8080?x=1", "http://a:8080/?x=1"),
            ("http://[2001:DB8::1]/", "http://[2001:db8::1]/"),
            ("http://[2001:db8::1]:81/x#y", "http://[2001:db8::1]:81/x"),
            ("https://a_b.example/%7e?q=a/b?c", "https://a_b.example/%7e?q=a/b?c"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(url));
        }
    }

    #[test]
    fn all_else_is_not() {
        for text in [
            "",
            "https",
            "https:/a",
            "https://",
            "https:///x",
            "ftp://a/",
            "file:///etc/passwd",
            "https://192.0.2.1/",
            "https://3221225985/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://user@a/",
            "https://a:b@c/",
            "https://a:0/",
            "https://a:65536/",
            "https://a:x/",
            "https://[::1",
            "https://[::1]x/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://[ff02::1]/",
            "http://[::ffff:192.0.2.1]/",
            "http://[64:ff9b::1]/",
            "https://[192.0.2.1]/",
            "https://[fe80::1%eth0]/",
            "https://a..b/",
            "https://-a/",
            "https://a b/",
            "https://a/ ",
            "https://a/\n",
            "https://a/\"",
            "https://a/{prefix}",
            "https://例え.jp/",
            " https://a/",
            "https://a\\b/",
        ] {
            assert_eq!(shown(text), None, "{text:?}");
        }
        let longest = format!("http://a/{}", "x".repeat(MAX_URL - 9));
        assert!(Url::parse(&longest).is_some() && Url::parse(&format!("{longest}x")).is_none());
    }

    /// RFC 3986 section 5.4, as far as the examples are about `http`.
    #[test]
    fn a_reference_is_resolved_as_the_rfc_shows() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (reference, url) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("https://h/x", "https://h/x"),
        ] {
            assert_eq!(base.join(reference).map(|url| url.to_string()).as_deref(), Some(url));
        }
        for bad in ["ftp://a/", "g:h", "mailto:a@b", "//1.2.3.4/", "//", "a b", "javascript:0"] {
            assert_eq!(base.join(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_query_grows_at_its_end() {
        for (url, grown) in
            [("a", "a?x=1"), ("a?", "a?x=1"), ("a?y", "a?y&x=1"), ("a?y&", "a?y&x=1")]
        {
            let url = Url::parse(&format!("https://h/{url}")).unwrap();
            assert_eq!(url.with_query("x=1").target(), format!("/{grown}"));
        }
        let url = Url::parse("https://h/id=2?vid=1&id").unwrap();
        assert!(url.has_parameter("id") && url.has_parameter("vid") && !url.has_parameter("x"));
    }

    #[test]
    fn a_log_shows_no_query() {
        let url = Url::parse("https://h/p?user=u&pass=secret").unwrap();
        assert_eq!(format!("{url:?}"), "https://h/p");
    }
}
