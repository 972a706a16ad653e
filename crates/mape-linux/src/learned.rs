//! The rules that others provide for a line: a provisioning server and DHCPv6.

use mape_core::Rule;
use mape_netifd::ProvisioningStore;

use crate::config::Config;
use crate::dhcpv6;
use crate::system::System;

/// The rules of a line that neither the user states nor the table has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Those of the last good answer of a provisioning server, as long as the user asks it.
    pub provisioned: Vec<Rule>,
    /// Those that came by DHCPv6 (RFC 7598).
    pub dhcpv6: Vec<Rule>,
}

impl Learned {
    /// Reads them from the files of this machine.
    #[must_use]
    pub fn read(config: &Config, system: &System) -> Self {
        let store = ProvisioningStore::new(&system.env, &config.interface);
        let provisioned = store.rules(&config.provisioning);
        Self { provisioned, dhcpv6: dhcpv6::rules(&system.env) }
    }
}
