//! What firewall4's table lets through because it is published.

use mape_nft::{Admitted, Bounds};
use nix::errno::Errno;

use super::{DATA_VALUE, ELEMENT_KEY, ELEMENTS, ELEMENTS_SET, GET_ELEMENTS, INET, NFTABLES, TABLE};
use crate::netlink::{Attributes, Kernel, Malformed, NetlinkError, Request};

/// The last key of an interval.
const ELEMENT_KEY_END: u16 = 10;

/// The set's elements, in no order; `None` where there is no such set: firewall4 is not running, or
/// leaves its includes out.
///
/// # Errors
/// [`NetlinkError`] where the kernel does not tell.
pub fn admitted(kernel: &Kernel) -> Result<Option<Vec<Bounds>>, NetlinkError> {
    let request = Request::dump(NFTABLES, GET_ELEMENTS, INET)
        .with_name(TABLE, Admitted::TABLE)?
        .with_name(ELEMENTS_SET, Admitted::SET)?;
    match kernel.list("nft-admitted", &request, |_, attributes| Ok(Some(read(attributes)?))) {
        Ok(lists) => Ok(Some(lists.concat())),
        Err(error) if error.is(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(attributes: &[u8]) -> Result<Vec<Bounds>, Malformed> {
    let elements = Attributes::new(attributes).find(ELEMENTS)?.unwrap_or_default();
    let mut all = Vec::new();
    for element in Attributes::new(elements) {
        let element = element?.nested();
        let key = |kind| -> Result<Option<[u8; 16]>, Malformed> {
            let Some(key) = element.clone().find(kind)? else { return Ok(None) };
            let value = Attributes::new(key).find(DATA_VALUE)?.ok_or(Malformed)?;
            value.try_into().map(Some).map_err(|_| Malformed)
        };
        let Some(first) = key(ELEMENT_KEY)? else { continue };
        all.push([first, key(ELEMENT_KEY_END)?.unwrap_or(first)]);
    }
    Ok(all)
}
