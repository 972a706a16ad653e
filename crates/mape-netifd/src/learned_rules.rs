//! The rules that others provide for a line: a provisioning server and DHCPv6.

use mape_firewall::Env;
use mape_nft::InterfaceName;

use super::config::Config;
use super::dhcpv6;
use super::dump::Dump;
use super::provisioning::store::Store;

/// Returns the options with the rules of the provisioning server and of the line's DHCPv6.
pub(super) fn with_learned_rules(
    config: Config,
    env: &Env,
    interface: &InterfaceName,
    dump: &Dump,
) -> Config {
    let rules = Store::new(env, interface).rules(&config.provisioning);
    config.with_provisioned(rules).with_dhcpv6(dhcpv6::rules(env, dump))
}
