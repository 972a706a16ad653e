//! The TXT record that says where the provisioning server is (HB46PP 1.1 section 3.1).

use crate::url::{Scheme, Url, may_be_led_to};

/// The name whose TXT record names the server. Only the resolvers of the uplink are queried,
/// because the answer differs from network to network.
pub(crate) const DISCOVERY_NAME: &str = "4over6.info";

/// Longest record read, in bytes.
const MAX_RECORD: usize = 4096;

/// One TXT record: its character strings, in the order of the answer.
pub type TxtRecord = Vec<Vec<u8>>;

/// The provisioning server that the network announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// The URL of the server.
    pub url: Url,
    /// `t=b`: the certificate has to be verified. It is set with `https` only.
    pub verify: bool,
}

impl Discovered {
    /// Reads the records of an answer and ignores those of other protocols.
    ///
    /// Returns `None` where there is no usable record, or where two differ: the standard has one
    /// record, and neither would take precedence.
    #[must_use]
    pub(crate) fn of_records(records: &[TxtRecord]) -> Option<Self> {
        let mut found = None;
        for record in records {
            let text = String::from_utf8(record.concat()).ok()?;
            if !text.split_ascii_whitespace().any(|word| word.starts_with("v=v6mig-")) {
                continue;
            }
            let discovered = Self::parse(&text)?;
            if found.as_ref().is_some_and(|other| *other != discovered) {
                return None;
            }
            found = Some(discovered);
        }
        found
    }

    /// Reads one record, `v=v6mig-1 url=<URL> t=<a|b>`, in any order. Unknown keys are ignored.
    ///
    /// Returns `None` where a key is missing or occurs twice, or where the certificate of an `http`
    /// server is to be verified.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_RECORD {
            return None;
        }
        let (mut version, mut url, mut kind) = (None, None, None);
        for pair in text.split_ascii_whitespace() {
            let (key, value) = pair.split_once('=')?;
            let slot = match key {
                "v" => &mut version,
                "url" => &mut url,
                "t" => &mut kind,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        if version != Some("v6mig-1") {
            return None;
        }
        let url = Url::parse(url?)?;
        if url.host().parse().is_ok_and(|address| !may_be_led_to(address, &[])) {
            return None;
        }
        let verify = match kind? {
            "a" => false,
            "b" => true,
            _ => return None,
        };
        (url.scheme() == Scheme::Https || !verify).then_some(Self { url, verify })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Option<(String, bool)> {
        Discovered::parse(text).map(|found| (found.url.to_string(), found.verify))
    }

    #[test]
    fn the_example_of_the_standard() {
        assert_eq!(
            one("v=v6mig-1 url=https://vne.example.jp/rule.cgi t=b"),
            Some(("https://vne.example.jp/rule.cgi".to_owned(), true))
        );
    }

    #[test]
    fn order_blanks_and_new_keys_do_not_matter() {
        for text in [
            "t=a url=http://a/ v=v6mig-1",
            " v=v6mig-1  url=http://a/\tt=a ",
            "v=v6mig-1 url=http://a/ t=a new=1 more=",
        ] {
            assert_eq!(one(text), Some(("http://a/".to_owned(), false)), "{text}");
        }
        assert!(!one("v=v6mig-1 url=https://a/?x=1&t=b t=a").unwrap().1);
    }

    #[test]
    fn a_malformed_record_is_none() {
        for text in [
            "",
            "v=v6mig-1",
            "v=v6mig-1 url=https://a/",
            "v=v6mig-1 t=b",
            "url=https://a/ t=b",
            "v=v6mig-2 url=https://a/ t=b",
            "v=v6mig-10 url=https://a/ t=b",
            "V=v6mig-1 url=https://a/ t=b",
            "v=v6mig-1 url=https://a/ t=c",
            "v=v6mig-1 url=https://a/ t=B",
            "v=v6mig-1 url=http://a/ t=b",
            "v=v6mig-1 url=ftp://a/ t=a",
            "v=v6mig-1 url=https://192.0.2.1/ t=b",
            "v=v6mig-1 url=https://[fd00::1]/ t=b",
            "v=v6mig-1 url= t=b",
            "v=v6mig-1 url=https://a/ t=b t=b",
            "v=v6mig-1 url=https://a/ url=https://b/ t=b",
            "v=v6mig-1 url=https://a/ t=b word",
            "\"v=v6mig-1 url=https://a/ t=b\"",
            "v=v6mig-1,url=https://a/,t=b",
        ] {
            assert_eq!(one(text), None, "{text}");
        }
        let long = format!("v=v6mig-1 url=https://a/ t=b x={}", "x".repeat(MAX_RECORD));
        assert_eq!(one(&long), None);
    }

    #[test]
    fn the_fragments_of_a_record_are_joined_as_they_stand() {
        let record = |parts: &[&str]| parts.iter().map(|part| part.as_bytes().to_vec()).collect();
        let whole: TxtRecord = record(&["v=v6mig-1 url=https://a/ t=b"]);
        let cut: TxtRecord = record(&["v=v6mig-1 url=htt", "ps://a/", " t=b"]);
        let other: TxtRecord = record(&["v=spf1 -all"]);
        let second: TxtRecord = record(&["v=v6mig-1 url=https://b/ t=b"]);
        let broken: TxtRecord = record(&["v=v6mig-1 url=https://b/"]);
        let found = Discovered::of_records(std::slice::from_ref(&whole));
        assert!(found.is_some());
        assert_eq!(Discovered::of_records(std::slice::from_ref(&cut)), found);
        assert_eq!(Discovered::of_records(&[other.clone(), cut, whole.clone()]), found);
        assert_eq!(Discovered::of_records(&[whole.clone(), second]), None);
        assert_eq!(Discovered::of_records(&[whole.clone(), broken]), None);
        assert_eq!(Discovered::of_records(&[other]), None);
        assert_eq!(Discovered::of_records(&[vec![vec![0xff]], whole]), None);
        assert_eq!(Discovered::of_records(&[]), None);
    }
}
