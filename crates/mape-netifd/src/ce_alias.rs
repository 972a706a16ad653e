//! The dynamic interface on the uplink that holds the CE address.

use std::net::Ipv6Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mape_core::{Code, Failure};
use mape_firewall::Env;
use mape_kernel::link::AddressState;
use mape_nft::{DeviceName, InterfaceName};
use mape_system::json;
use mape_ubus::{Status, UbusError};

use super::bus::{Bus, interface_object, read_dump};
use super::dump::{Dump, InterfaceDump};
use super::error::SetupError;
use super::invocation::Invocation;
use super::messages;

/// How long netifd and duplicate address detection may take with the CE address.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the kernel is asked for the CE address.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How long the answer to a removal is waited for. It can be lost: netifd removes the alias of a
/// lost uplink by itself, and ubusd passes on no answer of an object that is gone.
const REMOVAL_ANSWER: Duration = Duration::from_millis(500);

/// How long netifd may take to remove an interface. A teardown has five seconds in all.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Puts the CE address on the uplink, so that the line's neighbours get an answer.
///
/// # Errors
/// netifd does not take it.
pub(super) fn add(
    call: &mut Invocation<'_>,
    known: &Dump,
    uplink: &str,
    ce: Ipv6Addr,
) -> Result<(), Failure> {
    let state = state(call, ce);
    let Invocation { bus, interface, .. } = call;
    let bus: &mut dyn Bus = *bus;
    let alias = messages::alias(interface);
    // netifd would remove an alias with another address instead of changing it.
    if state == AddressState::Absent && read_dump(bus)?.interface(&alias).is_some() {
        remove(bus, interface);
    }
    if is_held(known, &alias, uplink, ce) {
        // The address stays with the interface that has it: an alias would take it away when the
        // alias is removed.
        let has = |it: &InterfaceDump| it.addresses().contains(&ce);
        if known.interface(&alias).is_some_and(|alias| !has(alias)) {
            remove(bus, interface);
        }
    } else {
        let add = messages::add_alias(interface, uplink, ce);
        bus.call("network", "add_dynamic", &add)?;
    }
    Ok(())
}

/// Waits as [`wait`] does. If another device has the address, the alias is removed; otherwise the
/// next attempt would find the old result.
///
/// # Errors
/// As [`wait`].
pub(super) fn wait_or_remove(call: &mut Invocation<'_>, ce: Ipv6Addr) -> Result<(), Failure> {
    let done = wait(call, ce);
    if done.as_ref().is_err_and(|failure| failure.code == Code::CeInUse) {
        remove(call.bus, call.interface);
    }
    done
}

/// Waits until duplicate address detection is over for the CE address: one to two seconds.
///
/// # Errors
/// Another device has it, or netifd does not configure it.
pub(super) fn wait(call: &Invocation<'_>, ce: Ipv6Addr) -> Result<(), Failure> {
    let end = Instant::now() + ADDRESS_TIMEOUT;
    loop {
        match state(call, ce) {
            AddressState::Ready => return Ok(()),
            AddressState::Duplicate => return Err(SetupError::CeInUse(ce).into()),
            AddressState::Absent | AddressState::Tentative if Instant::now() < end => {
                sleep(POLL_INTERVAL);
            }
            AddressState::Absent | AddressState::Tentative => {
                let seconds = ADDRESS_TIMEOUT.as_secs();
                return Err(SetupError::CeNotReady { ce, seconds }.into());
            }
        }
    }
}

/// Whether the uplink has lost the CE address.
pub(super) fn is_lost(env: &Env, interface: &InterfaceName, ce: Ipv6Addr) -> bool {
    let own = DeviceName::of_interface(interface);
    mape_kernel::link::is_lost(&env.proc_net(), ce, own.as_str()) == Some(true)
}

fn state(call: &Invocation<'_>, ce: Ipv6Addr) -> AddressState {
    let own = DeviceName::of_interface(call.interface);
    mape_kernel::link::address_state(&call.env.proc_net(), ce, own.as_str())
}

/// Whether another interface than the alias has the address on the uplink's device: the uplink
/// itself by its interface identifier, or one made by hand.
fn is_held(known: &Dump, alias: &str, uplink: &str, ce: Ipv6Addr) -> bool {
    let device = known.interface(uplink).and_then(|uplink| uplink.device.as_deref());
    let holds = |it: &InterfaceDump| {
        it.name != alias && it.device.as_deref() == device && it.addresses().contains(&ce)
    };
    device.is_some() && known.interfaces().any(holds)
}

/// Removes the alias with the CE address and waits until it is gone: netifd removes it a moment
/// later, and would also remove an alias that is added in the meantime.
pub(super) fn remove(bus: &mut dyn Bus, interface: &InterfaceName) {
    let alias = messages::alias(interface);
    let (object, nothing) = (interface_object(&alias), json::object(Vec::new()));
    let failed = match bus.call_within(REMOVAL_ANSWER, &object, "remove", &nothing) {
        // Without an uplink the alias never existed; or netifd is removing it.
        Ok(_)
        | Err(
            UbusError::ObjectNotFound(_)
            | UbusError::Status { status: Status::InvalidArgument, .. },
        ) => None,
        Err(error) => Some(error),
    };
    let end = Instant::now() + REMOVAL_TIMEOUT;
    // The object itself may not answer any more.
    let is_gone = loop {
        let is_there = read_dump(bus).map(|it| it.interface(&alias).is_some());
        if !is_there.as_ref().is_ok_and(|there| *there) || Instant::now() >= end {
            break is_there.is_ok_and(|there| !there);
        }
        sleep(POLL_INTERVAL);
    };
    // A late answer is no error if the alias is gone.
    if let Some(error) = failed.filter(|_| !is_gone) {
        log::warn!("the CE address could not be removed: {error}");
    }
}
