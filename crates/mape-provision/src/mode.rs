//! Whether anything is asked, and whom.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use mape_core::{Code, Explain, ReceivedPrefix};

use crate::request::{Capability, Credentials, HttpRequest, Identity};
use crate::url::Url;

/// The `provisioning` option. Without it nothing is asked, whether the table knows the line or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is asked.
    Off,
    /// The server that the line's resolvers announce.
    Hb46pp {
        /// Who asks.
        identity: Identity,
        /// User and password, for one server only.
        credentials: Option<Credentials>,
    },
    /// A URL that the user entered.
    Url(UserUrl),
}

impl Mode {
    /// Tells one configuration from another, without repeating a password: an answer and a pause
    /// belong to the configuration they were made under.
    #[must_use]
    pub fn key(&self) -> String {
        let (name, digest) = match self {
            Self::Off => ("off", digest(&())),
            Self::Hb46pp { identity, credentials } => {
                ("hb46pp", digest(&(identity.capabilities(), credentials)))
            }
            Self::Url(UserUrl(url)) => ("url", digest(url)),
        };
        format!("{name}-{digest}")
    }

    /// The methods that an answer may offer.
    pub(crate) fn capabilities(&self) -> &[Capability] {
        match self {
            Self::Off => &[],
            Self::Hb46pp { identity, .. } => identity.capabilities(),
            Self::Url(_) => &[Capability::MapE],
        }
    }
}

/// Tells one value from another without repeating it, for files that hold no password.
#[must_use]
pub fn digest(of: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A URL that the user entered, in which `{prefix}` stands for the address of the line's prefix and
/// `{length}` for its length.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserUrl(String);

/// May carry a code that is nobody else's business.
impl std::fmt::Debug for UserUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserUrl(…)")
    }
}

impl UserUrl {
    /// Checks the URL, with the longest prefix there is in the place of the words in braces.
    ///
    /// # Errors
    /// [`BadUrl`] where it is no URL to ask over IPv6.
    pub fn new(text: &str) -> Result<Self, BadUrl> {
        let url = Self(text.trim().to_owned());
        url.with("2001:db80:2001:db80::", "64").map(|_| url).ok_or(BadUrl)
    }

    fn with(&self, address: &str, length: &str) -> Option<Url> {
        Url::parse(&self.0.replace("{prefix}", address).replace("{length}", length))
    }

    /// The request for a line; `id` is sent where an earlier answer gave one.
    pub(crate) fn request(&self, prefix: ReceivedPrefix, id: Option<&str>) -> Option<HttpRequest> {
        let net = prefix.net();
        let url = self.with(&net.addr().to_string(), &net.prefix_len().to_string())?;
        let id = id.filter(|_| !url.has_parameter("id"));
        let url = id.map_or(url.clone(), |id| url.with_query(&format!("id={id}")));
        Some(HttpRequest::plain(url))
    }
}

/// The text is no URL to ask. It is not repeated, as it may carry a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provisioning URL is not an http or https URL that can be asked over IPv6")]
pub struct BadUrl;

impl Explain for BadUrl {
    fn code(&self) -> Code {
        Code::OptionInvalid
    }

    fn hint(&self) -> String {
        "write it like https://server.example/rules?ipv6Prefix={prefix}&ipv6PrefixLength={length}; \
         the server is a name or an IPv6 address, and other special characters are written as %XX"
            .to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        vec![("option", "provisioning_url".to_owned())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str, id: Option<&str>) -> String {
        let prefix = "240b:10:3261:6400::/56".parse().unwrap();
        let request = UserUrl::new(url).unwrap().request(prefix, id).unwrap();
        request.url().to_string()
    }

    #[test]
    fn braces_are_filled_and_the_identifier_is_added_once() {
        assert_eq!(
            asked("https://h/?ipv6Prefix={prefix}&ipv6PrefixLength={length}&code=x", None),
            "https://h/?ipv6Prefix=240b:10:3261:6400::&ipv6PrefixLength=56&code=x"
        );
        assert_eq!(
            asked("https://h/get_rules?callback=c", Some("0f")),
            "https://h/get_rules?callback=c&id=0f"
        );
        assert_eq!(asked("https://h/get_rules?id=1", Some("0f")), "https://h/get_rules?id=1");
    }

    #[test]
    fn a_certificate_is_always_verified() {
        let prefix = "240b:10:3261:6400::/56".parse().unwrap();
        let verify = |url: &str| UserUrl::new(url).unwrap().request(prefix, None).unwrap().verify();
        assert!(verify("https://h/") && !verify("http://h/"));
    }

    #[test]
    fn what_is_no_url_is_refused_and_never_repeated() {
        for text in ["", "h", "ftp://h/", "https://192.0.2.1/", "https://h/{code}", "https://h/ x"]
        {
            assert_eq!(UserUrl::new(text), Err(BadUrl), "{text}");
        }
        assert!(!format!("{:?}", UserUrl::new("https://h/?code=secret")).contains("secret"));
    }

    #[test]
    fn every_configuration_has_its_key() {
        let url = |text: &str| Mode::Url(UserUrl::new(text).unwrap());
        let asks = |pass: Option<&str>| Mode::Hb46pp {
            identity: Identity::new("acde48", "x", "1", &[Capability::MapE]).unwrap(),
            credentials: pass.map(|pass| Credentials::new("u", pass, "h").unwrap()),
        };
        let modes =
            [url("https://a/"), url("https://b/"), asks(None), asks(Some("a")), asks(Some("b"))];
        let mut keys: Vec<String> = modes.iter().map(Mode::key).collect();
        assert!(keys.iter().all(|key| key.len() > 19));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), modes.len());
    }
}
