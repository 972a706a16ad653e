//! The line that is asked for: which prefixes it has, and through whom it can be asked.

use std::cmp::Reverse;
use std::fs;
use std::net::{Ipv6Addr, SocketAddrV6};

use mape_core::{IntoVec as _, ReceivedPrefix, Shown};
use mape_firewall::Env;
use mape_provision::{
    Effect, Event, HttpFailure, HttpReply, HttpRequest, Machine, Next, may_be_asked,
};

use super::super::{
    config::Config,
    dump::{Dump, InterfaceDump},
    uplink::is_candidate,
};
use super::clock::now;
use mape_net::{Fetched, Fetcher, Resolvers, random};

/// Of DNS.
const DNS_PORT: u16 = 53;

/// The uplink as far as asking goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvisioningClient {
    /// Its name; empty where there is none.
    pub interface: String,
    /// Delegated ones first, each once; the same in the same order as long as nothing changes.
    pub prefixes: Vec<ReceivedPrefix>,
    /// Those of the uplink.
    pub resolvers: Resolvers,
}

impl ProvisioningClient {
    /// Returns the client for the uplink: of the interfaces with an IPv6 default route and a
    /// prefix, the one with the most delegated prefixes. With `tunlink`, only that interface
    /// counts. The built-in table need not cover the prefix. Without such an interface the client
    /// is empty.
    pub(crate) fn of(config: &Config, dump: &Dump) -> Self {
        let uplinks = dump.interfaces().filter(|interface| {
            is_candidate(config, dump, interface) && interface.has_ipv6_default_route()
        });
        let asked = uplinks.map(|interface| (interface, prefixes_of(interface)));
        let asked = asked.filter(|(_, prefixes)| !prefixes.is_empty());
        let delegated = |interface: &InterfaceDump| {
            interface.prefixes().iter().filter(|it| it.delegated).count()
        };
        // Of equal ones netifd's first.
        let best = asked.min_by_key(|(interface, _)| Reverse(delegated(interface)));
        let Some((interface, prefixes)) = best else { return Self::default() };
        let source = interface.addresses().first().copied();
        let own = dump.interfaces().flat_map(InterfaceDump::networks).into_vec();
        let resolvers = Resolvers { own, ..resolvers_of(interface, source) };
        Self { interface: interface.name.clone(), prefixes, resolvers }
    }

    /// Asks until the machine wants to wait, and returns until when; `heard` gets what follows from
    /// each answer, and `failed` what the program that fetches said of a failure.
    pub(crate) fn run(
        &self,
        env: &Env,
        machine: &mut Machine,
        fetcher: Option<&Fetcher>,
        heard: &mut dyn FnMut(Effect, &Machine),
        failed: &mut dyn FnMut(String),
    ) -> u64 {
        let mut event = Event::Wake;
        loop {
            let step = machine.step(now(env), random(), event);
            if let Some(effect) = step.effect {
                heard(effect, machine);
            }
            event = match step.next {
                Next::QueryTxt(name) => {
                    let count = self.resolvers.servers.len();
                    log::debug!("provisioning: asks {count} resolvers for the TXT record {name}");
                    Event::Txt(self.resolvers.txt(name))
                }
                Next::Get(request) => {
                    // Not the whole URL: it may hold a password or a token.
                    log::debug!("provisioning: asks {}", request.url().host());
                    let got = self.get(fetcher, &request);
                    if let Some(said) = got.said {
                        failed(format!("{}: {}", request.url().host(), Shown(&said)));
                    }
                    Event::Http(got.reply)
                }
                Next::Sleep(until) => return until,
                Next::Wait => return 0,
            };
        }
    }

    /// Sends one request; without a program to do it there is no answer.
    fn get(&self, fetcher: Option<&Fetcher>, request: &HttpRequest) -> Fetched {
        let Some(fetcher) = fetcher else {
            return Fetched {
                reply: HttpReply::Failed(HttpFailure::NoAnswer),
                said: Some("neither curl nor uclient-fetch is installed".to_owned()),
            };
        };
        fetcher.get(request, &self.resolvers)
    }
}

fn prefixes_of(interface: &InterfaceDump) -> Vec<ReceivedPrefix> {
    let (mut found, prefixes) = (Vec::new(), interface.prefixes());
    for delegated in [true, false] {
        let some = prefixes.iter().filter(|it| it.delegated == delegated);
        let mut some: Vec<ReceivedPrefix> = some
            .filter(|it| it.preferred > 0 && may_be_asked(it.prefix.net().addr()))
            .map(|it| it.prefix)
            .filter(|prefix| !found.contains(prefix))
            .into_vec();
        some.sort_by_key(|prefix| prefix.net());
        some.dedup();
        found.append(&mut some);
    }
    found
}

fn resolvers_of(interface: &InterfaceDump, source: Option<Ipv6Addr>) -> Resolvers {
    let device = interface.device.as_deref().unwrap_or("");
    let index = || {
        let text = fs::read_to_string(format!("/sys/class/net/{device}/ifindex"));
        text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    };
    let server = |address: &Ipv6Addr| {
        // A router on the line may name itself by its link-local address.
        let scope = if address.is_unicast_link_local() { index() } else { 0 };
        SocketAddrV6::new(*address, DNS_PORT, 0, scope)
    };
    let servers = interface.resolvers().iter().map(server).into_vec();
    Resolvers { servers, source, ..Resolvers::default() }
}
