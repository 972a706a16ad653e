//! Names that earlier versions gave to chains. After an upgrade their objects are still loaded, and
//! their chains on hooks still act on packets, until they are removed.

use crate::interface::Interface;
use crate::text::chains_of_common_table;

/// Chains of the common table that every text of an earlier version declared.
const SHARED: [&str; 3] = ["forwarded", "leaving", "loaded"];
/// What begins the names of chains on hooks that an earlier version gave to one interface.
const HOOKED_KINDS: [&str; 7] =
    ["arriving", "own", "cone-learn", "cone-in", "slow", "forwarded", "leaving"];

/// Returns whether an earlier version loaded the common table. `chains` is the output of
/// `nft list chains`.
pub(crate) fn are_loaded(chains: &str) -> bool {
    chains_of_common_table(chains).any(|chain| SHARED.contains(&chain))
}

/// Returns the chains of an earlier version that would act on this interface's packets.
///
/// The chains to which they lead are not among them: without a hook they do nothing, and those of
/// another interface may still lead there.
pub(crate) fn chains(interface: &Interface) -> impl Iterator<Item = String> + '_ {
    let own = HOOKED_KINDS.into_iter().map(|kind| interface.object_name(kind));
    SHARED.into_iter().map(str::to_owned).chain(own)
}
