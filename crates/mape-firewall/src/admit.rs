//! Fills firewall4's set of accepted port forwards, `mape_rs_published`.
//!
//! The set is empty after a start of firewall4, and a reload keeps its elements. firewall4's
//! transaction never depends on ours, and ours never on firewall4: if the set does not exist,
//! nothing is done.

use mape_core::IntoVec as _;
use mape_kernel::netlink::Kernel;
use mape_kernel::nft_state;
use mape_nft::{Admitted, Bounds, Interface};

use crate::error::FirewallError;
use crate::nft_command::Nft;

/// Makes the set agree with the port forwards of these interfaces. If it does already, no program
/// runs.
pub(super) fn admit(
    kernel: &Kernel,
    nft: &Nft<'_>,
    interfaces: &[Interface],
) -> Result<(), FirewallError> {
    let wanted = Admitted::of(interfaces);
    // If the kernel refuses the query, it has refused the load before, and that error was reported.
    let Ok(Some(found)) = nft_state::admitted(kernel) else { return Ok(()) };
    let sorted = |mut bounds: Vec<Bounds>| {
        bounds.sort_unstable();
        bounds
    };
    if sorted(found) == sorted(wanted.iter().map(Admitted::bounds).into_vec()) {
        return Ok(());
    }
    nft.load_text(&Admitted::text(&wanted))
}
