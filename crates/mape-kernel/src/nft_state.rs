//! What of our rules the kernel has in force. It is asked directly: running nft would cost a
//! process and print every map.

use mape_nft::{DropKind, Edge, InterfaceName, ObjectNames};
use nix::errno::Errno;
use serde::Serialize;

use crate::netlink::{Attribute, Attributes, Kernel, Malformed, NetlinkError, Request};

mod admitted;
mod fw4;
mod published;

pub use admitted::admitted;
pub use fw4::{fw4_knows, fw4_stops_published, has_fw4};
pub use published::{pairs, published};

/// Number of the subsystem, and of its messages (`linux/netfilter/nf_tables.h`).
const NFTABLES: u8 = 10;
const GET_RULE: u8 = 7;
const GET_ELEMENTS: u8 = 13;
const GET_FLOWTABLE: u8 = 23;
/// Families of tables.
const ANY: u8 = 0;
const INET: u8 = 1;
const NETDEV: u8 = 5;
/// The table's name is the first attribute of everything.
const TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const LIST_ITEM: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const COUNTER_PACKETS: u16 = 2;
const LOOKUP_SET: u16 = 1;
const CMP_OPERATION: u16 = 2;
const CMP_DATA: u16 = 3;
const NOT_EQUAL: [u8; 4] = [0, 0, 0, 1];
/// Of a device, in bytes, with what fills it up.
const NAME_LENGTH: usize = 16;
const LOOKUP_FLAGS: u16 = 5;
const ELEMENTS_SET: u16 = 2;
const ELEMENTS: u16 = 3;
const ELEMENT_KEY: u16 = 1;
const DATA_VALUE: u16 = 1;

/// The rules of one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Whether anything may pass: the gate is open, and there is an edge.
    pub open: bool,
    /// Where ports are translated; `None` while nothing may pass.
    pub edge: Option<Edge>,
    /// What they have dropped; `None` where there are no counters, or the edge is gone with its
    /// own.
    pub dropped: Option<Drops>,
}

/// Packets dropped since the rules were loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drops {
    /// From the line.
    pub incoming: u64,
    /// To the line.
    pub outgoing: u64,
    /// To the line, by the last check behind all others.
    pub outer: u64,
}

/// What is in force for this interface, whose device has this index. `shared` says whether the line
/// shares its address, so that ports are translated at all.
///
/// # Errors
/// [`NetlinkError`] where the kernel does not tell.
pub fn in_force(
    kernel: &Kernel,
    name: &InterfaceName,
    index: u32,
    shared: bool,
) -> Result<InForce, NetlinkError> {
    let loaded = ObjectNames::of(name);
    let gate = indexes(kernel, ObjectNames::OPEN_INTERFACES)?.contains(&index);
    let common = rules(kernel, "nft-rules", INET, ObjectNames::TABLE)?;
    let own = rules(kernel, &format!("nft-rules-{name}"), NETDEV, &loaded.netdev_table())?;
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
        // Its table is not the gate's: somebody may have deleted just that one.
        (!own.is_empty()).then_some(Edge::Netdev)
    } else if shared && !common.iter().any(|rule| rule.sets.contains(&loaded.translation_map())) {
        Some(Edge::Plain)
    } else {
        Some(Edge::Postrouting)
    };
    let is_lost = gate && edge.is_none();
    Ok(InForce { open: edge.is_some(), edge, dropped: (counts && !is_lost).then_some(dropped) })
}

/// Whether somebody else offloads flows.
///
/// # Errors
/// [`NetlinkError`] where the kernel does not tell.
pub fn offloads(kernel: &Kernel) -> Result<bool, NetlinkError> {
    let all = Request::dump(NFTABLES, GET_FLOWTABLE, ANY);
    let tables = kernel.list("nft-flowtables", &all, |_, attributes| {
        Ok(Attributes::new(attributes).find(TABLE)?.map(text))
    })?;
    Ok(tables.iter().any(|table| table != ObjectNames::TABLE))
}

/// The device indexes that are keys of a map in the common table; none where there is no such map.
fn indexes(kernel: &Kernel, map: &str) -> Result<Vec<u32>, NetlinkError> {
    let request = Request::dump(NFTABLES, GET_ELEMENTS, INET)
        .with_name(TABLE, ObjectNames::TABLE)?
        .with_name(ELEMENTS_SET, map)?;
    let listed = kernel
        .list(&format!("nft-{map}"), &request, |_, attributes| Ok(Some(read_indexes(attributes)?)));
    absent_is_empty(listed).map(|lists| lists.concat())
}

/// The device indexes in a list of elements.
///
/// # Errors
/// [`Malformed`]
pub fn read_indexes(attributes: &[u8]) -> Result<Vec<u32>, Malformed> {
    let elements = Attributes::new(attributes).find(ELEMENTS)?.unwrap_or_default();
    let mut indexes = Vec::new();
    for element in Attributes::new(elements) {
        let Some(key) = element?.nested().find(ELEMENT_KEY)? else { continue };
        let value = Attributes::new(key).find(DATA_VALUE)?.ok_or(Malformed)?;
        // The kernel compares indexes in its own byte order.
        indexes.push(u32::from_ne_bytes(value.try_into().map_err(|_| Malformed)?));
    }
    Ok(indexes)
}

/// What is of interest in a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    chain: String,
    /// Of all its counters.
    packets: u64,
    /// Sets and maps it looks into.
    sets: Vec<String>,
    /// Values that it compares something with.
    compared: Vec<Vec<u8>>,
    /// Whether it is about all but something long, as a device's name is.
    negated: bool,
}

fn rules(
    kernel: &Kernel,
    question: &str,
    family: u8,
    table: &str,
) -> Result<Vec<Rule>, NetlinkError> {
    let request = Request::dump(NFTABLES, GET_RULE, family).with_name(TABLE, table)?;
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
                RULE_CHAIN => rule.chain = text(attribute.value),
                RULE_EXPRESSIONS => {
                    for item in attribute.nested() {
                        let item = item?;
                        if item.kind == LIST_ITEM {
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
        let name = expression.nested().find(EXPRESSION_NAME)?.map(text);
        let data = Attributes::new(expression.nested().find(EXPRESSION_DATA)?.unwrap_or_default());
        match name.as_deref() {
            Some("counter") => {
                let packets = data.find(COUNTER_PACKETS)?.ok_or(Malformed)?;
                let packets = u64::from_be_bytes(packets.try_into().map_err(|_| Malformed)?);
                self.packets = self.packets.saturating_add(packets);
            }
            Some("cmp") => {
                let value = Attributes::new(data.clone().find(CMP_DATA)?.unwrap_or_default());
                let value = value.find(DATA_VALUE)?.map(<[u8]>::to_vec);
                if data.find(CMP_OPERATION)? == Some(&NOT_EQUAL) {
                    // A state of conntrack is compared so too.
                    self.negated |= value.is_some_and(|value| value.len() == NAME_LENGTH);
                } else {
                    self.compared.extend(value);
                }
            }
            Some("lookup") => {
                self.negated |= data.clone().find(LOOKUP_FLAGS)?.is_some_and(|it| it != [0; 4]);
                self.sets.extend(data.find(LOOKUP_SET)?.map(text));
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
