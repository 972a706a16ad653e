//! Reads the set of accepted port forwards in firewall4's table.

use mape_nft::{Admitted, Bounds};
use nix::errno::Errno;

use super::{
    NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFT_MSG_GETSETELEM, NFTA_DATA_VALUE, NFTA_RULE_TABLE,
    NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_ELEM_LIST_SET,
};
use crate::netlink::{Attributes, Kernel, Malformed, NetlinkError, Request};

/// The last key of an interval.
const NFTA_SET_ELEM_KEY_END: u16 = 10;

/// Returns the elements of firewall4's set `mape_rs_published`, in no order; `None` if the set does
/// not exist, because firewall4 is not running or loads no includes (`auto_includes 0`).
///
/// # Errors
/// [`NetlinkError`] if the kernel does not answer.
pub fn admitted(kernel: &Kernel) -> Result<Option<Vec<Bounds>>, NetlinkError> {
    let request = Request::dump(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM, NFPROTO_INET)
        .with_name(NFTA_RULE_TABLE, Admitted::TABLE)?
        .with_name(NFTA_SET_ELEM_LIST_SET, Admitted::SET)?;
    match kernel.list("nft-admitted", &request, |_, attributes| Ok(Some(read(attributes)?))) {
        Ok(lists) => Ok(Some(lists.concat())),
        Err(error) if error.is(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(attributes: &[u8]) -> Result<Vec<Bounds>, Malformed> {
    let elements =
        Attributes::new(attributes).find(NFTA_SET_ELEM_LIST_ELEMENTS)?.unwrap_or_default();
    let mut all = Vec::new();
    for element in Attributes::new(elements) {
        let element = element?.nested();
        let key = |kind| -> Result<Option<[u8; 16]>, Malformed> {
            let Some(key) = element.clone().find(kind)? else { return Ok(None) };
            let value = Attributes::new(key).find(NFTA_DATA_VALUE)?.ok_or(Malformed)?;
            value.try_into().map(Some).map_err(|_| Malformed)
        };
        let Some(first) = key(NFTA_SET_ELEM_KEY)? else { continue };
        all.push([first, key(NFTA_SET_ELEM_KEY_END)?.unwrap_or(first)]);
    }
    Ok(all)
}
