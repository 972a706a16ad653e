//! Reduces what the kernel has of mape-rs's tables to hashes, so that any change is noticed.
//!
//! Handles, positions and counters are left out: firewall4 gives the rules of our static text new
//! handles in each reload. Of the sets and maps, only the small ones that lead packets to the rules
//! are read. Those of the edge have a thousand elements each, and no element of them leads to a
//! rule.

use mape_core::fnv1a_64;
use mape_nft::ObjectNames;

use super::{
    NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFPROTO_NETDEV, NFPROTO_UNSPEC, NFT_MSG_GETFLOWTABLE,
    NFT_MSG_GETRULE, NFT_MSG_GETSETELEM, NFT_MSG_GETTABLE, NFTA_EXPR_NAME, NFTA_LIST_ELEM,
    NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS, NFTA_RULE_TABLE, NFTA_SET_ELEM_KEY,
    NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_ELEM_LIST_SET, ShortCuts, absent_is_empty, text,
};
use crate::netlink::{Attributes, Kernel, Malformed, NetlinkError, Request};

const NFT_MSG_GETCHAIN: u8 = 4;
const NFTA_TABLE_NAME: u16 = 1;
const NFTA_TABLE_FLAGS: u16 = 2;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_FLOWTABLE_NAME: u16 = 2;
const NFTA_FLOWTABLE_HOOK: u16 = 3;
const NFTA_RULE_USERDATA: u16 = 7;
const NFTA_SET_ELEM_DATA: u16 = 2;

/// What the kernel has of mape-rs's tables: tables, chains, rules, and the elements that lead
/// packets to the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Those that are not rules, then the rules in their order.
    parts: Vec<Part>,
}

/// The part of a table, a chain, a rule or a list of elements that [`content`] compares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    hash: u64,
    family: u8,
    /// The table that it is or belongs to.
    table: String,
    /// If it is a rule of a chain that begins with short cuts: the chain's place in
    /// [`ObjectNames::GUARDS`].
    guard: Option<usize>,
    /// The rule's expressions, as the kernel lists them, if it is one of such a chain.
    expressions: Vec<u8>,
    /// Whether it is the rule with the marker of a load.
    is_marker: bool,
}

impl Content {
    /// Returns whether a load has left its marker. Without it, no text of the loader is loaded.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.parts.iter().any(|part| part.is_marker)
    }

    /// Returns one hash for everything except the first `skipped` rules in each chain of
    /// [`ObjectNames::GUARDS`]; `None` if one of these chains has no other rules.
    #[must_use]
    pub fn hash(&self, skipped: [usize; 2]) -> Option<u64> {
        let (mut left, mut bytes) = (skipped.map(Some), Vec::new());
        for part in &self.parts {
            let counter = part.guard.and_then(|guard| left.get_mut(guard));
            match counter {
                Some(Some(count @ 1..)) => *count -= 1,
                counter => {
                    // `None` shows that the chain has another rule.
                    counter.map(Option::take);
                    bytes.extend(part.hash.to_ne_bytes());
                }
            }
        }
        (left == [None; 2]).then(|| fnv1a_64(&bytes))
    }

    /// Returns the first rules of each chain of [`ObjectNames::GUARDS`], these numbers of them.
    #[must_use]
    pub fn short_cuts(&self, counts: [usize; 2]) -> ShortCuts {
        let mut rules = Vec::new();
        for (guard, count) in counts.into_iter().enumerate() {
            let of_guard = self.parts.iter().filter(|part| part.guard == Some(guard));
            for part in of_guard.take(count) {
                rules.push((guard, part.expressions.clone()));
            }
        }
        ShortCuts::new(rules)
    }
}

/// Reads what is loaded. Each list is complete or an error, but another program can change the
/// rules between two lists.
///
/// # Errors
/// [`NetlinkError`] if the kernel does not answer.
pub fn content(kernel: &Kernel) -> Result<Content, NetlinkError> {
    let dump = |message, family| Request::dump(NFNL_SUBSYS_NFTABLES, message, family);
    let list = |question: &str, request: &Request, read: Reader| {
        kernel.list(question, request, |family, attributes| Ok(read(family, attributes)?))
    };
    let mut parts =
        list("nft-own-tables", &dump(NFT_MSG_GETTABLE, NFPROTO_UNSPEC), Part::of_table)?;
    let tables = parts.clone();
    let chains = dump(NFT_MSG_GETCHAIN, NFPROTO_UNSPEC);
    parts.extend(list("nft-chains", &chains, Part::of_chain)?);
    let flowtables = dump(NFT_MSG_GETFLOWTABLE, NFPROTO_UNSPEC);
    parts.extend(list("nft-flowtables", &flowtables, Part::of_flowtable)?);
    for map in ObjectNames::VERDICT_MAPS {
        let request = dump(NFT_MSG_GETSETELEM, NFPROTO_INET)
            .with_name(NFTA_RULE_TABLE, ObjectNames::TABLE)?
            .with_name(NFTA_SET_ELEM_LIST_SET, map)?;
        let lists = list(&format!("nft-{map}"), &request, Part::of_elements);
        // The kernel may list elements in any order, in one message or more.
        let sum = |sum: u64, part: &Part| sum.wrapping_add(part.hash);
        let hash = absent_is_empty(lists)?.iter().fold(0, sum);
        parts.push(Part { hash, ..Part::default() });
    }
    for table in &tables {
        let request =
            dump(NFT_MSG_GETRULE, table.family).with_name(NFTA_RULE_TABLE, &table.table)?;
        parts.extend(list(&format!("nft-rules-{}", table.table), &request, Part::of_rule)?);
    }
    Ok(Content { parts })
}

/// Reads one item of a list; `None` if it is not ours. One type of reader, so that the program has
/// the code of [`Kernel::list`] once.
type Reader = fn(u8, &[u8]) -> Result<Option<Part>, Malformed>;

/// Returns the table that a table or a chain belongs to, if it is one of ours.
fn own_table(family: u8, attributes: &[u8]) -> Result<Option<String>, Malformed> {
    let name = Attributes::new(attributes).find(NFTA_TABLE_NAME)?.map(text);
    Ok(name.filter(|name| match family {
        NFPROTO_INET => name == ObjectNames::TABLE,
        NFPROTO_NETDEV => name.starts_with(ObjectNames::NETDEV_PREFIX),
        _ => false,
    }))
}

impl Part {
    fn of_table(family: u8, attributes: &[u8]) -> Result<Option<Self>, Malformed> {
        Self::of_own_table(family, attributes, &[NFTA_TABLE_NAME, NFTA_TABLE_FLAGS])
    }

    fn of_chain(family: u8, attributes: &[u8]) -> Result<Option<Self>, Malformed> {
        let kinds = [NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY];
        Self::of_own_table(family, attributes, &kinds)
    }

    /// Reads a flowtable with its devices. A device that is deleted leaves it.
    fn of_flowtable(family: u8, attributes: &[u8]) -> Result<Option<Self>, Malformed> {
        let kinds = [NFTA_CHAIN_TABLE, NFTA_FLOWTABLE_NAME, NFTA_FLOWTABLE_HOOK];
        Self::of_own_table(family, attributes, &kinds)
    }

    fn of_own_table(
        family: u8,
        attributes: &[u8],
        kinds: &[u16],
    ) -> Result<Option<Self>, Malformed> {
        let Some(table) = own_table(family, attributes)? else { return Ok(None) };
        let hash = hash(attributes, kinds)?;
        Ok(Some(Self { hash, family, table, ..Self::default() }))
    }

    /// Reads the attributes of a rule. Its hash covers table, chain, comment, and the expressions
    /// without the values of counters.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn of_rule(family: u8, attributes: &[u8]) -> Result<Option<Self>, Malformed> {
        // Grown step by step, it took a twelfth of the time of a load that changes nothing.
        let mut bytes = Vec::with_capacity(2 * attributes.len());
        append(&mut bytes, attributes, &[NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_USERDATA])?;
        let all = Attributes::new(attributes);
        let expressions = all.clone().find(NFTA_RULE_EXPRESSIONS)?.unwrap_or_default();
        for expression in Attributes::new(expressions) {
            let expression = expression?;
            let name = expression.nested().find(NFTA_EXPR_NAME)?;
            if expression.kind == NFTA_LIST_ELEM && name == Some(b"counter\0") {
                // Its values change with each packet.
                bytes.extend(b"counter\0");
            } else {
                put(&mut bytes, expression.kind, expression.value);
            }
        }
        let chain = all.find(NFTA_RULE_CHAIN)?.map(text).unwrap_or_default();
        let guard = ObjectNames::GUARDS.iter().position(|guard| *guard == chain);
        Ok(Some(Self {
            hash: fnv1a_64(&bytes),
            family,
            guard,
            expressions: if guard.is_some() { expressions.to_vec() } else { Vec::new() },
            is_marker: chain == ObjectNames::MARKER_CHAIN,
            ..Self::default()
        }))
    }

    /// Reads a list of elements. Its hash does not depend on their order.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn of_elements(family: u8, attributes: &[u8]) -> Result<Option<Self>, Malformed> {
        let elements =
            Attributes::new(attributes).find(NFTA_SET_ELEM_LIST_ELEMENTS)?.unwrap_or_default();
        let mut sum = 0_u64;
        for element in Attributes::new(elements) {
            let element = hash(element?.value, &[NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_DATA])?;
            sum = sum.wrapping_add(element);
        }
        Ok(Some(Self { hash: sum, family, ..Self::default() }))
    }
}

fn hash(attributes: &[u8], kinds: &[u16]) -> Result<u64, Malformed> {
    let mut bytes = Vec::new();
    append(&mut bytes, attributes, kinds)?;
    Ok(fnv1a_64(&bytes))
}

/// Appends the attributes of these kinds.
fn append(bytes: &mut Vec<u8>, attributes: &[u8], kinds: &[u16]) -> Result<(), Malformed> {
    for attribute in Attributes::new(attributes) {
        let attribute = attribute?;
        if kinds.contains(&attribute.kind) {
            put(bytes, attribute.kind, attribute.value);
        }
    }
    Ok(())
}

/// Appends kind, length and value, so that two lists of attributes never give the same bytes.
fn put(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value.len().to_ne_bytes());
    bytes.extend(value);
}

#[cfg(test)]
mod tests;
