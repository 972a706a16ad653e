//! Reads firewall4's own table.

use mape_nft::Admitted;

use super::{
    NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFT_MSG_GETSETELEM, NFT_MSG_GETTABLE, NFTA_DATA_VALUE,
    NFTA_RULE_TABLE, NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_ELEM_LIST_SET,
    absent_is_empty, rules, text,
};
use crate::netlink::{Attributes, Kernel, Malformed, NetlinkError, Request};

/// The name of its table.
const FW4: &str = "fw4";
const NFTA_SET_ELEM_FLAGS: u16 = 3;
/// In the flags of an element: it ends a range.
const NFT_SET_ELEM_INTERVAL_END: u32 = 1;

/// Whether firewall4 has loaded its table.
///
/// # Errors
/// [`NetlinkError`] if the kernel does not answer.
pub fn has_fw4(kernel: &Kernel) -> Result<bool, NetlinkError> {
    let all = Request::dump(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, NFPROTO_INET);
    let names = kernel.list("nft-tables", &all, |_, attributes| {
        Ok(Attributes::new(attributes).find(NFTA_RULE_TABLE)?.map(text))
    })?;
    Ok(names.iter().any(|name| name == FW4))
}

/// Whether firewall4 has loaded its rules without the one that accepts published connections. It
/// then drops them, because no zone accepts them.
///
/// # Errors
/// [`NetlinkError`] if the kernel does not answer.
pub fn fw4_stops_published(kernel: &Kernel) -> Result<bool, NetlinkError> {
    let rules = rules(kernel, "nft-rules-fw4", NFPROTO_INET, FW4)?;
    let lets_in = rules.iter().any(|rule| rule.sets.iter().any(|set| set == Admitted::SET));
    Ok(!rules.is_empty() && !lets_in)
}

/// Whether a rule of its chain `chain` is about packets of the device: it compares with the name,
/// or looks into a set that has it.
///
/// # Errors
/// [`NetlinkError`] if the kernel does not answer.
pub fn fw4_knows(kernel: &Kernel, chain: &str, device: &str) -> Result<bool, NetlinkError> {
    for rule in rules(kernel, "nft-rules-fw4", NFPROTO_INET, FW4)? {
        if rule.chain != chain {
            continue;
        }
        // A name that ends with a wildcard is compared without the zero at its end.
        let is_it = |name: &Vec<u8>| match name.split(|byte| *byte == 0).next() {
            Some(name) if name == device.as_bytes() => true,
            _ => !name.is_empty() && device.as_bytes().starts_with(name),
        };
        // A rule for all devices except some is not evaluated. It counts as a match.
        if rule.negated || rule.compared.iter().any(is_it) {
            return Ok(true);
        }
        for set in &rule.sets {
            if set_has(kernel, set, device)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn set_has(kernel: &Kernel, set: &str, device: &str) -> Result<bool, NetlinkError> {
    let request = Request::dump(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM, NFPROTO_INET)
        .with_name(NFTA_RULE_TABLE, FW4)?
        .with_name(NFTA_SET_ELEM_LIST_SET, set)?;
    let listed = kernel.list(&format!("nft-fw4-{set}"), &request, |_, attributes| {
        Ok(Some(read_names(attributes)?))
    });
    let names = absent_is_empty(listed)?.concat();
    // Ranges are wildcards: one begins with what stands before the `*`.
    let ranges = names.iter().any(|(_, ends)| *ends);
    Ok(names.iter().any(|(name, ends)| {
        name == device || (ranges && !ends && !name.is_empty() && device.starts_with(name.as_str()))
    }))
}

/// The keys of a list of elements as names, and whether each of them ends a range.
fn read_names(attributes: &[u8]) -> Result<Vec<(String, bool)>, Malformed> {
    let elements =
        Attributes::new(attributes).find(NFTA_SET_ELEM_LIST_ELEMENTS)?.unwrap_or_default();
    let mut names = Vec::new();
    for element in Attributes::new(elements) {
        let element = element?;
        let Some(key) = element.nested().find(NFTA_SET_ELEM_KEY)? else { continue };
        let key = Attributes::new(key).find(NFTA_DATA_VALUE)?.unwrap_or_default();
        let flags = element.nested().find(NFTA_SET_ELEM_FLAGS)?.and_then(|it| it.try_into().ok());
        let ends =
            flags.is_some_and(|flags| u32::from_be_bytes(flags) & NFT_SET_ELEM_INTERVAL_END != 0);
        let name = key.split(|byte| *byte == 0).next().unwrap_or_default();
        names.push((text(name), ends));
    }
    Ok(names)
}
