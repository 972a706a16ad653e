//! What other interfaces of this router have of the lines.

use std::net::Ipv6Addr;

use mape_core::{IntoVec as _, Quoted};

use super::config::Config;
use super::error::UplinkError;

/// An uplink or a CE address that one interface has, so that another one cannot choose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) interface: String,
    /// Whether the interface is one of ours; otherwise it only has the address.
    pub(super) ours: bool,
    pub(super) uplink: Option<String>,
    pub(super) ce: Option<Ipv6Addr>,
}

/// The uplinks and CE addresses of other interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken(pub(super) Vec<Share>);

impl Taken {
    /// Returns the error if another interface uses this line: it has the same CE address, or the
    /// same uplink. Two interfaces may share an uplink only if the options of this one name it
    /// (`tunlink`).
    pub(super) fn by_another(
        &self,
        config: &Config,
        uplink: &str,
        ce: Ipv6Addr,
    ) -> Option<UplinkError> {
        let unstated = config.tunlink.is_none();
        let takes = |share: &&Share| {
            share.ce == Some(ce) || (unstated && share.uplink.as_deref() == Some(uplink))
        };
        let share = self.0.iter().find(takes)?;
        let by = Quoted::new(&share.interface);
        Some(if share.ours {
            UplinkError::Taken { uplink: Quoted::new(uplink), by }
        } else {
            UplinkError::AddressHeld { ce, by }
        })
    }

    /// Returns all shares but those of this interface.
    pub(super) fn for_another_than(shares: &[Share], interface: &str) -> Self {
        Self(shares.iter().filter(|share| share.interface != interface).cloned().into_vec())
    }
}
