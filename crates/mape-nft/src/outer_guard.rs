//! The outer guard: the last check, on the packet after it has been encapsulated in IPv6.
//!
//! It depends on no device and runs after every other rule, also after flow offload. It therefore
//! holds if one of the others is missing. It can only drop packets, because it cannot correct the
//! inner checksums.
//!
//! Offsets are in bits from the start of the outer IPv6 header: 320 inner version and header
//! length, 368 fragment offset, 392 protocol, 416 source address, 480 source port or ICMP type, 512
//! echo identifier. Of the packet that an ICMP error quotes: 544 version and header length, 616
//! protocol, 704 ICMP type, 720 destination port, 736 echo identifier. The offsets hold without
//! extension headers and inner IP options. The tunnel adds no extension header (no encapsulation
//! limit), and packets with options are dropped.

use mape_core::{IntoVec as _, PortSet};

use crate::interface::Interface;
use crate::text::Object;

pub(crate) fn objects(interface: &Interface) -> Vec<Object> {
    let (mask, network) = interface.dataplane.netmask();
    let source = if mask == u32::MAX {
        format!("@nh,416,32 != {network:#010x} counter drop")
    } else {
        format!("@nh,416,32 & {mask:#010x} != {network:#010x} counter drop")
    };
    let mut rules = vec!["@nh,320,8 != 0x45 counter drop".to_owned(), source];
    let Some(mapping) = interface.dataplane.mapping() else {
        rules.push("accept".to_owned());
        return vec![Object::chain(interface.object_name("outer-guard"), rules)];
    };
    let quoted = interface.object_name("outer-guard-quoted");
    let is_owned = |offset| owned(mapping.set(), offset);
    rules.extend([
        "@nh,368,16 & 0x1fff != 0 accept".to_owned(),
        format!("@nh,392,8 6 {} accept", is_owned(480)),
        format!("@nh,392,8 17 {} accept", is_owned(480)),
        format!("@nh,392,8 1 @nh,480,8 {{ 0, 8 }} {} accept", is_owned(512)),
        format!("@nh,392,8 1 @nh,480,8 {{ 3, 11, 12 }} @nh,544,8 0x45 goto {quoted}"),
        "counter drop".to_owned(),
    ]);
    let errors = vec![
        format!("@nh,616,8 {{ 6, 17 }} {} accept", is_owned(720)),
        format!("@nh,616,8 1 @nh,704,8 {{ 0, 8 }} {} accept", is_owned(736)),
        "counter drop".to_owned(),
    ];
    vec![Object::chain(quoted, errors), Object::chain(interface.object_name("outer-guard"), rules)]
}

/// Returns rules for most packets, which spare them the lookup of the CE. They check all that the
/// guard checks of TCP and UDP. `all` are the interfaces of the machine, if they are known.
///
/// The rarest property is compared first. Packets that are not encapsulated pass here too, so the
/// outer protocol is compared: of a datagram of the router itself, a program writes the other bytes
/// as it likes.
pub(crate) fn short_cuts(interface: &Interface, all: Option<&[Interface]>) -> Vec<String> {
    let dataplane = &interface.dataplane;
    let Some(mapping) = dataplane.mapping() else { return Vec::new() };
    let source = u32::from(dataplane.address());
    let (ce, owned) = (this_ce(interface, all), owned(mapping.set(), 480));
    [17, 6]
        .map(|protocol| {
            format!(
                "@nh,392,8 {protocol} {ce}@nh,48,8 4 @nh,320,8 0x45 @nh,416,32 {source:#010x} \
                 {owned}"
            )
        })
        .to_vec()
}

/// Returns a match on the outer source address that excludes the CE addresses of all other
/// interfaces, and is as cheap as possible: none without other interfaces, else the first 32-bit
/// word that differs from all others, else the whole address.
///
/// The guard itself checks no packet from another address than those, so neither does this match.
fn this_ce(interface: &Interface, all: Option<&[Interface]>) -> String {
    let segments = interface.dataplane.ce().segments();
    let words = |segments: [u16; 8]| {
        let word = |pair: &[u16]| pair.iter().fold(0, |word, it| word << 16 | u32::from(*it));
        segments.chunks(2).map(word).into_vec()
    };
    let own = words(segments);
    if let Some(all) = all {
        let others = all.iter().map(|other| words(other.dataplane.ce().segments()));
        let others = others.filter(|other| *other != own).into_vec();
        if others.is_empty() {
            return String::new();
        }
        for (index, word) in own.iter().enumerate() {
            if others.iter().all(|other| other.get(index) != Some(word)) {
                return format!("@nh,{},32 {word:#010x} ", 64 + 32 * index);
            }
        }
    }
    format!("@nh,64,128 0x{} ", segments.map(|segment| format!("{segment:04x}")).concat())
}

/// Returns a match on the 16 bits at `offset`: they are a port of the set, reserved or not, and not
/// 0.
///
/// A port of the set has the bits of the PSID, and an A that is not 0 (RFC 7597 section 5.1). Two
/// comparisons take a tenth of the time of a lookup in a set of intervals, for every packet.
fn owned(set: PortSet, offset: u16) -> String {
    let parameters = set.parameters();
    let below_a = 0xffff_u16.checked_shr(parameters.offset().into()).unwrap_or(0);
    let below_psid =
        0xffff_u16.checked_shr((parameters.offset() + parameters.psid_len()).into()).unwrap_or(0);
    let psid_mask = below_a & !below_psid;
    let psid = set.psid() << below_psid.count_ones();
    // If the PSID offset is 0 there is no A, and every port except 0 matches.
    let not_zero = if parameters.offset() == 0 { u16::MAX } else { !below_a };
    let field = format!("@nh,{offset},16");
    format!("{field} & {psid_mask:#06x} == {psid:#06x} {field} & {not_zero:#06x} != 0")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;
    use crate::{Dataplane, Edge, Forwards, Offload, Options};
    use mape_core::{Layout, PortParameters, Request, parse_rule, plan};
    use proptest::prelude::*;

    /// A line with the shared address 192.0.2.18. Its CE address has this prefix, and the PSID in
    /// the last word.
    fn line(prefix: Ipv6Addr, psid: u16) -> Interface {
        let rule = format!(
            "ipv6={prefix}/64,br=fd00::1,ipv4=192.0.2.18/32,ea=0,psidlen=6,psid={psid},offset=4"
        );
        let mut request = Request::new(format!("{prefix}/64").parse().unwrap());
        request.explicit.push(parse_rule(&rule, Layout::Draft03).unwrap());
        Interface {
            name: "wan".parse().unwrap(),
            device: "mape-wan".parse().unwrap(),
            index: None,
            dataplane: Dataplane::new(&plan(&request).unwrap(), &[]).unwrap(),
            edge: Edge::Netdev,
            options: Options::default(),
            offload: Offload::default(),
            forwards: Forwards::default(),
        }
    }

    /// Returns whether a rule of raw comparisons matches the packet, which begins with the outer
    /// header.
    fn matches(rule: &str, packet: &[u8]) -> bool {
        let number = |word: &str| match word.strip_prefix("0x") {
            Some(digits) => u128::from_str_radix(digits, 16).unwrap(),
            None => word.parse().unwrap(),
        };
        let mut words = rule.split(' ').peekable();
        while let Some(word) = words.next() {
            let place: Vec<usize> = word
                .strip_prefix("@nh,")
                .unwrap()
                .split(',')
                .map(|it| it.parse().unwrap())
                .collect();
            let bytes = &packet[place[0] / 8..][..place[1] / 8];
            let found = bytes.iter().fold(0, |all, byte| all << 8 | u128::from(*byte));
            let equal = match words.next().unwrap() {
                "&" => {
                    let masked = found & number(words.next().unwrap());
                    let sign = words.next().unwrap();
                    assert!(["==", "!="].contains(&sign));
                    (masked == number(words.next().unwrap())) == (sign == "==")
                }
                value => found == number(value),
            };
            if !equal {
                return false;
            }
        }
        true
    }

    /// UDP from a port of this PSID in the tunnel of this line.
    fn packet(tunnel: &Interface, psid: u16) -> Vec<u8> {
        let mut packet = vec![0_u8; 68];
        packet[6] = 4;
        packet[8..24].copy_from_slice(&tunnel.dataplane.ce().octets());
        (packet[40], packet[49]) = (0x45, 17);
        packet[52..56].copy_from_slice(&[192, 0, 2, 18]);
        packet[60..62].copy_from_slice(&(0x1000 | psid << 6).to_be_bytes());
        packet
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Among any lines of a machine, the short cuts of a line match what belongs to it in its
        /// own tunnel and in no other. The lines have the same address, as few can, so that nothing
        /// else excludes the others.
        #[test]
        fn a_short_cut_is_for_one_tunnel(
            lines in prop::collection::hash_set((0..3_u16, 0..3_u16, 0..3_u16), 1..6),
        ) {
            let lines: Vec<(u16, Interface)> = lines
                .into_iter()
                .map(|(a, b, psid)| {
                    (psid, line(Ipv6Addr::new(0x2001, 0xdb8 + a, 0, b, 0, 0, 0, 0), psid))
                })
                .collect();
            let all: Vec<Interface> = lines.iter().map(|(_, line)| line.clone()).collect();
            for (psid, own) in &lines {
                for known in [Some(all.as_slice()), None] {
                    let rules = short_cuts(own, known);
                    for tunnel in &all {
                        let passes = rules.iter().any(|rule| matches(rule, &packet(tunnel, *psid)));
                        prop_assert_eq!(passes, tunnel.dataplane.ce() == own.dataplane.ce());
                    }
                }
            }
        }
    }

    /// The two comparisons match exactly the ports of the set except 0, for all parameters.
    #[test]
    fn the_bits_of_the_set() {
        let numbers =
            (0..16).flat_map(|offset| (1..=16 - offset).map(move |psid_len| (offset, psid_len)));
        for (offset, psid_len) in numbers {
            let parameters = PortParameters::new(offset, psid_len).unwrap();
            let last = u16::MAX >> (16 - psid_len);
            for psid in [0, 1, last / 3, last] {
                let set = parameters.port_set(psid).unwrap();
                let text = owned(set, 480);
                let words: Vec<u16> = text
                    .split(' ')
                    .filter_map(|word| u16::from_str_radix(word.strip_prefix("0x")?, 16).ok())
                    .collect();
                let [mask, value, not_zero] = words[..] else { panic!("{text}") };
                for port in 0..=u16::MAX {
                    let passes = port & mask == value && port & not_zero != 0;
                    assert_eq!(passes, port != 0 && set.contains(port), "{text}: {port}");
                }
            }
        }
    }
}
