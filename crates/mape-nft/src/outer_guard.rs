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

use mape_core::PortSet;

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
/// guard checks of TCP and UDP, except that the inner address belongs to this CE and not to another
/// line's.
///
/// The rarest property is compared first. Packets that are not encapsulated pass here too, so the
/// outer protocol is compared: of a datagram of the router itself, a program writes the other bytes
/// as it likes.
pub(crate) fn short_cuts(interface: &Interface) -> Vec<String> {
    let dataplane = &interface.dataplane;
    let Some(mapping) = dataplane.mapping() else { return Vec::new() };
    let source = u32::from(dataplane.address());
    let owned = owned(mapping.set(), 480);
    [17, 6]
        .map(|protocol| {
            format!(
                "@nh,392,8 {protocol} @nh,48,8 4 @nh,320,8 0x45 @nh,416,32 {source:#010x} {owned}"
            )
        })
        .to_vec()
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
    use super::*;
    use mape_core::PortParameters;

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
