//! The interface that the log's messages are about, and the level that its option `log_level` sets.

use mape_firewall::Env;
use mape_nft::InterfaceName;
use mape_system::logger::{self, DEFAULT_LEVEL};

use super::interface_cache::InterfaceCache;
use super::options::Options;

/// For a call that has the interface's options.
pub(super) fn of_options(interface: &InterfaceName, options: &str) {
    // The call itself reports an invalid value.
    let level = Options::parse(options).map_or(DEFAULT_LEVEL, |options| options.log_level());
    logger::about(interface.as_str(), level);
}

/// For a call without options: those of the last set-up apply.
pub(super) fn of_last_call(env: &Env, interface: &InterfaceName) {
    of_options(interface, &InterfaceCache::read(&env.run, interface).options);
}
