//! The short cuts: rules at the beginning of the guards that firewall4's reload removes.
//!
//! They are kept as the kernel lists them and inserted again in the same form, because nft would
//! cost as much as all else of ours in its reload
//! (docs/decisions/0065-loaded-rules-by-netlink.md).

use std::fmt::Write as _;

use mape_nft::ObjectNames;

use super::{
    NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFPROTO_UNSPEC, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS,
    NFTA_RULE_TABLE,
};
use crate::netlink::{Attributes, Kernel, Malformed, NetlinkError, Request, Socket};

const NFT_MSG_NEWRULE: u8 = 6;
const NFT_MSG_GETGEN: u8 = 16;
const NFTA_GEN_ID: u16 = 1;

/// Returns the generation of `nf_tables`, which changes with each transaction of any program.
///
/// # Errors
/// [`NetlinkError`] if the kernel does not answer.
pub fn generation(kernel: &Kernel) -> Result<u32, NetlinkError> {
    let request = Request::order(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, NFPROTO_UNSPEC);
    let answer = kernel.list("nft-generation", &request, |_, attributes| {
        let id = Attributes::new(attributes).find(NFTA_GEN_ID)?.ok_or(Malformed)?;
        Ok(Some(u32::from_be_bytes(id.try_into().map_err(|_| Malformed)?)))
    })?;
    answer.first().copied().ok_or(NetlinkError::Silent)
}

/// The short cuts of a load, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortCuts {
    /// The place of the chain in [`ObjectNames::GUARDS`], and the expressions.
    rules: Vec<(usize, Vec<u8>)>,
}

impl ShortCuts {
    pub(super) const fn new(rules: Vec<(usize, Vec<u8>)>) -> Self {
        Self { rules }
    }

    /// Returns a line for each rule: the number of its chain, and its expressions in hexadecimal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (guard, expressions) in &self.rules {
            // Writing into a `String` cannot fail.
            let _ = write!(text, "{guard} ");
            for byte in expressions {
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        }
        text
    }

    /// Reads what [`Self::text`] returned; `None` if it has no rule or is anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut rules = Vec::new();
        for line in text.lines() {
            let (guard, digits) = line.split_once(' ')?;
            let guard = guard.parse().ok().filter(|guard| *guard < ObjectNames::GUARDS.len())?;
            let mut expressions = Vec::new();
            for pair in digits.as_bytes().chunks(2) {
                let [high, low] = pair else { return None };
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                expressions.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
            }
            rules.push((guard, expressions));
        }
        (!rules.is_empty()).then_some(Self { rules })
    }

    /// Inserts the rules at the beginning of their chains: all or none.
    ///
    /// # Errors
    /// [`NetlinkError`]; it is `ERESTART` if any program has changed rules since this generation.
    pub fn insert(&self, kernel: &Kernel, generation: u32) -> Result<(), NetlinkError> {
        if matches!(kernel, Kernel::Recorded(_)) {
            return Err(NetlinkError::Silent);
        }
        let mut insertions = Vec::new();
        // Each rule is inserted before the previous one.
        for (guard, expressions) in self.rules.iter().rev() {
            let chain = ObjectNames::GUARDS.get(*guard).ok_or(Malformed)?;
            insertions.push(
                Request::creation(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWRULE, NFPROTO_INET)
                    .with_name(NFTA_RULE_TABLE, ObjectNames::TABLE)?
                    .with_name(NFTA_RULE_CHAIN, chain)?
                    .with_nested(NFTA_RULE_EXPRESSIONS, expressions)?,
            );
        }
        let batch = Request::batch(NFNL_SUBSYS_NFTABLES, generation, insertions)?;
        Socket::open()?.ask(batch, &mut |_, _| Ok(())).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::ShortCuts;

    #[test]
    fn what_was_written_is_read() {
        let cuts = ShortCuts::new(vec![(0, vec![0, 0xff, 0x10]), (1, Vec::new()), (1, vec![7])]);
        assert_eq!(cuts.text(), "0 00ff10\n1 \n1 07\n");
        assert_eq!(ShortCuts::read(&cuts.text()), Some(cuts));
        for wrong in ["", "0 +f", "2 00", "0 0", "0 0g", "0", "-1 00", "0 00 ", "0 é", "0 00\n\n"]
        {
            assert_eq!(ShortCuts::read(wrong), None, "{wrong}");
        }
    }
}
