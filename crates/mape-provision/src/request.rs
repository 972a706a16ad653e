//! The request to a provisioning server, to the byte (HB46PP 1.1 section 3.3).

use std::fmt;
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use mape_core::{Explain, Explanation, IntoVec as _, Quoted};

use crate::txt::Discovered;
use crate::url::{Scheme, Url, may_be_led_to};

/// A method of carrying IPv4, or a variant of MAP-E, that the standard names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// 464XLAT.
    Xlat464,
    /// DS-Lite.
    DsLite,
    /// A tunnel without sharing (RFC 2473).
    Ipip,
    /// Lightweight 4over6.
    Lw4o6,
    /// MAP-E.
    MapE,
    /// MAP-T.
    MapT,
    /// MAP-E through the BR.
    HubSpoke,
    /// MAP-E from CE to CE.
    Mesh,
}

impl Capability {
    /// All of them, in the standard's order; the first six are methods.
    pub const ALL: [Self; 8] = [
        Self::Xlat464,
        Self::DsLite,
        Self::Ipip,
        Self::Lw4o6,
        Self::MapE,
        Self::MapT,
        Self::HubSpoke,
        Self::Mesh,
    ];

    /// Returns the standard's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xlat464 => "464xlat",
            Self::DsLite => "dslite",
            Self::Ipip => "ipip",
            Self::Lw4o6 => "lw4o6",
            Self::MapE => "map_e",
            Self::MapT => "map_t",
            Self::HubSpoke => "hubspoke",
            Self::Mesh => "mesh",
        }
    }

    /// Returns whether `order` may contain it.
    #[must_use]
    pub(crate) const fn is_method(self) -> bool {
        !matches!(self, Self::HubSpoke | Self::Mesh)
    }

    /// Returns the method of this name.
    #[must_use]
    pub fn method(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.is_method() && known.name() == name)
    }
}

/// The client as it identifies itself: vendor, product, version and capabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    vendor_id: String,
    product: String,
    version: String,
    capabilities: Vec<Capability>,
}

impl Identity {
    /// Checks the four values.
    ///
    /// `vendor_id`: an OUI as six hexadecimal digits, and optionally `-` with 1 to 24 letters,
    /// digits or `_`. `product`: 1 to 32 letters, digits, `-` or `_`. `version`: 1 to 32 digits or
    /// `_`; dots are written as `_`, as the standard requires. At least one capability is a
    /// method.
    ///
    /// # Errors
    /// [`IdentityError`] names the value.
    pub fn new(
        vendor_id: &str,
        product: &str,
        version: &str,
        capabilities: &[Capability],
    ) -> Result<Self, IdentityError> {
        let bad = |name, value: &str| IdentityError { name, value: Quoted::new(value) };
        let (oui, rest) =
            vendor_id.split_once('-').map_or((vendor_id, None), |(oui, rest)| (oui, Some(rest)));
        let good_rest = |rest: &str| is_word(rest, 24, b"_");
        if oui.len() != 6
            || !oui.bytes().all(|byte| byte.is_ascii_hexdigit())
            || !rest.is_none_or(good_rest)
        {
            return Err(bad("vendorid", vendor_id));
        }
        if !is_word(product, 32, b"-_") {
            return Err(bad("product", product));
        }
        let underscored = version.replace('.', "_");
        if !is_word(&underscored, 32, b"_")
            || underscored.bytes().any(|byte| byte.is_ascii_alphabetic())
        {
            return Err(bad("version", version));
        }
        if !capabilities.iter().any(|capability| capability.is_method()) {
            return Err(bad("capability", &words(capabilities)));
        }
        Ok(Self {
            vendor_id: vendor_id.to_owned(),
            product: product.to_owned(),
            version: underscored,
            capabilities: capabilities.to_vec(),
        })
    }

    /// Returns everything that an answer depends on, as one text. It contains the password.
    pub(crate) fn configuration(&self, credentials: Option<&Credentials>) -> String {
        let login = credentials.map_or_else(String::new, |Credentials { user, pass, server }| {
            // None of the three contains a blank.
            format!(" {user} {pass} {server}")
        });
        words(&self.capabilities) + &login
    }

    /// Returns the capabilities in the order in which they are sent.
    #[must_use]
    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// Returns the query of a request, in the order of the standard. Every value consists of
    /// characters that need no escape in a query (RFC 3986 section 3.4).
    fn query(&self, token: Option<&Token>, credentials: Option<&Credentials>) -> String {
        let Self { vendor_id, product, version, capabilities } = self;
        let capability = words(capabilities);
        let mut query = format!(
            "vendorid={vendor_id}&product={product}&version={version}&capability={capability}"
        );
        if let Some(Token(token)) = token {
            query += "&token=";
            query += token;
        }
        if let Some(Credentials { user, pass, .. }) = credentials {
            for part in ["&user=", user, "&pass=", pass] {
                query += part;
            }
        }
        query
    }
}

fn words(capabilities: &[Capability]) -> String {
    let words: Vec<&str> = capabilities.iter().map(|capability| capability.name()).into_vec();
    words.join(",")
}

/// A value that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {name} sent to a provisioning server cannot be {value}")]
pub struct IdentityError {
    name: &'static str,
    value: Quoted,
}

impl Explain for IdentityError {
    fn explain(&self) -> Explanation {
        let hint = match self.name {
            "vendorid" => "write an OUI like acde48, or acde48-name_of_24",
            "version" => "write digits, dots and underscores like 1_32",
            "capability" => "name at least one method, like map_e",
            "server" => "write the name of the server that the provider gave with the password",
            _ => "write at most 32 letters, digits, hyphens and underscores",
        };
        Explanation::of_option(self.name, hint).text("value", self.value.as_str())
    }
}

fn is_word(text: &str, longest: usize, also: &[u8]) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || also.contains(&byte);
    (1..=longest).contains(&text.len()) && text.bytes().all(good)
}

/// The token by which a server recognises a line: 64 hexadecimal digits in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(Box<str>);

impl Token {
    /// Reads a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(good)).then(|| Self(text.into()))
    }

    /// Returns the digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// User and password, for one server only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    user: String,
    pass: String,
    server: String,
}

impl Credentials {
    /// Checks the values. The standard sends them to any server where the user names none. Here the
    /// server's name is required, because only the name ties a resolver's answer to the provider
    /// that issued the password.
    ///
    /// # Errors
    /// [`IdentityError`] where `user` or `pass` are not 1 to 32 letters, digits, `-` or `_`, or
    /// `server` is no name. The error never contains the password.
    pub fn new(user: &str, pass: &str, server: &str) -> Result<Self, IdentityError> {
        let bad = |name, value: &str| IdentityError { name, value: Quoted::new(value) };
        if !is_word(user, 32, b"-_") {
            return Err(bad("user", user));
        }
        if !is_word(pass, 32, b"-_") {
            return Err(bad("pass", "…"));
        }
        let server = crate::url::host_name(server).ok_or_else(|| bad("server", server))?;
        Ok(Self { user: user.to_owned(), pass: pass.to_owned(), server })
    }

    /// Returns whether the password may be sent to the URL: only under `t=b`, over TLS, and to
    /// exactly that server (section 3.3, MUST NOT otherwise).
    fn may_go_to(&self, url: &Url, verify: bool) -> bool {
        verify && url.scheme() == Scheme::Https && url.host() == self.server
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} at {})", self.user, self.server)
    }
}

/// One GET, over IPv6 only, from the uplink's own address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    url: Url,
    verify: bool,
    is_users_choice: bool,
}

impl HttpRequest {
    /// Returns the request to the discovered server.
    pub(crate) fn hb46pp(
        to: &Discovered,
        identity: &Identity,
        token: Option<&Token>,
        credentials: Option<&Credentials>,
    ) -> Self {
        let Discovered { url, verify } = to;
        // A server that redirects may repeat the query in its Location.
        if url.has_parameter("vendorid") {
            return Self { url: url.clone(), verify: *verify, is_users_choice: false };
        }
        let credentials = credentials.filter(|it| it.may_go_to(url, *verify));
        let url = url.with_query(&identity.query(token, credentials));
        Self { url, verify: *verify, is_users_choice: false }
    }

    /// Returns the request for a URL of the user's. Certificates are verified.
    pub(crate) fn of_user(url: Url) -> Self {
        let verify = url.scheme() == Scheme::Https;
        Self { url, verify, is_users_choice: true }
    }

    /// Returns the request for the target of a redirect by a server of the user's.
    pub(crate) fn redirected(&self, url: Url) -> Self {
        let is_users_choice = self.is_users_choice && url.host() == self.url.host();
        Self { is_users_choice, ..Self::of_user(url) }
    }

    /// Returns whether the request may be sent to an address that stands for the server's name.
    /// `own` are the networks of the router itself. Any address is allowed for a host that the user
    /// entered. For one from a redirect or a TXT record see [`may_be_led_to`].
    #[must_use]
    pub fn may_go_to(&self, address: Ipv6Addr, own: &[Ipv6Net]) -> bool {
        self.is_users_choice || may_be_led_to(address, own)
    }

    /// Returns the URL with every parameter.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Returns whether the URL contains a password, which must not appear in a list of processes.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.url.has_parameter("pass")
    }

    /// Returns whether the server's certificate has to be verified. Server Name Indication is used
    /// in both cases.
    #[must_use]
    pub const fn verify(&self) -> bool {
        self.verify
    }

    /// Returns the request as it is sent. The connection ends with the answer, so that one
    /// connection carries one answer.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let (target, host) = (self.url.target(), self.url.authority());
        format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: mape-rs\r\n\
             Accept: application/json\r\nConnection: close\r\n\r\n"
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map_e() -> Vec<Capability> {
        vec![Capability::MapE, Capability::HubSpoke]
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let with = |vendor: &str, product: &str, version: &str| {
            Identity::new(vendor, product, version, &map_e()).map_err(|error| error.name)
        };
        assert!(with("acde48-v6pc_swg_hgw", "V6MIG-ROUTER", "1_32").is_ok());
        assert!(with("ACDE48", "x", "1.32.0").is_ok());
        assert!(
            with(&format!("acde48-{}", "x".repeat(24)), &"x".repeat(32), &"1".repeat(32)).is_ok()
        );
        for vendor in ["", "acde4", "acde488", "acde4g", "acde48-", "acde48-a-b", "acde48-a.b"] {
            assert_eq!(with(vendor, "x", "1"), Err("vendorid"), "{vendor}");
        }
        assert_eq!(with(&format!("acde48-{}", "x".repeat(25)), "x", "1"), Err("vendorid"));
        for product in ["", "a b", "a&b", "製品", &"x".repeat(33)] {
            assert_eq!(with("acde48", product, "1"), Err("product"), "{product}");
        }
        for version in ["", "1a", "1-2", "r1", &"1".repeat(33)] {
            assert_eq!(with("acde48", "x", version), Err("version"), "{version}");
        }
        for none in [&[][..], &[Capability::HubSpoke, Capability::Mesh]] {
            let error = Identity::new("acde48", "x", "1", none).unwrap_err();
            assert_eq!(error.name, "capability");
        }
    }

    #[test]
    fn a_password_appears_in_no_message() {
        let error = Credentials::new("user", "pass word", "a.example").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("word"));
        let good = Credentials::new("user", "secret", "A.example").unwrap();
        assert_eq!(format!("{good:?}"), "Credentials(user at a.example)");
        for (user, pass, server) in [("", "x", "a"), ("x", "", "a"), ("x", "x", "")] {
            assert!(Credentials::new(user, pass, server).is_err());
        }
        for server in ["https://a", "192.0.2.1", "a b"] {
            assert!(Credentials::new("x", "x", server).is_err(), "{server}");
        }
    }

    #[test]
    fn a_token_is_64_digits() {
        let good = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
        assert_eq!(Token::parse(good).unwrap().as_str(), good);
        for bad in ["", &good[1..], &good.to_uppercase(), &good.replace('1', "g")] {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }
}
