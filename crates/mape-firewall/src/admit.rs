//! Telling firewall4's table what is published.
//!
//! It has a set for that, empty after its start; a reload keeps what is in it. firewall4's own
//! transaction never depends on it, and ours never on firewall4: where there is no such set, there
//! is nothing to tell.

use mape_kernel::netlink::Kernel;
use mape_kernel::nft_state;
use mape_nft::{Admitted, Bounds, Interface};

use crate::error::FirewallError;
use crate::nft_command::Nft;

/// Brings the set in line with what these interfaces publish. Where it is so already, no program
/// runs.
pub(super) fn admit(
    kernel: &Kernel,
    nft: &Nft<'_>,
    interfaces: &[Interface],
) -> Result<(), FirewallError> {
    let wanted = Admitted::of(interfaces);
    // A caller that may not ask may not load either, and has been told so.
    let Ok(Some(found)) = nft_state::admitted(kernel) else { return Ok(()) };
    let sorted = |mut bounds: Vec<Bounds>| {
        bounds.sort_unstable();
        bounds
    };
    if sorted(found) == sorted(wanted.iter().map(Admitted::bounds).collect()) {
        return Ok(());
    }
    nft.load_text(&Admitted::text(&wanted))
}
