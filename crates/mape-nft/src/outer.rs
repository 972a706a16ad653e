//! The last check, on the packet as it leaves inside IPv6.
//!
//! It depends on no device and comes behind every other stage, also behind flow offload, so it holds
//! where one of them is missing. It can only drop: the inner checksums cannot be corrected there.
//!
//! Offsets are bits from the outer IPv6 header on: 320 inner version and header length, 368 fragment
//! offset, 392 protocol, 416 source address, 480 source port or ICMP type, 512 echo identifier; of an
//! error's quoted packet 544 version and header length, 616 protocol, 704 ICMP type, 720 destination
//! port, 736 echo identifier. They hold without extension headers and inner IP options; the tunnel
//! adds none (no encapsulation limit) and packets with options are dropped.

use crate::edge_rules::list;
use crate::interface::Interface;
use crate::section::Object;

pub(crate) fn objects(interface: &Interface) -> Vec<Object> {
    let (mask, network) = interface.line.netmask();
    let source = if mask == u32::MAX {
        format!("@nh,416,32 != {network:#010x} counter drop")
    } else {
        format!("@nh,416,32 & {mask:#010x} != {network:#010x} counter drop")
    };
    let mut rules = vec!["@nh,320,8 != 0x45 counter drop".to_owned(), source];
    let Some(mapping) = interface.line.mapping() else {
        rules.push("accept".to_owned());
        return vec![Object::chain(interface.own("check"), rules)];
    };
    let (owned, quoted) = (interface.own("check_owned"), interface.own("check_quoted"));
    rules.extend([
        "@nh,368,16 & 0x1fff != 0 accept".to_owned(),
        format!("@nh,392,8 {{ 6, 17 }} @nh,480,16 @{owned} accept"),
        format!("@nh,392,8 1 @nh,480,8 {{ 0, 8 }} @nh,512,16 @{owned} accept"),
        format!("@nh,392,8 1 @nh,480,8 {{ 3, 11, 12 }} @nh,544,8 0x45 goto {quoted}"),
        "counter drop".to_owned(),
    ]);
    let errors = vec![
        format!("@nh,616,8 {{ 6, 17 }} @nh,720,16 @{owned} accept"),
        format!("@nh,616,8 1 @nh,704,8 {{ 0, 8 }} @nh,736,16 @{owned} accept"),
        "counter drop".to_owned(),
    ];
    vec![
        Object::elements(
            "set",
            owned.clone(),
            "typeof @nh,480,16\nflags interval",
            &list(mapping.owned()),
        ),
        Object::chain(quoted, errors),
        Object::chain(interface.own("check"), rules),
    ]
}
