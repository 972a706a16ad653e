//! What becomes of an interface's flows where another program offloads flows in software.

use crate::name::DeviceName;

/// What becomes of an interface's flows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Offload {
    /// Nothing is loaded: another program may offload them, or no program does.
    #[default]
    Untouched,
    /// They are added to a flowtable of `lo`. No packet of them arrives there, so each takes the
    /// usual path.
    KeptOut,
    /// Each gets an expectation that matches nothing. The kernel offloads no connection that can
    /// expect others (`nft_flow_offload_eval`).
    Refused,
    /// They are added to a flowtable of the tunnel and these devices, the ports of the LAN. So both
    /// directions are offloaded, and all packets pass the hooks of the tunnel.
    Own(Vec<DeviceName>),
}
