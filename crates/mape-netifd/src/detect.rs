//! `detect`: collects the facts from which `mape-provision` concludes the type of the line.

use std::net::Ipv6Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use ipnet::Ipv4Net;
use mape_core::{Failure, ReceivedPrefix};
use mape_firewall::Env;
use mape_provision::{Cached, Capability, Effect, LineFacts, Machine, Mode, Provisioned, Verdict};
use mape_system::files;

use super::bus::{Bus, read_dump};
use super::config::Config;
use super::decide::uplink_mtu;
use super::dhcpv6;
use super::dump::Dump;
use super::error::UplinkError;
use super::provisioning::{ProvisioningClient, identity};
use mape_net::{Fetcher, ask_gateway};

/// What may be done to find out.
#[derive(Clone, Debug, Default)]
pub struct DetectOptions {
    /// Prefixes of the line, where netifd is not to be asked for them.
    pub prefixes: Vec<ReceivedPrefix>,
    /// The tunnel end in the papers of the contract.
    pub tunnel_end: Option<Ipv6Addr>,
    /// The IPv4 address in the papers of the contract, or the block of them.
    pub ipv4: Option<Ipv4Net>,
    /// Ask the line's provisioning server.
    pub ask: bool,
    /// Ask an NTT home gateway in front.
    pub gateway: bool,
    /// A file with the certificate of an authority that is trusted for that.
    pub authority: Option<String>,
}

/// All questions together. A page of LuCI waits for 20 seconds, and the plan comes after.
const DETECT_TIMEOUT: Duration = Duration::from_secs(14);

/// Everything a provisioning server may answer with.
const ALL_CAPABILITIES: [Capability; 7] = [
    Capability::Xlat464,
    Capability::DsLite,
    Capability::Ipip,
    Capability::Lw4o6,
    Capability::MapE,
    Capability::MapT,
    Capability::HubSpoke,
];

/// Determines the type of the line. A request is sent only if `options.ask` or `options.gateway` is
/// set; `failed` gets the messages of a fetching program about a failed request.
///
/// # Errors
/// netifd does not answer, or there is neither a bus nor a prefix.
pub fn detect(
    bus: Option<&mut dyn Bus>,
    env: &Env,
    options: &DetectOptions,
    failed: &mut dyn FnMut(String),
) -> Result<Verdict, Failure> {
    let mut line = LineFacts::default();
    let mut client = ProvisioningClient::default();
    if let Some(bus) = bus {
        let dump = read_dump(bus)?;
        (line, client) = known(&dump, env);
        let uplink = dump.interface(&client.interface).and_then(|it| it.device.clone());
        if let Some(device) = uplink {
            line.uplink_mtu = uplink_mtu(bus, &device)?;
        }
    } else if options.prefixes.is_empty() {
        return Err(UplinkError::NoIpv6Yet.into());
    }
    detect_line(line, client, env, options, failed)
}

/// Does the same for a line whose facts and resolvers the caller knows: that of plain Linux.
///
/// # Errors
/// The requests cannot be formed.
pub fn detect_line(
    mut line: LineFacts,
    mut client: ProvisioningClient,
    env: &Env,
    options: &DetectOptions,
    failed: &mut dyn FnMut(String),
) -> Result<Verdict, Failure> {
    line.tunnel_end = options.tunnel_end;
    line.ipv4 = options.ipv4;
    if !options.prefixes.is_empty() {
        line.prefixes.clone_from(&options.prefixes);
    }
    let until = Instant::now() + DETECT_TIMEOUT;
    let fetcher = (options.ask || options.gateway)
        .then(|| Fetcher::find(options.authority.clone()))
        .flatten()
        .map(|fetcher| fetcher.until(until));
    // The gateway is near and answers sooner.
    if options.gateway {
        line.gateway = fetcher.as_ref().and_then(ask_gateway);
    }
    if options.ask && !client.prefixes.is_empty() {
        client.resolvers.until = Some(until);
        line.provisioned = answer(env, &client, fetcher.as_ref(), failed)?;
    }
    Ok(mape_provision::detect(&line))
}

/// Returns the facts of the line that netifd and the files of this machine have.
#[must_use]
pub fn line_facts(dump: &Dump, env: &Env) -> LineFacts {
    known(dump, env).0
}

fn known(dump: &Dump, env: &Env) -> (LineFacts, ProvisioningClient) {
    let client = Config::parse("{}")
        .map_or_else(|_| ProvisioningClient::default(), |it| ProvisioningClient::of(&it, dump));
    let mut line = LineFacts {
        prefixes: client.prefixes.clone(),
        s46: dhcpv6::rules(env, dump),
        aftr: dhcpv6::aftr(env, dump),
        prefers_ds_lite: dhcpv6::prefers_ds_lite(env, dump),
        provisioned: kept(env, dump),
        ..LineFacts::default()
    };
    if !client.interface.is_empty() {
        line.uplink.clone_from(&client.interface);
    }
    (line, client)
}

/// What a server answered one of our interfaces.
fn kept(env: &Env, dump: &Dump) -> Provisioned {
    let ours = dump.interfaces().filter(|interface| dump.is_ours(&interface.name));
    let cached = ours.filter_map(|interface| read(&env.flash, &interface.name));
    let mut answers = cached.filter_map(|cached| cached.answer);
    answers.next().map_or(Provisioned::NotAsked, |it| Provisioned::Answer(Box::new(it)))
}

fn read(flash: &Path, name: &str) -> Option<Cached> {
    Cached::parse(&files::text(flash.join(format!("{name}.json"))).ok()?)
}

fn answer(
    env: &Env,
    client: &ProvisioningClient,
    fetcher: Option<&Fetcher>,
    failed: &mut dyn FnMut(String),
) -> Result<Provisioned, Failure> {
    let mode = Mode::Hb46pp { identity: identity(&ALL_CAPABILITIES)?, credentials: None };
    let mut said = Provisioned::NotAsked;
    let Some(mut machine) = Machine::new(mode, client.prefixes.clone(), None, None) else {
        return Ok(said);
    };
    let mut heard = |effect: Effect, machine: &Machine| {
        said = match effect {
            Effect::Apply | Effect::Unchanged => {
                let answer = machine.answer().cloned();
                answer.map_or(Provisioned::NotAsked, |it| Provisioned::Answer(Box::new(it)))
            }
            Effect::Withdraw(why) => Provisioned::Nothing(why),
            Effect::Keep(why) => Provisioned::Failed(why),
        };
    };
    client.run(env, &mut machine, fetcher, &mut heard, failed);
    Ok(said)
}
