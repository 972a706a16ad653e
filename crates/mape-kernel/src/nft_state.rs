//! Reads back which of mape-rs's rules are loaded, and inserts the short cuts again. It talks to
//! the kernel through netlink, because nft would cost a process and print every map.

use mape_nft::{DropKind, Edge, InterfaceName, ObjectNames};
use nix::errno::Errno;
use serde::Serialize;

use crate::netlink::{
    Attribute, Attributes, Kernel, Malformed, NFNL_SUBSYS_NFTABLES, NetlinkError, Request,
};

mod admitted;
mod content;
mod flowtables;
mod fw4;
mod published;
mod short_cuts;

pub use admitted::admitted;
pub use content::{Content, Part, content};
pub use flowtables::flowtables_of_others;
pub use fw4::{fw4_knows, fw4_stops_published, has_fw4};
pub use published::{pairs, published};
pub use short_cuts::{ShortCuts, generation};

/// Numbers of the messages (`linux/netfilter/nf_tables.h`).
const NFT_MSG_GETTABLE: u8 = 1;
const NFT_MSG_GETRULE: u8 = 7;
const NFT_MSG_GETSETELEM: u8 = 13;
const NFT_MSG_GETFLOWTABLE: u8 = 23;
/// Families of tables.
const NFPROTO_UNSPEC: u8 = 0;
const NFPROTO_INET: u8 = 1;
const NFPROTO_NETDEV: u8 = 5;
/// The table's name is the first attribute of everything.
const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_COUNTER_PACKETS: u16 = 2;
const NFTA_LOOKUP_SET: u16 = 1;
const NFTA_CMP_OP: u16 = 2;
const NFTA_CMP_DATA: u16 = 3;
const NFT_CMP_NEQ: [u8; 4] = [0, 0, 0, 1];
/// Length of a device's name in bytes, with padding.
const IFNAMSIZ: usize = 16;
const NFTA_LOOKUP_FLAGS: u16 = 5;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_DATA_VALUE: u16 = 1;

/// The rules of one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Whether packets may pass: the device index is in `open_interfaces`, and there is an edge.
    pub open: bool,
    /// Where ports are translated; `None` while no packet may pass.
    pub edge: Option<Edge>,
    /// Dropped packets; `None` if there are no counters, or the edge was deleted with its counters.
    pub dropped: Option<Drops>,
}

/// Packets dropped since the rules were loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drops {
    /// Packets from the line.
    pub incoming: u64,
    /// Packets to the line.
    pub outgoing: u64,
    /// Packets to the line, dropped by the outer guard.
    pub outer: u64,
}

/// Returns what is loaded for this interface, whose device has this index. `shared` says whether
/// the line shares its address, and its ports are therefore translated.
///
/// # Errors
/// [`NetlinkError`] if the kernel does not answer.
pub fn in_force(
    kernel: &Kernel,
    name: &InterfaceName,
    index: u32,
    shared: bool,
) -> Result<InForce, NetlinkError> {
    let loaded = ObjectNames::of(name);
    let gate = indexes(kernel, ObjectNames::OPEN_INTERFACES)?.contains(&index);
    let common = rules(kernel, "nft-rules", NFPROTO_INET, ObjectNames::TABLE)?;
    let own = rules(kernel, &format!("nft-rules-{name}"), NFPROTO_NETDEV, &loaded.netdev_table())?;
    let (mut dropped, mut counts) = (Drops::default(), false);
    let counted = common.iter().map(|rule| (loaded.in_common_table(&rule.chain), rule));
    for (what, rule) in
        counted.chain(own.iter().map(|rule| (loaded.in_netdev_table(&rule.chain), rule)))
    {
        counts |= what.is_some();
        match what {
            Some(DropKind::Incoming) => dropped.incoming += rule.packets,
            Some(DropKind::Outgoing) => dropped.outgoing += rule.packets,
            Some(DropKind::Outer) => dropped.outer += rule.packets,
            None => {}
        }
    }
    let edge = if !gate {
        None
    } else if !indexes(kernel, ObjectNames::EDGE_INTERFACES)?.contains(&index) {
        // The edge has a table of its own, which another program may have deleted alone.
        (!own.is_empty()).then_some(Edge::Netdev)
    } else if shared && !common.iter().any(|rule| rule.sets.contains(&loaded.translation_map())) {
        Some(Edge::Plain)
    } else {
        Some(Edge::Postrouting)
    };
    let is_lost = gate && edge.is_none();
    Ok(InForce { open: edge.is_some(), edge, dropped: (counts && !is_lost).then_some(dropped) })
}

/// Returns the device indexes that are keys of a map in the common table; none if the map does not
/// exist.
fn indexes(kernel: &Kernel, map: &str) -> Result<Vec<u32>, NetlinkError> {
    let request = Request::dump(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM, NFPROTO_INET)
        .with_name(NFTA_RULE_TABLE, ObjectNames::TABLE)?
        .with_name(NFTA_SET_ELEM_LIST_SET, map)?;
    let listed = kernel
        .list(&format!("nft-{map}"), &request, |_, attributes| Ok(Some(read_indexes(attributes)?)));
    absent_is_empty(listed).map(|lists| lists.concat())
}

/// The device indexes in a list of elements.
///
/// # Errors
/// [`Malformed`]
pub fn read_indexes(attributes: &[u8]) -> Result<Vec<u32>, Malformed> {
    let elements =
        Attributes::new(attributes).find(NFTA_SET_ELEM_LIST_ELEMENTS)?.unwrap_or_default();
    let mut indexes = Vec::new();
    for element in Attributes::new(elements) {
        let Some(key) = element?.nested().find(NFTA_SET_ELEM_KEY)? else { continue };
        let value = Attributes::new(key).find(NFTA_DATA_VALUE)?.ok_or(Malformed)?;
        // The kernel compares indexes in its own byte order.
        indexes.push(u32::from_ne_bytes(value.try_into().map_err(|_| Malformed)?));
    }
    Ok(indexes)
}

/// The parts of a rule that are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    chain: String,
    /// Sum of its counters.
    packets: u64,
    /// Sets and maps it looks into.
    sets: Vec<String>,
    /// Values that it compares something with.
    compared: Vec<Vec<u8>>,
    /// Whether it matches everything except a device's name or the content of a set.
    negated: bool,
}

fn rules(
    kernel: &Kernel,
    question: &str,
    family: u8,
    table: &str,
) -> Result<Vec<Rule>, NetlinkError> {
    let request = Request::dump(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETRULE, family)
        .with_name(NFTA_RULE_TABLE, table)?;
    absent_is_empty(
        kernel.list(question, &request, |_, attributes| Ok(Some(Rule::read(attributes)?))),
    )
}

impl Rule {
    /// Reads the attributes of a rule.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn read(attributes: &[u8]) -> Result<Self, Malformed> {
        let mut rule = Self::default();
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                NFTA_RULE_CHAIN => rule.chain = text(attribute.value),
                NFTA_RULE_EXPRESSIONS => {
                    for item in attribute.nested() {
                        let item = item?;
                        if item.kind == NFTA_LIST_ELEM {
                            rule.expression(item)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(rule)
    }

    fn expression(&mut self, expression: Attribute<'_>) -> Result<(), Malformed> {
        let name = expression.nested().find(NFTA_EXPR_NAME)?.map(text);
        let data = Attributes::new(expression.nested().find(NFTA_EXPR_DATA)?.unwrap_or_default());
        match name.as_deref() {
            Some("counter") => {
                let packets = data.find(NFTA_COUNTER_PACKETS)?.ok_or(Malformed)?;
                let packets = u64::from_be_bytes(packets.try_into().map_err(|_| Malformed)?);
                self.packets = self.packets.saturating_add(packets);
            }
            Some("cmp") => {
                let value = Attributes::new(data.clone().find(NFTA_CMP_DATA)?.unwrap_or_default());
                let value = value.find(NFTA_DATA_VALUE)?.map(<[u8]>::to_vec);
                if data.find(NFTA_CMP_OP)? == Some(&NFT_CMP_NEQ) {
                    // The length tells a name from a conntrack state, which a rule can compare in
                    // the same way.
                    self.negated |= value.is_some_and(|value| value.len() == IFNAMSIZ);
                } else {
                    self.compared.extend(value);
                }
            }
            Some("lookup") => {
                self.negated |=
                    data.clone().find(NFTA_LOOKUP_FLAGS)?.is_some_and(|it| it != [0; 4]);
                self.sets.extend(data.find(NFTA_LOOKUP_SET)?.map(text));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A name without the zero at its end.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned()
}

/// A table or map that does not exist has nothing in it.
fn absent_is_empty<T>(listed: Result<Vec<T>, NetlinkError>) -> Result<Vec<T>, NetlinkError> {
    match listed {
        Err(error) if error.is(Errno::ENOENT) => Ok(Vec::new()),
        listed => listed,
    }
}
