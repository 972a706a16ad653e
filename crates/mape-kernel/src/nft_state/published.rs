//! Which ports lead to hosts, as the kernel has it.

use std::net::{Ipv4Addr, SocketAddrV4};

use mape_nft::{InterfaceName, ObjectNames, Published, Transport};

use super::{
    DATA_VALUE, ELEMENT_KEY, ELEMENTS, ELEMENTS_SET, EXPRESSION_DATA, EXPRESSION_NAME,
    GET_ELEMENTS, GET_RULE, INET, LIST_ITEM, LOOKUP_SET, NFTABLES, RULE_CHAIN, RULE_EXPRESSIONS,
    TABLE, absent_is_empty, indexes, text,
};
use crate::netlink::{Attributes, Kernel, Malformed, NetlinkError, Request};

const ELEMENT_DATA: u16 = 2;
/// Where a map's answer goes; a set has none.
const LOOKUP_DESTINATION: u16 = 3;
const COMPARE_DATA: u16 = 3;

/// What is published on this interface, whose device has this index; nothing while it is shut.
///
/// # Errors
/// [`NetlinkError`] where the kernel does not tell.
pub fn published(
    kernel: &Kernel,
    name: &InterfaceName,
    index: u32,
) -> Result<Vec<Published>, NetlinkError> {
    if !indexes(kernel, ObjectNames::OPEN_INTERFACES)?.contains(&index) {
        return Ok(Vec::new());
    }
    let chain = ObjectNames::of(name).forwards_chain();
    let request = Request::dump(NFTABLES, GET_RULE, INET).with_name(TABLE, ObjectNames::TABLE)?;
    let maps = absent_is_empty(
        kernel.list("nft-rules", &request, |_, attributes| Ok(map(&chain, attributes)?)),
    )?;
    let mut all = Vec::new();
    for (transport, map) in maps {
        let request = Request::dump(NFTABLES, GET_ELEMENTS, INET)
            .with_name(TABLE, ObjectNames::TABLE)?
            .with_name(ELEMENTS_SET, &map)?;
        let pairs = kernel
            .list(&format!("nft-{map}"), &request, |_, attributes| Ok(Some(pairs(attributes)?)));
        let pairs = absent_is_empty(pairs)?.concat();
        all.extend(pairs.into_iter().map(|(port, host)| Published { transport, port, host }));
    }
    Ok(all)
}

/// The protocol of such a rule of this chain, and the name of the map that it looks into.
fn map(chain: &str, rule: &[u8]) -> Result<Option<(Transport, String)>, Malformed> {
    if Attributes::new(rule).find(RULE_CHAIN)?.map(text).as_deref() != Some(chain) {
        return Ok(None);
    }
    let (mut transport, mut map) = (None, None);
    let expressions = Attributes::new(rule).find(RULE_EXPRESSIONS)?.unwrap_or_default();
    for item in Attributes::new(expressions) {
        let item = item?;
        if item.kind != LIST_ITEM {
            continue;
        }
        let name = item.nested().find(EXPRESSION_NAME)?.map(text);
        let data = || Ok(Attributes::new(item.nested().find(EXPRESSION_DATA)?.unwrap_or_default()));
        match name.as_deref() {
            Some("cmp") => {
                let value = data()?.find(COMPARE_DATA)?.unwrap_or_default();
                transport = transport.or(match Attributes::new(value).find(DATA_VALUE)? {
                    Some([6]) => Some(Transport::Tcp),
                    Some([17]) => Some(Transport::Udp),
                    _ => None,
                });
            }
            Some("lookup") if data()?.find(LOOKUP_DESTINATION)?.is_some() => {
                map = data()?.find(LOOKUP_SET)?.map(text);
            }
            _ => {}
        }
    }
    Ok(transport.zip(map))
}

/// Ports and the hosts that they lead to, in a list of elements.
///
/// # Errors
/// [`Malformed`]
pub fn pairs(attributes: &[u8]) -> Result<Vec<(u16, SocketAddrV4)>, Malformed> {
    let elements = Attributes::new(attributes).find(ELEMENTS)?.unwrap_or_default();
    let mut pairs = Vec::new();
    for element in Attributes::new(elements) {
        let element = element?.nested();
        let value = |kind| match element.clone().find(kind)? {
            Some(value) => Attributes::new(value).find(DATA_VALUE),
            None => Ok(None),
        };
        let (Some(key), Some(data)) = (value(ELEMENT_KEY)?, value(ELEMENT_DATA)?) else { continue };
        // A port; an address and a port, each filled up to 4 bytes.
        let ([high, low, ..], [a, b, c, d, first, second, ..]) = (key, data) else {
            return Err(Malformed);
        };
        let host =
            SocketAddrV4::new(Ipv4Addr::new(*a, *b, *c, *d), u16::from_be_bytes([*first, *second]));
        pairs.push((u16::from_be_bytes([*high, *low]), host));
    }
    Ok(pairs)
}
