//! Hides addresses and identifiers of a line, for reports that are shown to others.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Returns the text without the identifying parts: the last two bytes of IPv4 addresses, all after
/// the second word of IPv6 addresses, all after the eighth digit of long hexadecimal numbers.
#[must_use]
pub fn redact(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    // Text of other scripts stands next to an address without a blank.
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        shown += before;
        let word = before.ends_with(is_word);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (token, after) = from.split_at(end);
        let part_of_a_word = word || after.starts_with(is_word);
        let trimmed = token.trim_end_matches(['.', ':']);
        let (hidden, tail) = match of_token(token) {
            None => (of_token(trimmed), token.get(trimmed.len()..).unwrap_or_default()),
            hidden => (hidden, ""),
        };
        match hidden.filter(|_| !part_of_a_word) {
            Some(hidden) => {
                shown += &hidden;
                shown += tail;
            }
            None => shown += token,
        }
        rest = after;
    }
    shown + rest
}

fn of_token(token: &str) -> Option<String> {
    if let Ok(address) = token.parse::<Ipv4Addr>() {
        let [a, b, ..] = address.octets();
        return Some(format!("{a}.{b}.x.x"));
    }
    if let Some((Ok(address), port)) =
        token.split_once(':').map(|(address, port)| (address.parse::<Ipv4Addr>(), port))
    {
        let [a, b, ..] = address.octets();
        return Some(format!("{a}.{b}.x.x:{port}"));
    }
    // "::" identifies no line.
    let address = token.parse::<Ipv6Addr>().ok();
    if let Some(address) = address.filter(|address| address.segments()[0] != 0) {
        let [a, b, ..] = address.segments();
        return Some(format!("{a:x}:{b:x}:x"));
    }
    let is_number = token.len() >= 12 && token.chars().all(|c| c.is_ascii_hexdigit());
    is_number.then(|| format!("{}…", token.get(..8).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hidden_and_nothing_else() {
        for (text, shown) in [
            ("240b:10:3261:6400::/56 on wan6", "240b:10:x/56 on wan6"),
            ("the CE 240b:10:3261:6400:6a:4832:6100:6400.", "the CE 240b:10:x."),
            (
                "106.72.50.97 and 106.72.50.97:443, (106.72.50.97).",
                "106.72.x.x and 106.72.x.x:443, (106.72.x.x).",
            ),
            ("because: fe80::1", "because: fe80:0:x"),
            ("set 00030001aabbccddeeff now", "set 00030001… now"),
            (
                "12 packets, 1460 bytes, a.b, face: it is added",
                "12 packets, 1460 bytes, a.b, face: it is added",
            ),
            ("version 1.2.3.", "version 1.2.3."),
            ("MAPE_UBUS: dead", "MAPE_UBUS: dead"),
            ("route ::/0 and 0.0.0.0/0", "route ::/0 and 0.0.x.x/0"),
            ("宛先は106.72.50.97です", "宛先は106.72.x.xです"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }
}
