//! `setup`, `renew` and `teardown`: what netifd calls.

use std::io::Write;
use std::net::Ipv6Addr;
use std::os::unix::process::parent_id;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use mape_core::{Failure, Plan, Quoted};
use mape_firewall::{Env, State};
use mape_kernel::listening_ports;
use mape_nft::{DeviceName, Edge, InterfaceName};
use mape_provision::{Mode, Source};
use mape_ubus::UbusError;

use super::bus::{Bus, interface_object, notify, read_dump, set_data};
use super::config::Config;
use super::decide::{Target, outcome, wanted};
use super::dump::{Dump, InterfaceDump};
use super::error::SetupError;
use super::interface_cache::InterfaceCache;
use super::interface_data::{InterfaceData, Warning};
use super::messages::{self, Update};
use super::provisioning::schedule::schedule_if_due;
use super::provisioning::store::Store;
use super::zones::Zones;
use super::{call_lock, ce_alias, dhcpv6, rivals};

/// How often it is looked whether anything has changed while waiting for a cause without event.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// What the interface is when it is brought up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Down,
    Up,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// It is time for another attempt.
    Over,
    /// netifd has ended, and nobody waits for this process.
    Pointless,
}

/// One call of netifd's.
struct Call<'call> {
    bus: &'call mut dyn Bus,
    env: &'call Env,
    interface: &'call InterfaceName,
    log: &'call mut dyn Write,
    /// Whoever started this process.
    parent: u32,
}

/// Brings the interface up. What cannot be done yet is reported, and the interface stays pending.
/// Where no event is sure to tell of a change, the attempt is repeated: this returns when the
/// interface is up or an event will tell.
///
/// # Errors
/// The reason that was reported to netifd and to `log`.
pub fn setup(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    options: &str,
    log: &mut dyn Write,
) -> Result<(), Failure> {
    let _lock = call_lock::hold(&env.run, interface);
    Call::new(bus, env, interface, log).until_up_or_an_event(options)
}

/// Looks again: brings the interface up if it is not, and changes it if the line has changed. An
/// interface that works stays as it is while something is wrong.
///
/// # Errors
/// The reason that was reported to netifd and to `log`.
pub fn renew(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    options: &str,
    log: &mut dyn Write,
) -> Result<(), Failure> {
    let _lock = call_lock::hold(&env.run, interface);
    let mut call = Call::new(bus, env, interface, log);
    let mut told = String::new();
    loop {
        let failure = match call.is_up() {
            Ok(false) => return call.until_up_or_an_event(options),
            Ok(true) => match call.keep_up(options) {
                Err(failure) if failure.needs_polling() => failure,
                done => return done,
            },
            Err(failure) => {
                call.report(&failure, &mut told);
                failure
            }
        };
        if call.wait(options) == Wait::Pointless {
            return Err(failure);
        }
    }
}

/// Removes what `setup` made and netifd does not remove by itself. Each failure is reported to
/// `log`, and the next step taken.
pub fn teardown(bus: &mut dyn Bus, env: &Env, interface: &InterfaceName, log: &mut dyn Write) {
    // netifd takes the tunnel down after this, and the kernel complains of each packet that is sent
    // without its address.
    let device = DeviceName::of_interface(interface);
    if let Some(index) = mape_firewall::device_index(env, device.as_str()) {
        if let Err(error) = (env.device_down)(index) {
            let _ = writeln!(log, "{device} could not be taken down: {error}");
        }
    }
    if let Err(error) = State::retire(&env.run, interface) {
        let _ = writeln!(log, "the state file could not be removed: {error}");
    }
    ce_alias::remove(bus, interface, log);
}

impl<'call> Call<'call> {
    fn new(
        bus: &'call mut dyn Bus,
        env: &'call Env,
        interface: &'call InterfaceName,
        log: &'call mut dyn Write,
    ) -> Self {
        Self { bus, env, interface, log, parent: parent_id() }
    }

    fn until_up_or_an_event(&mut self, options: &str) -> Result<(), Failure> {
        let mut told = String::new();
        loop {
            let Err(failure) = self.attempt(options) else { return Ok(()) };
            self.report(&failure, &mut told);
            if !failure.is_retried() || self.wait(options) == Wait::Pointless {
                return Err(failure);
            }
        }
    }

    fn attempt(&mut self, options: &str) -> Result<(), Failure> {
        let mut memory = self.begin(options);
        let dump = read_dump(self.bus).inspect_err(|_| {
            // Any answer ends the wait.
            memory.outcome.clear();
            self.keep(&memory);
        })?;
        schedule_if_due(self.bus, self.env, self.interface, &dump, self.log);
        dhcpv6::log_unusable(self.env, &dump, self.log);
        let wanted = self.wanted(&dump, options, &memory);
        memory.outcome = outcome(&wanted);
        let done = wanted
            .and_then(|wanted| self.bring_up(&mut memory, &dump, wanted, options, Before::Down));
        memory.settled = true;
        self.keep(&memory);
        done
    }

    /// Until the patience is over or there is something else to do.
    fn wait(&mut self, options: &str) -> Wait {
        let memory = InterfaceCache::read(&self.env.run, self.interface);
        let end = Instant::now() + self.env.retry_delay;
        while Instant::now() < end {
            sleep(POLL_INTERVAL.min(end.saturating_duration_since(Instant::now())));
            match read_dump(self.bus) {
                // Its successor makes a call of its own.
                Err(UbusError::ObjectNotFound(_)) => return Wait::Pointless,
                _ if parent_id() != self.parent => return Wait::Pointless,
                // It is busy, or ubusd was started again.
                Err(_) => {}
                Ok(dump) => {
                    if outcome(&self.wanted(&dump, options, &memory)) != memory.outcome {
                        break;
                    }
                }
            }
        }
        Wait::Over
    }

    fn is_up(&mut self) -> Result<bool, Failure> {
        let dump = read_dump(self.bus)?;
        Ok(dump.interface(self.interface.as_str()).is_some_and(|it| it.up))
    }

    fn keep_up(&mut self, options: &str) -> Result<(), Failure> {
        let mut memory = InterfaceCache::read(&self.env.run, self.interface);
        options.clone_into(&mut memory.options);
        let dump = read_dump(self.bus)?;
        let wanted = self.wanted(&dump, options, &memory);
        memory.outcome = outcome(&wanted);
        let unchanged = wanted.as_ref().is_ok_and(|wanted| wanted.in_force() == memory.up)
            && State::is_usable(&self.env.run, self.interface);
        let done = match wanted {
            Ok(wanted) if unchanged && self.is_lost(wanted.plan.ce()) => {
                let (uplink, ce) = (&wanted.uplink.interface, wanted.plan.ce());
                let _ = writeln!(self.log, "the CE address {ce} is lost; it is put back");
                ce_alias::configure(self.bus, self.env, &dump, self.interface, uplink, ce, self.log)
            }
            Ok(wanted) if unchanged => {
                self.tell_the_rule(&mut memory, &wanted);
                self.tell_the_warning(&dump, wanted.warning.as_ref());
                Ok(())
            }
            Ok(wanted) => self.bring_up(&mut memory, &dump, wanted, options, Before::Up),
            Err(failure) => {
                if failure.is_without_rule() && self.is_withdrawn(&memory, options) {
                    self.take_down(&mut memory);
                }
                Err(failure)
            }
        };
        memory.settled = true;
        self.keep(&memory);
        schedule_if_due(self.bus, self.env, self.interface, &dump, self.log);
        if let Err(failure) = &done {
            self.report(failure, &mut String::new());
            self.warn(Some(failure));
        }
        done
    }

    fn is_lost(&self, ce: Ipv6Addr) -> bool {
        mape_kernel::link::is_lost(&self.env.proc_net(), ce) == Some(true)
    }

    fn wanted(
        &mut self,
        dump: &Dump,
        options: &str,
        memory: &InterfaceCache,
    ) -> Result<Target, Failure> {
        wanted(self.bus, self.env, self.interface, dump, options, memory)
    }

    /// Whether the rule in force was a server's, and the network says that there is none any more.
    /// A question that failed says nothing of the kind.
    fn is_withdrawn(&self, memory: &InterfaceCache, options: &str) -> bool {
        let mode = Config::parse(options).map_or(Mode::Off, |config| config.provisioning);
        let store = Store::new(self.env, self.interface);
        memory.is_of(Source::Provisioned) && mode != Mode::Off && store.rules(&mode).is_empty()
    }

    /// The interface stays wanted, and comes back with the next rule.
    fn take_down(&mut self, memory: &mut InterfaceCache) {
        if let Err(error) = notify(self.bus, &messages::link_lost(self.interface)) {
            let _ = writeln!(self.log, "netifd keeps the tunnel: {error}");
        }
        teardown(self.bus, self.env, self.interface, self.log);
        memory.up.clear();
        memory.told.clear();
    }

    /// The same numbers from another source: that is told, and nothing else happens.
    fn tell_the_rule(&mut self, memory: &mut InterfaceCache, wanted: &Target) {
        let about = wanted.about_the_rule().to_value();
        let told = mape_system::json::to_text(&about);
        if memory.told != told {
            let object = interface_object(self.interface.as_str());
            if self.bus.call(&object, "set_data", &about).is_ok() {
                memory.told = told;
            }
        }
    }

    /// What is wrong while the tunnel stays as it is.
    fn tell_the_warning(&mut self, dump: &Dump, warning: Option<&Failure>) {
        let own = dump.interface(self.interface.as_str());
        let shown = own.and_then(|own| own.data.warning());
        if shown == warning.map(Warning::of).as_ref() {
            return;
        }
        if let Some(failure) = warning {
            self.report(failure, &mut String::new());
        }
        self.warn(warning);
    }

    /// What is remembered, and that this call is not through.
    fn begin(&mut self, options: &str) -> InterfaceCache {
        let mut memory = InterfaceCache::read(&self.env.run, self.interface);
        options.clone_into(&mut memory.options);
        memory.settled = false;
        self.keep(&memory);
        memory
    }

    fn keep(&mut self, memory: &InterfaceCache) {
        if let Err(error) = memory.write(&self.env.run, self.interface) {
            let _ = writeln!(self.log, "what happened cannot be remembered: {error}");
        }
    }

    fn bring_up(
        &mut self,
        memory: &mut InterfaceCache,
        dump: &Dump,
        wanted: Target,
        options: &str,
        before: Before,
    ) -> Result<(), Failure> {
        let (about, in_force) = (wanted.about_the_rule(), wanted.in_force());
        for conflict in &wanted.conflicts {
            let _ = writeln!(self.log, "{conflict}");
        }
        let Target { config, uplink, plan, warning, .. } = wanted;
        let directory = &self.env.run;
        let listening = listening_ports::ports(&self.env.proc_net());
        let state = State::new(self.interface, &plan, &listening, config.edge, config.nft)
            .with_upnp(config.upnp_ports, config.full_cone_hosts.clone())
            .after(State::last(directory, self.interface).as_ref());
        let edge = self.check(memory, &state)?;
        // From here on things are touched, so no other interface may have the line.
        rivals::claim(self.env, dump, self.interface, &config, &uplink.interface, plan.ce())
            .inspect_err(|failure| memory.outcome = failure.line())?;
        if let Some(error) = self.tunnel_in_the_way(dump, &plan, Some(&uplink.device)) {
            return Err(error.into());
        }
        // netifd ends this very process within the call where the uplink is not there, and starts
        // another one when it is.
        notify(self.bus, &messages::host_dependency(self.interface, &uplink.interface))?;
        if before == Before::Up {
            // Before its address goes; the kernel complains of each packet without.
            notify(self.bus, &messages::link_lost(self.interface))?;
        }
        ce_alias::configure(
            self.bus,
            self.env,
            dump,
            self.interface,
            &uplink.interface,
            plan.ce(),
            self.log,
        )?;
        // What dies from here on has to be done again.
        memory.up.clear();
        memory.settled = false;
        self.keep(memory);
        state.write(directory).map_err(SetupError::State)?;
        let change = memory.note(&plan, seconds_since_1970());
        let zones = Zones::read(&self.env.config()).with_joined(dump);
        if let Some(zone) = zones.missing(&config).map(Quoted::new) {
            let _ = writeln!(
                self.log,
                "the firewall has no zone {zone}; correct or remove option zone"
            );
        }
        let device = DeviceName::of_interface(self.interface);
        let update = Update {
            interface: self.interface,
            device: device.as_str(),
            config: &config,
            uplink: &uplink,
            plan: &plan,
            about: &about,
            edge,
            zones: &zones,
            change: &change,
            warning: warning.as_ref(),
        };
        let message = update.message();
        if let Err(error) = notify(self.bus, &message) {
            let _ = State::retire(directory, self.interface);
            let known = self.tunnel_in_the_way(dump, &plan, None);
            return Err(known.unwrap_or(SetupError::NoTunnel(error)).into());
        }
        memory.prefix = uplink.prefix.to_string();
        memory.up = in_force;
        memory.told = mape_system::json::to_text(&about.to_value());
        match warning {
            Some(failure) => self.report(&failure, &mut String::new()),
            None => options.clone_into(&mut memory.good_options),
        }
        Ok(())
    }

    /// A tunnel with the same ends that is none of ours: the kernel makes no second one.
    fn tunnel_in_the_way(
        &self,
        dump: &Dump,
        plan: &Plan,
        link: Option<&str>,
    ) -> Option<SetupError> {
        let (ce, br) = (plan.ce(), plan.br());
        let own = DeviceName::of_interface(self.interface);
        let devices = &self.env.devices;
        let device = mape_kernel::link::tunnel_between(devices, (ce, br), link, own.as_str())?;
        let is_its = |it: &&InterfaceDump| it.device.as_deref() == Some(device.as_str());
        let owner = dump.interfaces().find(is_its).map(|it| Quoted::new(&it.name));
        Some(SetupError::TunnelExists { device: Quoted::new(&device), owner, ce, br })
    }

    /// Asks nft once for each shape of rules: it is the one expensive step of a set-up. For the
    /// usual one the firewall has asked when it was started.
    fn check(&self, memory: &mut InterfaceCache, state: &State) -> Result<Edge, Failure> {
        let shape = state.shape();
        let known = memory.accepted(&shape);
        if let Some(edge) = known.or_else(|| mape_firewall::foreseen(self.env, &shape)) {
            return Ok(edge.preferred());
        }
        let edge = mape_firewall::check(self.env, state)?;
        memory.accept(shape, edge);
        Ok(edge)
    }

    /// Tells netifd, and the log where it is not the same again.
    fn report(&mut self, failure: &Failure, told: &mut String) {
        let line = failure.line();
        if *told != line {
            let _ = writeln!(self.log, "{line}");
            *told = line;
        }
        // Whoever reads the log knows already.
        let _ = notify(self.bus, &messages::error(self.interface, failure));
    }

    fn warn(&mut self, warning: Option<&Failure>) {
        let _ = set_data(self.bus, self.interface, &InterfaceData::of_warning(warning));
    }
}

/// One attempt of [`setup`], without the waiting.
#[cfg(test)]
pub(super) fn attempt_once(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    options: &str,
    log: &mut dyn Write,
) -> Result<(), Failure> {
    Call::new(bus, env, interface, log).attempt(options)
}

fn seconds_since_1970() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs())
}
