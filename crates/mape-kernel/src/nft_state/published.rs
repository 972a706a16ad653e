//! Reads the published ports that the kernel has loaded.

use std::net::{Ipv4Addr, SocketAddrV4};

use mape_nft::{InterfaceName, ObjectNames, Published, Transport};

use super::{
    NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFT_MSG_GETRULE, NFT_MSG_GETSETELEM, NFTA_DATA_VALUE,
    NFTA_EXPR_DATA, NFTA_EXPR_NAME, NFTA_LIST_ELEM, NFTA_LOOKUP_SET, NFTA_RULE_CHAIN,
    NFTA_RULE_EXPRESSIONS, NFTA_RULE_TABLE, NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_LIST_ELEMENTS,
    NFTA_SET_ELEM_LIST_SET, absent_is_empty, indexes, text,
};
use crate::netlink::{Attributes, Kernel, Malformed, NetlinkError, Request};

const NFTA_SET_ELEM_DATA: u16 = 2;
/// Where a map's answer goes; a set has none.
const NFTA_LOOKUP_DREG: u16 = 3;
const NFTA_CMP_DATA: u16 = 3;

/// Returns the published ports of this interface, whose device has this index; none while it is
/// closed.
///
/// # Errors
/// [`NetlinkError`] if the kernel does not answer.
pub fn published(
    kernel: &Kernel,
    name: &InterfaceName,
    index: u32,
) -> Result<Vec<Published>, NetlinkError> {
    if !indexes(kernel, ObjectNames::OPEN_INTERFACES)?.contains(&index) {
        return Ok(Vec::new());
    }
    let chain = ObjectNames::of(name).forwards_chain();
    let request = Request::dump(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETRULE, NFPROTO_INET)
        .with_name(NFTA_RULE_TABLE, ObjectNames::TABLE)?;
    let maps = absent_is_empty(
        kernel.list("nft-rules", &request, |_, attributes| Ok(map(&chain, attributes)?)),
    )?;
    let mut all = Vec::new();
    for (transport, map) in maps {
        let request = Request::dump(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM, NFPROTO_INET)
            .with_name(NFTA_RULE_TABLE, ObjectNames::TABLE)?
            .with_name(NFTA_SET_ELEM_LIST_SET, &map)?;
        let pairs = kernel
            .list(&format!("nft-{map}"), &request, |_, attributes| Ok(Some(pairs(attributes)?)));
        let pairs = absent_is_empty(pairs)?.concat();
        all.extend(pairs.into_iter().map(|(port, host)| Published { transport, port, host }));
    }
    Ok(all)
}

/// The protocol of such a rule of this chain, and the name of the map that it looks into.
fn map(chain: &str, rule: &[u8]) -> Result<Option<(Transport, String)>, Malformed> {
    if Attributes::new(rule).find(NFTA_RULE_CHAIN)?.map(text).as_deref() != Some(chain) {
        return Ok(None);
    }
    let (mut transport, mut map) = (None, None);
    let expressions = Attributes::new(rule).find(NFTA_RULE_EXPRESSIONS)?.unwrap_or_default();
    for item in Attributes::new(expressions) {
        let item = item?;
        if item.kind != NFTA_LIST_ELEM {
            continue;
        }
        let name = item.nested().find(NFTA_EXPR_NAME)?.map(text);
        let data = || Ok(Attributes::new(item.nested().find(NFTA_EXPR_DATA)?.unwrap_or_default()));
        match name.as_deref() {
            Some("cmp") => {
                let value = data()?.find(NFTA_CMP_DATA)?.unwrap_or_default();
                transport = transport.or(match Attributes::new(value).find(NFTA_DATA_VALUE)? {
                    Some([6]) => Some(Transport::Tcp),
                    Some([17]) => Some(Transport::Udp),
                    _ => None,
                });
            }
            Some("lookup") if data()?.find(NFTA_LOOKUP_DREG)?.is_some() => {
                map = data()?.find(NFTA_LOOKUP_SET)?.map(text);
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
    let elements =
        Attributes::new(attributes).find(NFTA_SET_ELEM_LIST_ELEMENTS)?.unwrap_or_default();
    let mut pairs = Vec::new();
    for element in Attributes::new(elements) {
        let element = element?.nested();
        let value = |kind| match element.clone().find(kind)? {
            Some(value) => Attributes::new(value).find(NFTA_DATA_VALUE),
            None => Ok(None),
        };
        let (Some(key), Some(data)) = (value(NFTA_SET_ELEM_KEY)?, value(NFTA_SET_ELEM_DATA)?)
        else {
            continue;
        };
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
