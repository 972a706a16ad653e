//! The sets and maps of the edge.

use std::fmt::Write as _;

use super::{Direction, EdgeRules, Ports};
use crate::mapping::Mapping;
use crate::text::{Object, list};

// Types of the maps. nft compares types by name, so each kind of key needs a map of its own: the
// port of a packet, the 32-bit word that contains it, the identifier of an echo, and the source
// port (in an error from the line) or destination port (in an error to the line) of a quoted
// packet.
const PORTS: &str = "type inet_service : inet_service";
const WORDS: &str = "typeof @nh,160,32 : tcp sport";
const IDS: &str = "typeof icmp id : icmp id";
const QUOTED_SOURCE: &str = "typeof @th,224,16 : @th,224,16";
const QUOTED_DESTINATION: &str = "typeof @th,240,16 : @th,240,16";

impl EdgeRules<'_> {
    pub(super) fn maps(&self) -> Vec<Object> {
        let set = |name, declaration, elements: &str| {
            Object::elements("set", self.name(name), declaration, elements)
        };
        let owned = match self.ports {
            Ports::Translated(mapping) | Ports::Checked(mapping) => list(mapping.owned()),
            Ports::Free => return Vec::new(),
        };
        let mut objects = vec![set("port-set-icmp-id", "typeof icmp id\nflags interval", &owned)];
        objects.push(set("port-set-quoted", "typeof @th,256,16\nflags interval", &owned));
        match self.ports {
            Ports::Translated(mapping) => {
                if !mapping.reserved().is_empty() {
                    let reserved = list(mapping.reserved());
                    objects.push(set(
                        "reserved-ports",
                        "type inet_service\nflags interval",
                        &reserved,
                    ));
                    let quoted = "typeof @th,224,16\nflags interval";
                    objects.push(set("reserved-ports-quoted", quoted, &reserved));
                }
                objects.extend(self.translations(mapping));
            }
            Ports::Checked(_) | Ports::Free => {
                objects.push(set("port-set", "type inet_service\nflags interval", &owned));
            }
        }
        objects
    }

    fn translations(&self, mapping: &Mapping) -> Vec<Object> {
        let by_external = mapping.pairs_by_external();
        let by_internal: Vec<(u16, u16)> = mapping.pairs().collect();
        let (to_internal, to_external) = (pairs(by_external, 0), pairs(&by_internal, 0));
        let intervals = |declaration: &str| format!("{declaration}\nflags interval");
        // A map that says how large it is gets the faster kind of table: it need not grow.
        let exact = |declaration: &str| format!("{declaration}\nsize {}", mapping.usable());
        let mut maps = Vec::new();
        let mut map = |name, declaration: String, elements: &str| {
            maps.push(Object::elements("map", self.name(name), &declaration, elements));
        };
        map("ext2int", exact(PORTS), &to_internal);
        map("int2ext", exact(PORTS), &to_external);
        map("ext2int-word", exact(WORDS), &words(Direction::In, by_external));
        map("int2ext-word", exact(WORDS), &words(Direction::Out, &by_internal));
        map("ext2int-icmp-id", exact(IDS), &to_internal);
        map("int2ext-icmp-id", exact(IDS), &to_external);
        map("ext2int-quoted", exact(QUOTED_SOURCE), &to_internal);
        map("ext2int-checksum", intervals(QUOTED_SOURCE), &differences(by_external));
        map("int2ext-quoted", exact(QUOTED_DESTINATION), &to_external);
        map("int2ext-checksum", intervals(QUOTED_DESTINATION), &differences(&by_internal));
        maps
    }
}

/// Returns the pairs as elements of a map, with the first port shifted to the left.
fn pairs(pairs: &[(u16, u16)], shift: u32) -> String {
    let mut text = String::new();
    for (from, to) in pairs {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{separator}{} : {to}", u32::from(*from) << shift);
    }
    text
}

/// Returns the pairs with the 32-bit word that contains the first port; its other half is zero.
fn words(direction: Direction, ports: &[(u16, u16)]) -> String {
    pairs(ports, direction.fields().port_mask.trailing_zeros())
}

/// Returns intervals of ports with equal `from - to`, in one's complement. Adding this number keeps
/// a checksum valid when `from` is replaced with `to` (RFC 1624).
fn differences(pairs: &[(u16, u16)]) -> String {
    let mut runs: Vec<(u16, u16, u32)> = Vec::new();
    for &(from, to) in pairs {
        let difference = (u32::from(from) + 0xffff - u32::from(to)) % 0xffff;
        match runs.last_mut() {
            Some((_, last, of)) if *of == difference && last.checked_add(1) == Some(from) => {
                *last = from;
            }
            _ => runs.push((from, from, difference)),
        }
    }
    let run = |(first, last, difference): &(u16, u16, u32)| {
        if first == last {
            format!("{first} : {difference}")
        } else {
            format!("{first}-{last} : {difference}")
        }
    };
    runs.iter().map(run).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_interval_per_block() {
        let pairs = [(4928, 20000), (4929, 20001), (9024, 20002), (30000, 2), (30001, 3)];
        assert_eq!(differences(&pairs), "4928-4929 : 50463, 9024 : 54557, 30000-30001 : 29998");
        assert_eq!(differences(&[(7, 7)]), "7 : 0");
    }

    /// The sum that a checksum is made of (RFC 1071).
    fn sum(words: &[u16]) -> u32 {
        let total: u32 = words.iter().map(|word| u32::from(*word)).sum();
        total % 0xffff
    }

    #[test]
    fn the_difference_keeps_the_checksum() {
        for (from, to) in [(1_u16, 65535_u16), (65535, 1), (4928, 20000), (63055, 16623), (2, 1)] {
            let text = differences(&[(from, to)]);
            let difference = text.rsplit(' ').next().unwrap().parse().unwrap();
            assert_eq!(sum(&[from, 0, 7]), sum(&[to, difference, 7]), "{from} {to}");
        }
    }
}
