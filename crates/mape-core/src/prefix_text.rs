//! Reads a prefix from pasted text: a line of `ip`, `ifconfig`, `ipconfig` or a web page.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::prefix::{PrefixError, ReceivedPrefix};
use crate::text::{Quoted, decimal};

impl FromStr for ReceivedPrefix {
    type Err = PrefixError;

    /// Reads `240b:10:3261:6400::/56`, a /64, or an address, which stands for its /64. The text may
    /// be a whole line of a program or a page, if it contains one prefix only.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let text = text.trim();
        match read(text) {
            // The only address in the text is a link-local one.
            Some(Ok(prefix)) if text.contains('%') && prefix.is_link_local() => {
                Err(PrefixError::Zone(Quoted::new(text)))
            }
            Some(Err(PrefixError::Length(len))) => {
                Err(length_as_typed(text).unwrap_or(PrefixError::Length(len)))
            }
            Some(read) => read,
            None => Err(length_as_typed(text).unwrap_or_else(|| {
                let address = text.split('/').next().unwrap_or_default();
                match address.parse::<Ipv4Addr>() {
                    Ok(_) => PrefixError::Ipv4(Quoted::new(text)),
                    Err(_) => PrefixError::NotIpv6(Quoted::new(text)),
                }
            })),
        }
    }
}

/// Returns the error about the length where the whole text is an address and a length. The error
/// shows everything after the slash.
fn length_as_typed(text: &str) -> Option<PrefixError> {
    let (address, len) = text.split_once('/')?;
    address.parse::<Ipv6Addr>().ok()?;
    Some(PrefixError::Length(Quoted::new(len)))
}

/// Returns the only prefix in the text. Returns `None` where there is none, or where a fragment of
/// an address beside it could belong to it.
///
/// Quotes, brackets, labels (`Prefix: …`), the zone of a global address and full-width characters
/// are ignored. Addresses that no line has, such as link-local ones, count only where there is no
/// other.
fn read(text: &str) -> Option<Result<ReceivedPrefix, PrefixError>> {
    let text: String = text.chars().map(half_width).collect();
    let in_word = |char: char| char.is_ascii_alphanumeric() || ":./%_-".contains(char);
    let mut words = Vec::new();
    for word in text.split(|char| !in_word(char)) {
        let word = word.trim_matches('.');
        if !word.is_empty() {
            words.push(word);
        }
    }
    // A narrow column shows `240b:10:3261:64...`.
    let is_cut = ["..", "…", "*"].iter().any(|it| text.contains(it));
    let mut found: Option<(Ipv6Addr, Result<ReceivedPrefix, PrefixError>)> = None;
    for (number, word) in words.iter().enumerate() {
        let Some((address, len)) = address(word) else { continue };
        if is_cut && !word.contains("::") && word.matches(':').count() < 7 {
            return None;
        }
        let next = words.get(number + 1).copied().unwrap_or_default();
        let before = number.checked_sub(1).and_then(|before| words.get(before).copied());
        let (len, next) = match (len, next.strip_prefix('/'), next) {
            // `[ADDRESS]/56`
            (None, Some(len), _) => (Some(len), ""),
            // ifconfig
            (None, None, "prefixlen") => (words.get(number + 2).copied(), ""),
            (len, _, next) => (len, next),
        };
        if is_piece(next) || before.is_some_and(is_piece) {
            return None;
        }
        let read = prefix(address, len);
        match &found {
            Some((known, _)) if !is_local(*known) && is_local(address) => {}
            Some((known, other)) if is_local(*known) == is_local(address) && *other != read => {
                return Some(Err(PrefixError::Several(Quoted::new(&text))));
            }
            _ => found = Some((address, read)),
        }
    }
    found.map(|(_, read)| read)
}

fn prefix(address: Ipv6Addr, len: Option<&str>) -> Result<ReceivedPrefix, PrefixError> {
    let number = match len {
        None => Some(128),
        Some(len) => decimal(len, 128).and_then(|len| u8::try_from(len).ok()),
    };
    let bad = || PrefixError::Length(Quoted::new(len.unwrap_or_default()));
    ReceivedPrefix::new(address, number.ok_or_else(bad)?)
}

/// Returns the address and the length in a word, which may begin with a label.
fn address(word: &str) -> Option<(Ipv6Addr, Option<&str>)> {
    let (text, len) = word.split_once('/').map_or((word, None), |(text, len)| (text, Some(len)));
    let len = len.map(|len| len.split('%').next().unwrap_or_default().trim_end_matches([':', '.']));
    let text = text.split('%').next().unwrap_or_default();
    let read = text.parse().ok().or_else(|| four_groups(text));
    let label = || {
        let (label, rest) = word.split_once(':')?;
        address(rest).filter(|_| is_label(label))
    };
    read.map(|address| (address, len)).or_else(label)
}

/// Returns whether the text before a colon is a word like `IPv6`. It is not where it is a mistyped
/// first group (`24O0`) or ends in one (`wan-2400`): the rest would be read as a different address.
fn is_label(text: &str) -> bool {
    let behind = text.rsplit(|char: char| !char.is_ascii_hexdigit()).next().unwrap_or_default();
    let is_group = behind.len() > 2 && behind.contains(|char: char| char.is_ascii_digit());
    text.is_empty()
        || (behind != text && !is_group && !text.starts_with(|it: char| it.is_ascii_digit()))
}

/// Reads `240b:10:3261:6400`, the 64 bits of a subnet without the `::` at the end.
fn four_groups(text: &str) -> Option<Ipv6Addr> {
    let whole = text.split(':').count() == 4 && !text.contains("::");
    whole.then(|| format!("{text}::").parse().ok()).flatten()
}

/// Returns whether a word can be a fragment of an address that was split: digits and colons.
fn is_piece(word: &str) -> bool {
    if address(word).is_some() {
        return false;
    }
    let word = word.split('/').next().unwrap_or_default();
    word.contains(|char: char| char.is_ascii_digit() || char == ':')
        && word.contains(|char: char| char.is_ascii_hexdigit())
        && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
}

/// Returns whether the address is loopback, link-local or unique local, as interfaces have beside
/// the line's.
fn is_local(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_loopback() || first & 0xfe == 0xfc || first == 0xfe && second >> 6 == 2
}

/// Returns the ASCII character for a full-width one, as Japanese keyboards write them.
fn half_width(char: char) -> char {
    match char {
        '\u{ff01}'..='\u{ff5e}' => {
            u32::from(char).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(char)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Explain as _};

    fn parse(text: &str) -> Result<String, PrefixError> {
        text.parse::<ReceivedPrefix>().map(|prefix| prefix.to_string())
    }

    #[test]
    fn what_routers_show_is_read() {
        for (text, prefix) in [
            ("240b:10:3261:6400::/56", "240b:10:3261:6400::/56"),
            ("240b:10:3261:6400::/64", "240b:10:3261:6400::/64"),
            ("240B:0010:3261:6400::", "240b:10:3261:6400::/64"),
            (" 240b:10:3251:6400:4c72:9eff:feeb:18cf ", "240b:10:3251:6400::/64"),
            ("240b:10:3251:6400:4c72:9eff:feeb:18cf/64", "240b:10:3251:6400::/64"),
            ("240b:10:3251:6410::abcd/128", "240b:10:3251:6410::/64"),
            ("240b:10:3251:6410::1/60", "240b:10:3251:6410::/60"),
            ("240b:10::/31", "240b:10::/31"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(prefix), "{text}");
        }
    }

    #[test]
    fn bad_text_names_itself() {
        let sentence = |text: &str| parse(text).map_err(|error| error.to_string()).unwrap_err();
        assert_eq!(sentence("hello"), "\"hello\" is not an IPv6 prefix");
        assert_eq!(sentence(""), "\"\" is not an IPv6 prefix");
        assert!(sentence("106.72.50.97").contains("is IPv4"));
        assert!(sentence("106.72.0.0/15").contains("is IPv4"));
        assert!(sentence("fe80::1%eth0").contains("zone"));
        for length in ["65", "127", "129", "", "x", "+56", "5 6", "-1", "256", "56/64", "it's"] {
            let text = format!("240b:10:3261:6400::/{length}");
            let expected = format!(
                "the prefix length {} is neither 0 to 64 nor the 128 of a single address",
                Quoted::new(length)
            );
            assert_eq!(sentence(&text), expected);
        }
        assert_eq!(
            sentence("240b:10:3251:6410::5/56"),
            "240b:10:3251:6410::/56 has bits set after its length"
        );
        let hint = parse("240b:10:3251:6410::5/56").unwrap_err().hint();
        assert!(hint.contains("240b:10:3251:6400::/56") && hint.contains("240b:10:3251:6410::/64"));
    }

    #[test]
    fn errors_carry_the_value() {
        for (text, value) in [
            ("x", "x"),
            ("1.2.3.4/8", "1.2.3.4/8"),
            ("fe80::1%1", "fe80::1%1"),
            ("2001:db8::/70", "70"),
            ("2001:db8:0:1::/56", "2001:db8:0:1::/56"),
        ] {
            let error = parse(text).unwrap_err();
            let expected = vec![("option", "prefix".to_owned()), ("value", value.to_owned())];
            assert_eq!((error.code(), error.params()), (Code::OptionInvalid, expected));
        }
    }

    #[test]
    fn what_programs_and_pages_print_is_read() {
        let (line, subnet) = ("240b:10:3261:6400::/56", "240b:10:3261:6400::/64");
        for (text, prefix) in [
            // ip -6 addr, ip -o, ip route, ifconfig new, old and of BSD
            ("    inet6 240b:10:3261:6400::1/64 scope global dynamic noprefixroute ", subnet),
            (
                "2: eth0    inet6 240b:10:3261:6400:a:b:c:d/64 scope global \\  valid_lft 86sec",
                subnet,
            ),
            ("inet6 240b:10:3261:6400::1/128 scope global", subnet),
            ("240b:10:3261:6400::/56 dev eth0 proto ra metric 100", line),
            ("240b:10:3261:6400::/56 via fe80::1 dev eth0", line),
            ("inet6 240b:10:3261:6400::1  prefixlen 64  scopeid 0x0<global>", subnet),
            ("inet6 addr: 240b:10:3261:6400::1/64 Scope:Global", subnet),
            ("inet6 240b:10:3261:6400::1 prefixlen 64 autoconf secured", subnet),
            ("inet6 fe80::1%en0 prefixlen 64\ninet6 240b:10:3261:6400::1 prefixlen 64", subnet),
            // ipconfig
            ("   IPv6 Address. . . . . . . . . . . : 240B:10:3261:6400::1(Preferred)", subnet),
            ("   IPv6 アドレス . . . . . . . . . . .: 240b:10:3261:6400::1(優先)", subnet),
            // a stable and a temporary address of one subnet
            ("240b:10:3261:6400:1::1/64 240b:10:3261:6400:2::2/64", subnet),
            // LuCI, a script's variable, dhclient, people
            ("IPv6-PD: 240b:10:3261:6400::/56", line),
            ("Prefix:240b:10:3261:6400::/56", line),
            ("IPv6:240b:10:3261:6400::/56", line),
            ("eth10:240b:10:3261:6400::/56", line),
            ("PREFIXES=240b:10:3261:6400::/56", line),
            ("  iaprefix 240b:10:3261:6400::/56 {", line),
            ("option ip6prefix '240b:10:3261:6400::/56'", line),
            ("\"240b:10:3261:6400::/56\"", line),
            ("「240b:10:3261:6400::/56」。", line),
            ("[240b:10:3261:6400::]/56", line),
            ("240b:10:3261:6400:: /56", line),
            ("240b:10:3261:6400::/56.", line),
            ("240b:10:3261:6400::1%eth0", subnet),
            ("240b:10:3261:6400::1%eth0/64", subnet),
            ("240b:10:3261:6400", subnet),
            ("240B:0010:3261:6400/56", line),
            ("２４０ｂ：１０：３２６１：６４００：：／５６", line),
            ("プレフィックス：240b:10:3261:6400::/56", line),
            ("\u{3000}240b:10:3261:6400::/56\u{200b}", line),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(prefix), "{text}");
        }
    }

    #[test]
    fn what_could_mean_two_things_is_refused_by_name() {
        for text in [
            "240b:10:3261: 6400::/56",
            "240b: 10:3261:6400::/56",
            "240b:10 :3261:6400::",
            "240b:10:3261:6400::/56 240b:10:3261:6500::/56",
            "240b:10:3261:6400::/56 2400:4050::/56",
            "240b:10:3261:6400:: 56",
            "240b:10:3261:6400::/5 6",
            "[240b:10:3261:6400::1]:443",
            "240b:10:3261",
            "240b:10:3261/48",
            "240b:10:3261:64xx::/56",
            "240b:10:3261:6400:*",
            "240b:10:3261:64...",
            "240b:10:3261:64…",
            "24O0:2411:1234:5600::/56",
            "z400:2411:1234:5600::/56",
            "PD-2400:2411:1234:5600::/56",
            "wan_2400:2411:1234:5600::/56",
            "inet 192.168.1.1/24",
            "prefix",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.hint().is_empty(), "{text}");
            let shown = error.params().pop().unwrap().1;
            assert!(!shown.is_empty() && text.contains(&shown), "{text}: {error}");
        }
        let several = parse("240b:10::/56 2400:4050::/56").unwrap_err().to_string();
        assert_eq!(several, "\"240b:10::/56 2400:4050::/56\" contains more than one prefix");
        // Bits after the length are a mistake of the user, and reported.
        let error = parse("inet6 240b:10:3251:6410::5/56 scope global").unwrap_err().to_string();
        assert_eq!(error, "240b:10:3251:6410::/56 has bits set after its length");
        let zone = parse("inet6 fe80::1%eth0/64 scope link").unwrap_err();
        assert!(matches!(zone, PrefixError::Zone(_)), "{zone}");
    }
}
