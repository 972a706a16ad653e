//! The chains of the edge, which translate and filter packets between the router and the line.
//!
//! The hooks of the device and those of the common table use the same chains. On the device, the
//! chains also see packets of a software flow offload, which skips `prerouting` and `postrouting`.

use crate::edge::Edge;
use crate::forwards;
use crate::interface::Interface;
use crate::mapping::Mapping;
use crate::text::Object;

mod icmp;
mod maps;

/// Renders the chains of one interface.
pub(crate) struct EdgeRules<'interface> {
    interface: &'interface Interface,
    ports: Ports<'interface>,
}

/// How the edge treats ports.
#[derive(Clone, Copy)]
enum Ports<'interface> {
    /// It translates internal ports to external ports and back.
    Translated(&'interface Mapping),
    /// It only checks the external ports that conntrack has picked.
    Checked(&'interface Mapping),
    /// The address is not shared, so every port and every protocol passes.
    Free,
}

/// Direction of the packets that a chain sees.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// Names and header fields that differ between the directions.
struct Fields {
    chain: &'static str,
    /// The field that must hold our address.
    address: &'static str,
    /// Its offset from the start of the IP header, in bits.
    address_offset: u16,
    /// The field that holds our port.
    port: &'static str,
    /// What begins the names of the maps from this port to its translation.
    map: &'static str,
    /// The bits of this port in the first 32-bit word of the transport header.
    port_mask: u32,
    /// A bit of the other port in this word, which is set in each key ([`word`](Self::word)).
    key_bit: u32,
}

impl Direction {
    const fn fields(self) -> Fields {
        match self {
            Self::In => Fields {
                chain: "in",
                address: "daddr",
                address_offset: 128,
                port: "dport",
                map: "ext2int",
                port_mask: 0x0000_ffff,
                key_bit: 0x0001_0000,
            },
            Self::Out => Fields {
                chain: "out",
                address: "saddr",
                address_offset: 96,
                port: "sport",
                map: "int2ext",
                port_mask: 0xffff_0000,
                key_bit: 0x0000_0001,
            },
        }
    }
}

impl Fields {
    /// Returns the key of a port from the first 32-bit word of the transport header. The kernel's
    /// table has a faster path for 32 bits than for 16.
    ///
    /// nft lists a word of which exactly the bits of a port are kept as `tcp sport`, and then
    /// refuses its own listing, because the map has other keys. The additional bit prevents this.
    fn word(&self) -> String {
        format!("@th,0,32 & {:#010x} | {:#x}", self.port_mask, self.key_bit)
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

    /// Returns the name of a chain, a set or a map in the table where the edge is.
    fn name(&self, name: &str) -> String {
        if self.interface.is_on_device() {
            name.to_owned()
        } else {
            self.interface.object_name(name)
        }
    }

    /// Returns the sets, the maps and the chains per protocol, in the order that nft requires.
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

    /// Returns the rules that every packet from the line traverses first.
    pub(crate) fn first_in(&self) -> Vec<String> {
        self.first(Direction::In)
    }

    /// Returns the rules that every packet to the line traverses first.
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
            // Later fragments carry no ports; their data must not be read as ports.
            let fragment = self.name(&format!("{chain}-fragment"));
            rules.push(format!("ip frag-off & 0x1fff != 0 goto {fragment}"));
            rules.extend(["tcp", "udp", "icmp"].map(|protocol| {
                let target = self.name(&format!("{chain}-{protocol}"));
                format!("ip protocol {protocol} ip {address} {addresses} goto {target}")
            }));
        }
        rules.push(if on_device {
            // ARP passes: Ethernet devices in tests need it.
            "meta protocol { ip, ip6 } counter drop".to_owned()
        } else {
            "counter drop".to_owned()
        });
        rules
    }

    /// Returns one rule for each common kind of packet: TCP and UDP with our address and a port in
    /// the map. Nearly all packets match one of them.
    ///
    /// Each expression costs as much as a hundredth of the whole edge or more, so there are as few
    /// as possible, and those that the kernel executes without a function call where there is a
    /// choice (measured: docs/measurements.md). The kernel reads no transport header of a later
    /// fragment, so no rule has to exclude these. The address is compared as bytes, because nft
    /// would precede `ip saddr` by a match on IPv4, which is all that the tunnel carries.
    fn fast_path(&self, direction: Direction) -> Vec<String> {
        let fields = direction.fields();
        let Ports::Translated(_) = self.ports else {
            return Vec::new();
        };
        let address = u32::from(self.interface.dataplane.address());
        let is_ours = format!("@nh,{},32 {address:#010x}", fields.address_offset);
        let translated = |protocol| self.translated(direction, protocol).unwrap_or_default();
        let (udp, tcp) = (translated("udp"), translated("tcp"));
        vec![
            format!("meta l4proto udp {is_ours} udp checksum != 0 {udp}"),
            format!("meta l4proto tcp {is_ours} tcp flags & syn == 0 {tcp}"),
            // A SYN; of other packets, only those whose port is not in the map. It is clamped here
            // even if a later rule finds its port to be a reserved one.
            format!("meta l4proto tcp {is_ours} {} {tcp}", self.lower_mss()),
        ]
    }

    /// Returns the rule that translates by the port alone, for packets with any IP header. `field`
    /// is the header whose port is written.
    fn translated(&self, direction: Direction, field: &str) -> Option<String> {
        let fields = direction.fields();
        let Ports::Translated(_) = self.ports else {
            return None;
        };
        let (map, word) = (self.name(&format!("{}-word", fields.map)), fields.word());
        Some(format!("{field} {} set {word} map @{map} accept", fields.port))
    }

    fn fragment(&self, direction: Direction) -> Object {
        let Fields { chain, address, .. } = direction.fields();
        let rules = vec![
            format!("ip {address} {} accept", self.interface.dataplane.addresses()),
            "counter drop".to_owned(),
        ];
        Object::chain(self.name(&format!("{chain}-fragment")), rules)
    }

    /// Returns the rule that lowers the MSS of TCP connections to what fits the tunnel.
    fn clamp_mss(&self) -> String {
        format!("tcp flags syn {}", self.lower_mss())
    }

    /// Returns the statement that sets the MSS. nft lowers the value and never raises it.
    fn lower_mss(&self) -> String {
        format!("tcp option maxseg size set {}", self.interface.dataplane.mss())
    }

    fn tcp(&self, direction: Direction) -> Object {
        let Fields { chain, port, .. } = direction.fields();
        let mut rules = vec![self.clamp_mss()];
        rules.extend(self.translated(direction, "tcp"));
        rules.extend(self.unchanged("tcp", port));
        rules.push("counter drop".to_owned());
        Object::chain(self.name(&format!("{chain}-tcp")), rules)
    }

    fn udp(&self, direction: Direction) -> Object {
        let Fields { chain, port, .. } = direction.fields();
        let mut rules = Vec::new();
        // `th` writes the port without updating the checksum; 0 means "no checksum".
        let unchecked = self.translated(direction, "th");
        rules.extend(unchecked.map(|rule| format!("udp checksum 0 {rule}")));
        rules.extend(self.translated(direction, "udp"));
        rules.extend(self.unchanged("udp", port));
        rules.push("counter drop".to_owned());
        Object::chain(self.name(&format!("{chain}-udp")), rules)
    }

    /// Returns the rule for ports that pass untranslated: reserved ports, or the whole port set if
    /// the edge does not translate.
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
