//! One call of netifd's, and what every step of it needs.

use std::os::unix::process::parent_id;

use mape_core::Failure;
use mape_firewall::Env;
use mape_nft::InterfaceName;

use super::bus::Bus;
use super::decide::{Target, decide};
use super::dump::Dump;
use super::interface_cache::InterfaceCache;

/// A call of the handler for one interface.
pub(super) struct Invocation<'call> {
    pub(super) bus: &'call mut dyn Bus,
    pub(super) env: &'call Env,
    pub(super) interface: &'call InterfaceName,
    parent: u32,
}

impl<'call> Invocation<'call> {
    pub(super) fn new(
        bus: &'call mut dyn Bus,
        env: &'call Env,
        interface: &'call InterfaceName,
    ) -> Self {
        Self { bus, env, interface, parent: parent_id() }
    }

    /// Whether the process that started this one has ended.
    pub(super) fn is_orphan(&self) -> bool {
        parent_id() != self.parent
    }

    /// Decides for this interface.
    pub(super) fn decide(
        &mut self,
        dump: &Dump,
        options: &str,
        cache: &InterfaceCache,
    ) -> Result<Target, Failure> {
        decide(self.bus, self.env, self.interface, dump, options, cache)
    }

    /// Reads the interface's cache.
    pub(super) fn cache(&self) -> InterfaceCache {
        InterfaceCache::read(&self.env.run, self.interface)
    }

    /// Writes the interface's cache. A failure is logged, and the call goes on: the cache saves
    /// work, nothing depends on it.
    pub(super) fn keep(&mut self, cache: &InterfaceCache) {
        if let Err(error) = cache.write(&self.env.run, self.interface) {
            log::warn!("the cache of the interface cannot be written: {error}");
        }
    }
}
