//! `down`: removes only what `up` added.

use std::fmt::Write as _;
use std::path::Path;

use mape_core::Failure;
use mape_firewall::{State, unload};
use mape_nft::{DeviceName, InterfaceName};

use crate::announce::{Action, Announcements};
use crate::config::{Config, DEFAULT_FILE, absolute};
use crate::desired::{OwnedAddress, has_tunnel, remove_tunnel};
use crate::error::LinuxError;
use crate::journal::{self, Journal};
use crate::system::System;

/// Takes down the line of the configuration, and lines that came from it under an earlier name.
/// Errors in the configuration do not matter as long as its name can be read. Returns a report.
///
/// # Errors
/// What could not be removed; everything else was removed. Or neither the configuration nor a
/// journal names a line.
pub fn down(file: Option<&Path>, system: &System) -> Result<String, Failure> {
    let path = absolute(file.unwrap_or(Path::new(DEFAULT_FILE)));
    let mut names = Journal::lines_from(&system.env.run, &path);
    let config = Config::read(file);
    let name = match &config {
        Ok(config) => Some(config.interface.clone()),
        Err(_) => Config::name_in(&path),
    };
    names.extend(name.filter(|name| !names.contains(name)));
    if names.is_empty() {
        config?;
    }
    let mut said = String::new();
    for name in &names {
        let lock = system.lock(name)?;
        mape_netifd::status::forget(&system.env.run, name);
        let taken = take_down(system, name);
        system.release(name, lock);
        if !matches!(taken, Ok(false)) {
            let told = Announcements { line: Some(Action::Down), ..Announcements::default() };
            told.tell(&system.env, name);
        }
        let done = if taken? { "down" } else { "down already" };
        // Writing into a `String` cannot fail.
        let _ = writeln!(said, "{name}: {done}");
    }
    Ok(said)
}

/// Takes a line down in the order opposite to `up`'s: the tunnel goes first, so nothing leaves
/// without rules.
pub(super) fn take_down(system: &System, name: &InterfaceName) -> Result<bool, LinuxError> {
    let directory = &system.env.run;
    let journal = Journal::read(directory, name);
    let machine = system.ip.snapshot()?;
    let device = DeviceName::of_interface(name);
    let mut errors = Vec::new();
    let mut lines = Vec::new();
    if has_tunnel(&machine, &device) {
        lines.push(remove_tunnel(device.as_str()));
    }
    let there = journal.owned.iter().filter(|ce| machine.has_address(&ce.device, ce.address));
    lines.extend(there.map(OwnedAddress::remove));
    // One call each: an error of one must not keep `ip` from the others.
    for line in &lines {
        errors.extend(system.ip.batch(std::slice::from_ref(line)).err());
    }
    for chain in &journal.chains {
        errors.extend(system.host_firewall().restore(chain, name).err());
    }
    let file = system.state_file(name);
    let had_state = file.exists();
    let removed = State::remove(directory, name);
    errors.extend(removed.err().map(|error| journal::failed(&file, error)));
    let unloaded = unload(&system.env);
    errors.extend(unloaded.err().map(|error| LinuxError::NotLoaded(error.to_string())));
    // The journal stays if something is left, for the next `down`.
    if errors.is_empty() {
        errors.extend(Journal::remove(directory, name).err());
    }
    match errors.len() {
        0 => Ok(had_state || !lines.is_empty()),
        _ => Err(LinuxError::Several(errors)),
    }
}
