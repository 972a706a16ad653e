//! Whether a server is contacted, and which one.

use mape_core::{Explain, Explanation, ReceivedPrefix, fnv1a_64};

use crate::request::{Capability, Credentials, HttpRequest, Identity};
use crate::url::Url;

/// The `provisioning` option. Without it no server is contacted, even where the built-in table has
/// no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No server is contacted.
    Off,
    /// The server that the line's resolvers announce.
    Hb46pp {
        /// The client.
        identity: Identity,
        /// User and password, for one server only.
        credentials: Option<Credentials>,
    },
    /// A URL that the user entered.
    Url(UserUrl),
}

impl Mode {
    /// Returns a key that identifies the configuration and reveals no password. An answer and a
    /// pause belong to the configuration under which they were made. The key is kept on flash and
    /// does not depend on the compiler.
    #[must_use]
    pub fn key(&self) -> String {
        let digest = match self {
            Self::Off => digest(""),
            Self::Hb46pp { identity, credentials } => {
                digest(&identity.configuration(credentials.as_ref()))
            }
            Self::Url(UserUrl(url)) => digest(url),
        };
        format!("{}-fnv-{digest}", self.name())
    }

    /// Returns whether a kept answer or pause with this key belongs to this configuration.
    ///
    /// Before 2026-12 a key was the mode's name and 16 digits of a hash that the standard library
    /// may change. Of such a key only the name counts. A line that uses such an answer keeps it
    /// over an update of this program, until the server answers again.
    #[must_use]
    pub fn matches_key(&self, key: &str) -> bool {
        let is_old = |digest: &str| {
            digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let old = key.strip_prefix(self.name()).and_then(|rest| rest.strip_prefix('-'));
        key == self.key() || old.is_some_and(is_old)
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Hb46pp { .. } => "hb46pp",
            Self::Url(_) => "url",
        }
    }

    /// Returns the methods that an answer may offer.
    pub(crate) fn capabilities(&self) -> &[Capability] {
        match self {
            Self::Off => &[],
            Self::Hb46pp { identity, .. } => identity.capabilities(),
            Self::Url(_) => &[Capability::MapE],
        }
    }
}

/// Returns 16 hexadecimal digits that identify a text without repeating it. The text must not
/// contain a password.
#[must_use]
pub fn digest(text: &str) -> String {
    format!("{:016x}", fnv1a_64(text.as_bytes()))
}

/// A URL that the user entered, in which `{prefix}` stands for the address of the line's prefix and
/// `{length}` for its length.
#[derive(Clone, PartialEq, Eq)]
pub struct UserUrl(Box<str>);

/// Hides the URL, which may contain a secret code.
impl std::fmt::Debug for UserUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserUrl(…)")
    }
}

impl UserUrl {
    /// Checks the URL, with the longest prefix there is in the place of the words in braces.
    ///
    /// # Errors
    /// [`BadUrl`] where it is not a URL that can be requested over IPv6.
    pub fn new(text: &str) -> Result<Self, BadUrl> {
        let url = Self(text.trim().into());
        url.with("2001:db80:2001:db80::", "64").map(|_| url).ok_or(BadUrl)
    }

    fn with(&self, address: &str, length: &str) -> Option<Url> {
        Url::parse(&self.0.replace("{prefix}", address).replace("{length}", length))
    }

    /// Returns the request for a line. If an earlier answer contained an `id`, the request repeats
    /// it as a parameter.
    pub(crate) fn request(&self, prefix: ReceivedPrefix, id: Option<&str>) -> Option<HttpRequest> {
        let net = prefix.net();
        let url = self.with(&net.addr().to_string(), &net.prefix_len().to_string())?;
        let id = id.filter(|_| !url.has_parameter("id"));
        let url = id.map_or(url.clone(), |id| url.with_query(&format!("id={id}")));
        Some(HttpRequest::of_user(url))
    }
}

/// The text is not a URL that can be requested. The error does not repeat it, because it may
/// contain a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provisioning URL is not an http or https URL that can be reached over IPv6")]
pub struct BadUrl;

impl Explain for BadUrl {
    fn explain(&self) -> Explanation {
        Explanation::of_option(
            "provisioning_url",
            "write it like https://server.example/rules?ipv6Prefix={prefix}&ipv6PrefixLength={length}; \
             the server is a name or an IPv6 address, and other special characters are written as %XX",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::cache::Cached;
    use crate::machine::{Event, Machine, Next};

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
        // Keys are kept on flash: changing one discards every answer that was kept under it.
        assert_eq!(modes[0].key(), "url-fnv-6c87771d40b3b226");
        assert_eq!(modes[3].key(), "hb46pp-fnv-0887fe17190644c9");
    }

    #[test]
    fn an_answer_of_an_older_program_is_not_lost() {
        let mode = Mode::Url(UserUrl::new("https://a/").unwrap());
        let other = Mode::Url(UserUrl::new("https://b/").unwrap());
        assert!(mode.matches_key(&mode.key()) && mode.matches_key("url-0123456789abcdef"));
        assert!(!mode.matches_key(&other.key()));
        for key in ["", "url-", "off-0123456789abcdef", "hb46pp-0123456789abcdef", "url-012345678"]
        {
            assert!(!mode.matches_key(key), "{key}");
        }
    }

    /// An update of this program must not take a line's rule away: the answer stays, and it is
    /// requested again and kept under the new key.
    #[test]
    fn an_answer_under_an_old_key_is_used_and_requested_again() {
        let mode = Mode::Url(UserUrl::new("https://a/").unwrap());
        let prefixes: Vec<ReceivedPrefix> = vec!["240b:10:3261:6400::/56".parse().unwrap()];
        let body = br#"{"order":["map_e"],"map_e":{"br":"2001:db8::1","rules":[
            {"ipv6":"240b:10::/32","ipv4":"106.72.0.0/16","ea_length":24}]}}"#;
        let machine = |source: &str| {
            let cached = Cached {
                source: source.to_owned(),
                prefixes: prefixes.clone(),
                answer: Answer::any(body).ok(),
                ..Cached::default()
            };
            Machine::new(mode.clone(), prefixes.clone(), Some(cached), None).unwrap()
        };
        let mut old = machine("url-0123456789abcdef");
        assert!(old.answer().is_some());
        let Next::Sleep(time) = old.step(0, u32::MAX, Event::Wake).next else { panic!("{old:?}") };
        assert!(time <= 600, "{time}");
        assert!(matches!(old.step(time, 0, Event::Wake).next, Next::Get(_)));
        assert_eq!(old.cached().source, mode.key());
        assert!(machine("url-fnv-0123456789abcdef").answer().is_none());
    }
}
