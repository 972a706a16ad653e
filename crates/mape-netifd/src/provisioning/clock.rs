//! The clock of provisioning.

use mape_firewall::Env;
use mape_kernel::uptime::uptime;

/// Seconds since the machine's start: a clock that does not jump when the time becomes known.
pub(super) fn now(env: &Env) -> u64 {
    uptime(&env.proc).unwrap_or(0)
}
