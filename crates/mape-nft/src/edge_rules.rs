//! The edge: what passes between the box and the line, and with which port.
//!
//! The same chains serve both places. On the device they see every packet, also those of a software
//! flow offload, which skips `prerouting` and `postrouting`.

use crate::edge::Edge;
use crate::forwards;
use crate::interface::Interface;
use crate::mapping::Mapping;
use crate::text::Object;

mod icmp;
mod maps;

/// What the chains of one interface have in common.
pub(crate) struct EdgeRules<'interface> {
    interface: &'interface Interface,
    ports: Ports<'interface>,
}

/// What happens to ports at the edge.
#[derive(Clone, Copy)]
enum Ports<'interface> {
    /// Inside ports become real ones.
    Translated(&'interface Mapping),
    /// conntrack has picked real ones; they are only checked.
    Checked(&'interface Mapping),
    /// The address is not shared: every port and every protocol passes.
    Free,
}

/// Direction of the packets a chain sees.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// Names and fields that differ between the directions.
struct Fields {
    chain: &'static str,
    /// The address that must be ours.
    address: &'static str,
    /// The port that must be ours.
    port: &'static str,
    /// From this port to the one on the other side.
    map: &'static str,
    /// Which bits of the first word behind the IPv4 header are this port.
    port_mask: u32,
}

impl Direction {
    const fn fields(self) -> Fields {
        match self {
            Self::In => Fields {
                chain: "in",
                address: "daddr",
                port: "dport",
                map: "ext2int",
                port_mask: 0x0000_ffff,
            },
            Self::Out => Fields {
                chain: "out",
                address: "saddr",
                port: "sport",
                map: "int2ext",
                port_mask: 0xffff_0000,
            },
        }
    }
}

impl<'interface> EdgeRules<'interface> {
    pub(crate) fn new(interface: &'interface Interface) -> Self {
        let ports = match (interface.dataplane.mapping(), interface.edge) {
            (None, _) => Ports::Free,
            (Some(mapping), Edge::Plain) => Ports::Checked(mapping),
            (Some(mapping), _) => Ports::Translated(mapping),
        };
        Self { interface, ports }
    }

    /// Name of a chain, a set or a map.
    fn name(&self, name: &str) -> String {
        if self.interface.is_on_device() {
            name.to_owned()
        } else {
            self.interface.object_name(name)
        }
    }

    /// Sets, maps and the chains per protocol, in the order nft wants them.
    pub(crate) fn objects(&self) -> Vec<Object> {
        let mut objects = self.maps();
        if !matches!(self.ports, Ports::Free) {
            for direction in [Direction::In, Direction::Out] {
                objects.extend(self.icmp_chains(direction));
                objects.push(self.fragment(direction));
                objects.push(self.tcp(direction));
                objects.push(self.udp(direction));
            }
        }
        objects
    }

    /// What every packet from the line meets.
    pub(crate) fn first_in(&self) -> Vec<String> {
        self.first(Direction::In)
    }

    /// What every packet to the line meets.
    pub(crate) fn first_out(&self) -> Vec<String> {
        self.first(Direction::Out)
    }

    fn first(&self, direction: Direction) -> Vec<String> {
        let Fields { chain, address, .. } = direction.fields();
        let addresses = self.interface.dataplane.addresses();
        let on_device = self.interface.is_on_device();
        let mut rules = Vec::new();
        rules.extend(forwards::neighbours_at_edge(self.interface, address));
        if direction == Direction::Out && self.interface.options.dscp_reset {
            rules.push("ip dscp set cs0".to_owned());
        }
        if matches!(self.ports, Ports::Free) {
            rules.push(format!("ip {address} != {addresses} counter drop"));
            rules.push("ip frag-off & 0x1fff != 0 accept".to_owned());
            rules.push(self.clamp_mss());
            let all = if on_device { "meta protocol ip" } else { "meta nfproto ipv4" };
            rules.push(format!("{all} accept"));
        } else {
            rules.extend(self.fast_path(direction));
            // Later fragments carry no ports: bytes of their data must not be taken for some.
            let fragment = self.name(&format!("{chain}-fragment"));
            rules.push(format!("ip frag-off & 0x1fff != 0 goto {fragment}"));
            rules.extend(["tcp", "udp", "icmp"].map(|protocol| {
                let target = self.name(&format!("{chain}-{protocol}"));
                format!("ip protocol {protocol} ip {address} {addresses} goto {target}")
            }));
        }
        rules.push(if on_device {
            // Not ARP, which an Ethernet device in a test needs.
            "meta protocol { ip, ip6 } counter drop".to_owned()
        } else {
            "counter drop".to_owned()
        });
        rules
    }

    /// Whole packets whose port the map knows, nearly all there are, in one rule for each kind.
    /// Written as comparisons of header fields, because the kernel does those in place, while every
    /// lookup, jump and `meta` is a call; and looked up with four bytes, for which its table has a
    /// faster way than for two (measured: docs/measurements.md). Those four follow a header without
    /// options.
    fn fast_path(&self, direction: Direction) -> Vec<String> {
        let Fields { address, port, map, port_mask, .. } = direction.fields();
        let Ports::Translated(_) = self.ports else {
            return Vec::new();
        };
        let addresses = self.interface.dataplane.addresses();
        let map = self.name(&format!("{map}-word"));
        // One that opens is clamped even if its port turns out to be a reserved one further on.
        let opens = format!("tcp flags & syn != 0 {}", self.lower_mss());
        [("tcp", "tcp flags & syn == 0"), ("tcp", &opens), ("udp", "udp checksum != 0")]
            .map(|(protocol, usual)| {
                format!(
                    "@nh,0,8 0x45 ip protocol {protocol} ip {address} {addresses} \
                     ip frag-off & 0x1fff == 0 {usual} \
                     {protocol} {port} set @nh,160,32 & {port_mask:#010x} map @{map} accept"
                )
            })
            .to_vec()
    }

    /// The same for any header, by the port alone; `field` is its name where it is written.
    fn translated(&self, direction: Direction, protocol: &str, field: &str) -> Option<String> {
        let Fields { port, map, .. } = direction.fields();
        let Ports::Translated(_) = self.ports else {
            return None;
        };
        let map = self.name(map);
        Some(format!("{field} {port} set {protocol} {port} map @{map} accept"))
    }

    fn fragment(&self, direction: Direction) -> Object {
        let Fields { chain, address, .. } = direction.fields();
        let rules = vec![
            format!("ip {address} {} accept", self.interface.dataplane.addresses()),
            "counter drop".to_owned(),
        ];
        Object::chain(self.name(&format!("{chain}-fragment")), rules)
    }

    /// TCP's segments fit the tunnel in both directions.
    fn clamp_mss(&self) -> String {
        format!("tcp flags syn {}", self.lower_mss())
    }

    /// nft only ever lowers the value.
    fn lower_mss(&self) -> String {
        format!("tcp option maxseg size set {}", self.interface.dataplane.mss())
    }

    fn tcp(&self, direction: Direction) -> Object {
        let Fields { chain, port, .. } = direction.fields();
        let mut rules = vec![self.clamp_mss()];
        rules.extend(self.translated(direction, "tcp", "tcp"));
        rules.extend(self.unchanged("tcp", port));
        rules.push("counter drop".to_owned());
        Object::chain(self.name(&format!("{chain}-tcp")), rules)
    }

    fn udp(&self, direction: Direction) -> Object {
        let Fields { chain, port, .. } = direction.fields();
        let mut rules = Vec::new();
        // `th` writes the port and leaves the checksum alone, which here means "none".
        let unchecked = self.translated(direction, "udp", "th");
        rules.extend(unchecked.map(|rule| format!("udp checksum 0 {rule}")));
        rules.extend(self.translated(direction, "udp", "udp"));
        rules.extend(self.unchanged("udp", port));
        rules.push("counter drop".to_owned());
        Object::chain(self.name(&format!("{chain}-udp")), rules)
    }

    /// Ports that pass as they are: reserved ones, or all of the set where nothing is translated.
    fn unchanged(&self, protocol: &str, port: &str) -> Option<String> {
        let set = match self.ports {
            Ports::Translated(mapping) if mapping.reserved().is_empty() => return None,
            Ports::Translated(_) => "reserved-ports",
            Ports::Checked(_) => "port-set",
            Ports::Free => return None,
        };
        Some(format!("{protocol} {port} @{} accept", self.name(set)))
    }
}
