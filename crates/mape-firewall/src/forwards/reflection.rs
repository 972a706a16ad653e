//! Determines from which LAN devices a published port is reachable at the external address: the
//! zones of firewall4.
//!
//! Options and defaults are those of its `redirect`. firewall4 writes down what it has found out of
//! its zones each time it loads them; it is not asked, since it holds its lock while it runs us.

use mape_core::IntoVec as _;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use mape_nft::Devices;
use mape_system::files;
use mape_system::json::{self, items};
use serde_json::Value;

use super::section::{Forward, Reflection};
use crate::env::Env;
use crate::firewall4::STATE;

/// Flags of a route (`linux/route.h`): it leads to a gateway.
const GATEWAY: u32 = 2;

/// Networks and devices of the LAN's side.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    /// firewall4's, while it is running.
    zones: Option<Vec<Zone>>,
    /// Networks that the machine is in, with their devices.
    networks: Vec<(Ipv4Net, Devices)>,
}

#[derive(Debug)]
struct Zone {
    name: String,
    /// Interfaces.
    networks: Vec<String>,
    devices: Vec<Devices>,
    subnets: Vec<Ipv4Net>,
}

impl Zones {
    pub(super) fn read(env: &Env) -> Self {
        let state = files::text(env.root.join(STATE)).unwrap_or_default();
        let routes = files::text(env.proc_net().join("route")).unwrap_or_default();
        Self::of(&state, &routes)
    }

    fn of(state: &str, routes: &str) -> Self {
        let state: Value = json::value(state).unwrap_or_default();
        let zones = state.get("zones").and_then(Value::as_array);
        let zones = zones.map(|zones| zones.iter().filter_map(Zone::read).into_vec());
        Self { zones, networks: routes.lines().filter_map(network).into_vec() }
    }

    /// The devices from which this forward is reached, sorted. Without firewall4 it is the one that
    /// leads to the host, if no zone is named.
    pub(super) fn devices(&self, forward: &Forward, host: Option<Ipv4Addr>) -> Vec<Devices> {
        let mut devices: Vec<Devices> = match (&forward.reflection, &self.zones) {
            (Reflection::Off, _) | (Reflection::Zones(_), None) => Vec::new(),
            (Reflection::Zones(names), Some(zones)) => {
                let chosen = zones.iter().filter(|zone| names.contains(&zone.name));
                chosen.flat_map(|zone| zone.devices.clone()).into_vec()
            }
            (Reflection::Host, Some(zones)) => {
                let zone = host.and_then(|host| zone_of(zones, host));
                let zone = zone.or_else(|| zones.iter().find(|zone| zone.lists(&forward.network)));
                zone.map(|zone| zone.devices.clone()).unwrap_or_default()
            }
            (Reflection::Host, None) => {
                let leads =
                    |(net, _): &&(Ipv4Net, Devices)| host.is_some_and(|host| net.contains(&host));
                let best =
                    self.networks.iter().filter(leads).max_by_key(|(net, _)| net.prefix_len());
                best.map(|(_, device)| device.clone()).into_iter().into_vec()
            }
        };
        devices.sort_unstable();
        devices.dedup();
        devices
    }
}

/// The zone with the smallest network that the host is in.
fn zone_of(zones: &[Zone], host: Ipv4Addr) -> Option<&Zone> {
    let all = zones.iter().filter_map(|zone| Some((zone.prefix_len(host)?, zone)));
    all.max_by_key(|(len, _)| *len).map(|(_, zone)| zone)
}

impl Zone {
    fn read(zone: &Value) -> Option<Self> {
        let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let devices = items(zone, "match_rules").iter().flat_map(|rule| items(rule, "devices_pos"));
        let subnet = |subnet: &Value| {
            let len = u8::try_from(subnet.get("bits")?.as_u64()?).ok()?;
            Ipv4Net::new(text(subnet, "addr")?.parse().ok()?, len).ok()
        };
        Some(Self {
            name: text(zone, "name")?,
            // An interface, which firewall4 calls a device here.
            networks: items(zone, "network").iter().filter_map(|it| text(it, "device")).into_vec(),
            devices: devices.filter_map(|it| it.as_str()?.parse().ok()).into_vec(),
            subnets: items(zone, "related_subnets").iter().filter_map(subnet).into_vec(),
        })
    }

    /// Whether the interface is in the zone, or it is the zone's own name, as in a `redirect`.
    fn lists(&self, network: &str) -> bool {
        self.name == network || self.networks.iter().any(|it| it == network)
    }

    /// Of the longest network that has the host.
    fn prefix_len(&self, host: Ipv4Addr) -> Option<u8> {
        let nets = self.subnets.iter().filter(|net| net.contains(&host));
        nets.map(Ipv4Net::prefix_len).max()
    }
}

/// A line of the kernel's list of routes: device, destination, gateway, flags, three numbers, mask.
fn network(line: &str) -> Option<(Ipv4Net, Devices)> {
    let words: Vec<&str> = line.split_ascii_whitespace().into_vec();
    let [device, destination, _, flags, _, _, _, mask, ..] = words.as_slice() else { return None };
    let number = |word: &str| u32::from_str_radix(word, 16).ok();
    // Written as the bytes stand in memory.
    let address = |word: &str| number(word).map(|it| Ipv4Addr::from(it.to_ne_bytes()));
    let net = Ipv4Net::with_netmask(address(destination)?, address(mask)?).ok()?;
    let is_near = number(flags)? & GATEWAY == 0 && net.prefix_len() > 0;
    is_near.then_some((net, device.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::KIND;
    use super::*;
    use mape_uci::Package;

    /// As firewall4 of 2026-07 writes it, shortened.
    const STATE: &str = r#"{"zones":[
        {"name":"lan","network":[{"invert":false,"device":"lan"}],"family":null,
         "match_rules":[{"family":0,"devices_pos":["br-lan"],"devices_neg":null,"subnets_pos":[]}],
         "related_subnets":[{"family":4,"addr":"192.168.1.1","mask":"255.255.255.0","bits":24},
                            {"family":6,"addr":"fd00::1","mask":"ffff::","bits":60}]},
        {"name":"guest","network":[{"invert":false,"device":"guestnet"}],
         "match_rules":[{"devices_pos":["wl*"]},{"devices_pos":["br-guest","eth0.3"]},{"devices_pos":null}],
         "related_subnets":[{"family":4,"addr":"10.0.0.1","mask":"255.255.255.0","bits":24}]},
        {"name":"vpn","match_rules":[{"devices_pos":["wg0"]}],
         "related_subnets":[{"family":4,"addr":"10.0.0.1","mask":"255.0.0.0","bits":8}]},
        {"name":"empty","match_rules":[]}],"ipsets":[],"includes":[]}"#;
    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
         wan\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
         lan0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
         lan1\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
         far\t0002A8C0\t0101A8C0\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

    fn devices(zones: &Zones, options: &str) -> Vec<String> {
        let text = format!("config mape_forward x\n option dest_port 80\n{options}");
        let package = Package::parse("firewall", &text).unwrap();
        let forward = Forward::read(package.of_kind(KIND).next().unwrap()).unwrap().unwrap();
        let host = forward.host.text().parse().ok();
        zones.devices(&forward, host).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_forward_is_reached_from_its_zones() {
        let zones = Zones::of(STATE, ROUTES);
        for (options, expected) in [
            // Where the host is, and of two such zones the one with the smaller network.
            (" option dest_ip 192.168.1.10\n", &["br-lan"][..]),
            (" option dest_ip 10.0.0.7\n", &["br-guest", "eth0.3", "wl*"]),
            (" option dest_ip 10.1.0.7\n", &["wg0"]),
            // Behind another router: what the user says.
            (" option dest_ip 172.16.0.1\n", &["br-lan"]),
            (" option dest_ip 172.16.0.1\n option dest guestnet\n", &["br-guest", "eth0.3", "wl*"]),
            (" option dest_ip 172.16.0.1\n option dest vpn\n", &["wg0"]),
            (" option dest_ip 172.16.0.1\n option dest none\n", &[]),
            (
                " option dest_ip 192.168.1.10\n option reflection_zone 'vpn lan'\n",
                &["br-lan", "wg0"],
            ),
            (
                " option dest_ip 192.168.1.10\n list reflection_zone vpn\n list reflection_zone none\n",
                &["wg0"],
            ),
            (
                " option dest_ip 192.168.1.10\n option reflection 0\n list reflection_zone vpn\n",
                &[],
            ),
            (" option dest_ip 192.168.1.10\n option reflection 1\n", &["br-lan"]),
        ] {
            assert_eq!(devices(&zones, options), expected, "{options}");
        }
    }

    #[test]
    fn without_firewall4_the_routes_tell() {
        for state in ["", "{}", "{\"zones\":1}", &STATE[..500]] {
            let zones = Zones::of(state, ROUTES);
            assert_eq!(devices(&zones, " option dest_ip 192.168.1.10\n"), ["lan0"]);
            assert_eq!(devices(&zones, " option dest_ip 192.168.2.10\n"), ["lan1"]);
            assert_eq!(devices(&zones, " option dest_ip 10.0.0.1\n"), [""; 0]);
            let named = " option dest_ip 192.168.1.10\n option reflection_zone lan\n";
            assert_eq!(devices(&zones, named), [""; 0]);
        }
    }
}
