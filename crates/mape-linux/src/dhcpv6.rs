//! MAP-E rules that a DHCPv6 client of this machine received (RFC 7598).
//!
//! dhcpcd passes the option S46 MAP-E container as hexadecimal digits to its hooks; ours
//! (`files/linux/hooks/dhcpcd`) keeps them as `94=DIGITS` in a file of the uplink. The rules are
//! written in odhcp6c's words and read by the parser of a router.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};

use mape_core::{Quoted, Rule, parse_dhcpv6_rule};
use mape_firewall::Env;
use mape_system::files;

/// `OPTION_S46_RULE`, `OPTION_S46_BR`, `OPTION_S46_PORTPARAMS` (RFC 7598 section 4).
const RULE: u16 = 89;
const BR: u16 = 90;
const PORT_PARAMETERS: u16 = 93;
/// The container of MAP-E, number 94.
const CONTAINER: &str = "94=";
/// The offset of a rule without port parameters (RFC 7597 section 5.1).
const DEFAULT_OFFSET: u8 = 6;
/// Extension of the files.
const EXTENSION: &str = "s46";

/// Returns the rules of all uplinks.
pub(super) fn rules(env: &Env) -> Vec<Rule> {
    let entries = fs::read_dir(&env.run).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    paths.sort_unstable();
    paths.iter().flat_map(|path| rules_in(&files::text(path).unwrap_or_default())).collect()
}

/// Returns the rules in the text of one file. A rule that cannot be read is left out, and the
/// others stay.
#[must_use]
pub fn rules_in(file: &str) -> Vec<Rule> {
    let read = |text: String| match parse_dhcpv6_rule(&text) {
        Ok(rule) => Some(rule),
        Err(error) => {
            log::debug!("a rule of DHCPv6 is left out: {error}; it is {}", Quoted::new(&text));
            None
        }
    };
    texts(file).into_iter().filter_map(read).collect()
}

/// Returns the rules of a file in odhcp6c's words.
fn texts(file: &str) -> Vec<String> {
    let containers = file.split_ascii_whitespace().filter_map(|word| word.strip_prefix(CONTAINER));
    containers.filter_map(bytes).flat_map(|container| container_texts(&container)).collect()
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    // `from_str_radix` accepts a sign.
    let is_whole = digits.len() % 2 == 0 && digits.iter().all(u8::is_ascii_hexdigit);
    is_whole.then(|| digits.chunks_exact(2).map(byte).collect())?
}

fn container_texts(container: &[u8]) -> Vec<String> {
    let of = |wanted| options(container).filter(move |(code, _)| *code == wanted);
    let mut brs = String::new();
    for octets in of(BR).filter_map(|(_, data)| <[u8; 16]>::try_from(data).ok()) {
        // Writing into a `String` cannot fail.
        let _ = write!(brs, "br={},", Ipv6Addr::from(octets));
    }
    of(RULE).filter_map(|(_, data)| Some(rule_text(data)? + &brs)).collect()
}

/// A rule without its BRs. `None` if it is cut off.
fn rule_text(data: &[u8]) -> Option<String> {
    let ([_flags, ea_len, ipv4_len], data) = split(data)?;
    let (ipv4, data): ([u8; 4], _) = split(data)?;
    let ([ipv6_len], data) = split(data)?;
    let (prefix, more) = data.split_at_checked(usize::from(ipv6_len).div_ceil(8))?;
    let mut ipv6 = [0; 16];
    ipv6.get_mut(..prefix.len())?.copy_from_slice(prefix);
    let parameters = options(more).find(|(code, _)| *code == PORT_PARAMETERS);
    let parameters = parameters.and_then(|(_, data)| <[u8; 4]>::try_from(data).ok());
    let [offset, psid_len, high, low] = parameters.unwrap_or([DEFAULT_OFFSET, 0, 0, 0]);
    // The PSID stands on the left of its field.
    let psid = u16::from_be_bytes([high, low]);
    let psid = psid.checked_shr(16_u32.saturating_sub(psid_len.into())).unwrap_or(0);
    let (ipv4, ipv6) = (Ipv4Addr::from(ipv4), Ipv6Addr::from(ipv6));
    Some(format!(
        "type=map-e,ealen={ea_len},prefix4len={ipv4_len},prefix6len={ipv6_len},ipv4prefix={ipv4},\
         ipv6prefix={ipv6},offset={offset},psidlen={psid_len},psid={psid},"
    ))
}

/// The options one after the other, with their codes; what is cut off is left out.
fn options(mut data: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let ([code_high, code_low, len_high, len_low], rest) = split(data)?;
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let (own, rest) = rest.split_at_checked(len)?;
        data = rest;
        Some((u16::from_be_bytes([code_high, code_low]), own))
    })
}

fn split<const N: usize>(data: &[u8]) -> Option<([u8; N], &[u8])> {
    let (first, rest) = data.split_at_checked(N)?;
    Some((first.try_into().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    /// As dhcpcd 9.4.1 passed it: sent by dnsmasq 2.90 as `option6:94`, written by hand after RFC
    /// 7598.
    const V6PLUS: &str = "0059001400190f6a4800001f240b0010005d000404000000005a0010\
                          24049200022501000000000000000064";

    #[test]
    fn a_container_becomes_the_rule_of_the_table() {
        let texts = texts(&format!("94={V6PLUS}\n"));
        assert_eq!(
            texts,
            ["type=map-e,ealen=25,prefix4len=15,prefix6len=31,ipv4prefix=106.72.0.0,\
             ipv6prefix=240b:10::,offset=4,psidlen=0,psid=0,br=2404:9200:225:100::64,"]
        );
        let rule = parse_dhcpv6_rule(&texts[0]).unwrap();
        assert_eq!((rule.ea_len(), rule.port_parameters().offset()), (25, 4));
        assert_eq!(rule.ipv4().to_string(), "106.72.0.0/15");
    }

    #[test]
    fn port_parameters_and_brs_are_optional_and_may_be_many() {
        let br = "20010db8000000000000000000000001";
        let plain = "0059000c00190f6a4800001f240b0010";
        let plain = texts(&format!("94={plain}005a0010{br}005a0010{br}"));
        assert_eq!(plain.len(), 1);
        assert!(plain[0].contains("offset=6,psidlen=0,psid=0,br=2001:db8::1,br=2001:db8::1,"));
        // A PSID of 0x34 in 8 bits stands on the left of 16.
        let shared = "0059001400002012345678 20 240b0010 005d0004 06083400".replace(' ', "");
        let shared = texts(&format!("94={shared}005a0010{br}"));
        assert!(shared[0].contains("offset=6,psidlen=8,psid=52,"), "{shared:?}");
    }

    #[test]
    fn what_is_cut_off_or_no_container_counts_for_nothing() {
        for length in 0..V6PLUS.len() {
            for text in texts(&format!("94={}", &V6PLUS[..length])) {
                assert!(parse_dhcpv6_rule(&text).is_err(), "{length}: {text}");
            }
        }
        for text in ["", "94=", "94=zz", "95=0059", "type=map-e,ealen=25", "94=é0", "94=+0+0+0+0"]
        {
            assert!(texts(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn the_files_of_all_links_count() {
        let run = std::env::temp_dir().join(format!("mape-s46-{}", std::process::id()));
        fs::create_dir_all(&run).unwrap();
        let run = Scratch::of(run);
        let env = Env { run: run.to_path_buf(), ..Env::default() };
        assert!(rules(&env).is_empty());
        fs::write(run.join("eth0.s46"), format!("94={V6PLUS}\n")).unwrap();
        fs::write(run.join("eth1.s46"), "94=0059\n").unwrap();
        assert_eq!(rules(&env).len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_container_is_read_or_left_out(container: Vec<u8>) {
            for text in container_texts(&container) {
                let _ = parse_dhcpv6_rule(&text);
            }
        }
    }
}
