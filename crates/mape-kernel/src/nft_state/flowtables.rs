//! Reads the flowtables of other programs.

use mape_nft::ObjectNames;

use super::{
    NFNL_SUBSYS_NFTABLES, NFPROTO_UNSPEC, NFT_MSG_GETFLOWTABLE, NFTA_LIST_ELEM, NFTA_RULE_TABLE,
    text,
};
use crate::netlink::{Attributes, Kernel, Malformed, NetlinkError, Request};

const NFTA_FLOWTABLE_HOOK: u16 = 3;
const NFTA_FLOWTABLE_HOOK_DEVS: u16 = 3;
const NFTA_FLOWTABLE_FLAGS: u16 = 7;
/// In the flags: the devices themselves forward the packets, if they can.
const NFT_FLOWTABLE_HW_OFFLOAD: u32 = 1;

/// Returns the devices between which other programs offload connections in software; `None` if no
/// other program has a flowtable. The devices of a flowtable for hardware are not among them.
///
/// # Errors
/// [`NetlinkError`] if the kernel does not answer.
pub fn flowtables_of_others(kernel: &Kernel) -> Result<Option<Vec<String>>, NetlinkError> {
    let all = Request::dump(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETFLOWTABLE, NFPROTO_UNSPEC);
    let tables =
        kernel.list("nft-flowtables", &all, |_, attributes| Ok(devices_of_other(attributes)?))?;
    if tables.is_empty() {
        return Ok(None);
    }
    let mut devices = Vec::new();
    for device in tables.into_iter().flatten() {
        if !devices.contains(&device) {
            devices.push(device);
        }
    }
    Ok(Some(devices))
}

/// Returns the devices of a flowtable; `None` if it is ours.
fn devices_of_other(attributes: &[u8]) -> Result<Option<Vec<String>>, Malformed> {
    let (mut is_ours, mut is_for_hardware, mut devices) = (false, false, Vec::new());
    for attribute in Attributes::new(attributes) {
        let attribute = attribute?;
        match attribute.kind {
            NFTA_RULE_TABLE => is_ours = text(attribute.value) == ObjectNames::TABLE,
            NFTA_FLOWTABLE_HOOK => {
                let names = attribute.nested().find(NFTA_FLOWTABLE_HOOK_DEVS)?.unwrap_or_default();
                for name in Attributes::new(names) {
                    let name = name?;
                    // A prefix, which newer kernels have beside names, is of another kind.
                    if name.kind == NFTA_LIST_ELEM {
                        devices.push(text(name.value));
                    }
                }
            }
            NFTA_FLOWTABLE_FLAGS => {
                is_for_hardware = attribute.word()? & NFT_FLOWTABLE_HW_OFFLOAD != 0;
            }
            _ => {}
        }
    }
    if is_for_hardware {
        devices.clear();
    }
    Ok((!is_ours).then_some(devices))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NFTA_FLOWTABLE_NAME: u16 = 2;
    const NFTA_FLOWTABLE_HOOK_NUM: u16 = 1;
    const NFTA_DEVICE_PREFIX: u16 = 2;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(value.len() + 4).unwrap();
        let mut bytes = [len.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn flowtable(table: &str, devices: &[(u16, &str)], flags: u32) -> Vec<u8> {
        let name = |name: &str| [name.as_bytes(), &[0]].concat();
        let devices = devices.iter().flat_map(|(kind, device)| attribute(*kind, &name(device)));
        let devices = attribute(NFTA_FLOWTABLE_HOOK_DEVS, &devices.collect::<Vec<u8>>());
        let hook = [attribute(NFTA_FLOWTABLE_HOOK_NUM, &[0; 4]), devices].concat();
        [
            attribute(NFTA_RULE_TABLE, &name(table)),
            attribute(NFTA_FLOWTABLE_NAME, &name("ft")),
            attribute(NFTA_FLOWTABLE_HOOK, &hook),
            attribute(NFTA_FLOWTABLE_FLAGS, &flags.to_be_bytes()),
        ]
        .concat()
    }

    #[test]
    fn devices_of_others_are_read() {
        let ports = [(NFTA_LIST_ELEM, "lan1"), (NFTA_DEVICE_PREFIX, "phy"), (1, "wan")];
        for (table, flags, expected) in [
            ("fw4", 0, Some(vec!["lan1".to_owned(), "wan".to_owned()])),
            // For hardware; the other flag is `counter`.
            ("fw4", 3, Some(Vec::new())),
            ("fw4", 2, Some(vec!["lan1".to_owned(), "wan".to_owned()])),
            (ObjectNames::TABLE, 0, None),
        ] {
            let found = devices_of_other(&flowtable(table, &ports, flags)).unwrap();
            assert_eq!(found, expected, "{table} {flags}");
        }
        assert!(devices_of_other(&[9, 0, 1, 0]).is_err());
    }
}
