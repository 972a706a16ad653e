//! The connections that firewall4 has to accept: those that our rules translate to a LAN host.
//!
//! A rule at the end of firewall4's chain `forward` accepts the connections that a set of its table
//! contains. firewall4's text declares the set empty, and the loader fills it. A rule with only
//! `ct status dnat` would also accept the connections that other programs translate.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use mape_core::{IntoVec as _, PortRange};

use crate::edge::Edge;
use crate::full_cone;
use crate::interface::Interface;
use crate::port_ranges::complement;
use crate::published::{Published, Transport};

/// Type of the elements: original destination (address, protocol, port) and the host.
pub(crate) const TYPE: &str =
    "type ipv4_addr . inet_proto . inet_service . ipv4_addr\nflags interval";

/// Connections to these external or internal ports that are translated to these hosts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Admitted {
    address: Ipv4Addr,
    transport: Transport,
    ports: PortRange,
    hosts: Ipv4Net,
}

/// One element of the set in the kernel's form: its first and its last key.
pub type Bounds = [[u8; 16]; 2];

impl Admitted {
    /// Name of firewall4's table, of family `inet`.
    pub const TABLE: &'static str = "fw4";
    /// Name of the set in that table.
    pub const SET: &'static str = "mape_rs_published";

    /// Returns the elements for the port forwards and the full-cone hosts of these interfaces,
    /// sorted and without duplicates.
    #[must_use]
    pub fn of(interfaces: &[Interface]) -> Vec<Self> {
        let mut all: Vec<Self> =
            interfaces.iter().flat_map(|it| [servers(it), cones(it)].concat()).into_vec();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns the text for `nft -f` that replaces the elements of the set. nft refuses it if the
    /// set does not exist.
    #[must_use]
    pub fn text(elements: &[Self]) -> String {
        let set = format!("inet {} {}", Self::TABLE, Self::SET);
        let text = format!("flush set {set}\n");
        if elements.is_empty() {
            return text;
        }
        format!("{text}add element {set} {{ {} }}\n", list(elements))
    }

    /// Returns the element in the kernel's form. Each part begins at a multiple of four bytes.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let key = |address: Ipv4Addr, port: u16, host: Ipv4Addr| {
            let mut key = [0; 16];
            let parts: [(usize, &[u8]); 4] = [
                (0, &address.octets()),
                (4, &[self.transport.number()]),
                (8, &port.to_be_bytes()),
                (12, &host.octets()),
            ];
            for (start, part) in parts {
                for (to, from) in key.iter_mut().skip(start).zip(part) {
                    *to = *from;
                }
            }
            key
        };
        let Self { address, ports, hosts, .. } = self;
        [
            key(*address, ports.first(), hosts.network()),
            key(*address, ports.last(), hosts.broadcast()),
        ]
    }
}

/// Writes the element as nft reads it.
impl fmt::Display for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, transport, ports, hosts } = self;
        let hosts = match hosts.prefix_len() {
            32 => hosts.addr().to_string(),
            _ => hosts.to_string(),
        };
        write!(f, "{address} . {} . {ports} . {hosts}", transport.name())
    }
}

pub(crate) fn list(elements: &[Admitted]) -> String {
    elements.iter().map(ToString::to_string).into_vec().join(", ")
}

/// Returns an element of firewall4's set for each port forward. Its port is the external one,
/// because the edge does not translate reserved ports.
pub(crate) fn servers(interface: &Interface) -> Vec<Admitted> {
    let element = |one: &Published| {
        let ports = PortRange::new(one.port, one.port)?;
        let hosts = Ipv4Net::from(*one.host.ip());
        Some(Admitted {
            address: interface.dataplane.address(),
            transport: one.transport,
            ports,
            hosts,
        })
    };
    interface.published().into_iter().filter_map(element).into_vec()
}

/// Returns elements for the UDP ports that conntrack assigns and that full cone makes reachable.
/// Behind a translating edge these are internal ports.
fn cones(interface: &Interface) -> Vec<Admitted> {
    if !full_cone::is_needed(interface) {
        return Vec::new();
    }
    let ports = match interface.dataplane.mapping() {
        Some(mapping) if interface.edge == Edge::Plain => mapping.unreserved(),
        Some(mapping) => vec![mapping.internal()],
        // A set of intervals refuses a port that occurs twice.
        None => complement(
            interface
                .published()
                .iter()
                .filter_map(|it| PortRange::new(it.port, it.port))
                .into_vec(),
        ),
    };
    let hosts: Vec<Ipv4Net> = match interface.forwards.full_cone_hosts() {
        hosts if !interface.options.full_cone => {
            hosts.iter().copied().map(Ipv4Net::from).into_vec()
        }
        _ => vec![Ipv4Net::default()],
    };
    let address = interface.dataplane.address();
    let element =
        |ports: PortRange, hosts| Admitted { address, transport: Transport::Udp, ports, hosts };
    ports.iter().flat_map(|ports| hosts.iter().map(|hosts| element(*ports, *hosts))).into_vec()
}

#[cfg(test)]
mod tests {
    use mape_core::{Request, plan};

    use super::*;
    use crate::{Dataplane, DeviceName, Forwards, Options, Published};

    #[test]
    fn each_edge_sees_its_own_ports() {
        let mut request = Request::new("240b:10:3261:6400::/56".parse().unwrap());
        request.reserved = "5696-5710".parse().unwrap();
        let dataplane = Dataplane::new(&plan(&request).unwrap(), &[]).unwrap();
        let device = DeviceName::default_tunnel();
        let published = Published {
            transport: Transport::Tcp,
            port: 5700,
            host: "192.168.1.10:8000".parse().unwrap(),
        };
        let interface = |edge, full_cone, hosts: &[Ipv4Addr]| Interface {
            name: device.interface(),
            device: device.clone(),
            index: None,
            dataplane: dataplane.clone(),
            edge,
            options: Options { full_cone, ..Options::default() },
            offload: crate::Offload::default(),
            forwards: Forwards::new(vec![published], hosts.to_vec()),
        };
        let of = |interface: Interface| list(&Admitted::of(&[interface.clone(), interface]));
        let server = "106.72.50.97 . tcp . 5700 . 192.168.1.10";
        let host = [Ipv4Addr::new(192, 168, 1, 20)];
        assert_eq!(of(interface(Edge::Plain, false, &[])), server);
        assert_eq!(
            of(interface(Edge::Netdev, false, &host)),
            format!("{server}, 106.72.50.97 . udp . 16384-16608 . 192.168.1.20")
        );
        let plain = of(interface(Edge::Plain, true, &host));
        assert!(plain.contains(" . udp . 5711 . 0.0.0.0/0, "), "{plain}");
        assert_eq!(plain.matches("0.0.0.0/0").count(), 15);
        let text = Admitted::text(&Admitted::of(&[interface(Edge::Netdev, false, &[])]));
        assert_eq!(
            text,
            "flush set inet fw4 mape_rs_published\n\
             add element inet fw4 mape_rs_published { 106.72.50.97 . tcp . 5700 . 192.168.1.10 }\n"
        );
        assert_eq!(Admitted::text(&[]).lines().count(), 1);
    }

    #[test]
    fn keys_are_the_kernel_s() {
        let one = Admitted {
            address: "192.0.2.224".parse().unwrap(),
            transport: Transport::Udp,
            ports: PortRange::new(0x1234, 0x1235).unwrap(),
            hosts: Ipv4Net::default(),
        };
        let first = [192, 0, 2, 224, 17, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 0];
        let last = [192, 0, 2, 224, 17, 0, 0, 0, 0x12, 0x35, 0, 0, 255, 255, 255, 255];
        assert_eq!(one.bounds(), [first, last]);
    }
}
