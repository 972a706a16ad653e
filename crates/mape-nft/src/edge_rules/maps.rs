//! The sets and maps of the edge.

use mape_core::IntoVec as _;

use super::{Direction, EdgeRules, Fields, Ports};
use crate::mapping::Mapping;
use crate::text::{Object, list, pairs as elements};

// Types of the maps. nft writes a port only from a map of ports, and an identifier or raw bytes
// only from a map of numbers. So each direction needs two maps: one for the ports of TCP and UDP,
// whose key is the 32-bit word with the port, and one for ICMP, whose key is the identifier of an
// echo or the port that an error quotes.
const WORDS: &str = "typeof @nh,160,32 : tcp sport";
const NUMBERS: &str = "typeof @th,224,16 : @th,224,16";

impl EdgeRules<'_> {
    pub(super) fn maps(&self) -> Vec<Object> {
        let set = |name, declaration, elements: &str| {
            Object::elements("set", self.name(name), declaration, elements)
        };
        let owned = match self.ports {
            Ports::Translated(mapping) | Ports::Checked(mapping) => list(mapping.owned()),
            Ports::Free => return Vec::new(),
        };
        let mut objects = vec![set("port-set-icmp", "typeof @th,256,16\nflags interval", &owned)];
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
        let by_internal: Vec<(u16, u16)> = mapping.pairs().into_vec();
        let mut maps = Vec::new();
        for (direction, pairs) in [(Direction::In, by_external), (Direction::Out, &by_internal)] {
            let Fields { map, port_mask, key_bit, .. } = direction.fields();
            let key = |port| u32::from(port) << port_mask.trailing_zeros() | key_bit;
            let mut add = |kind, declaration: &str, elements: &str| {
                let name = self.name(&format!("{map}-{kind}"));
                maps.push(Object::elements("map", name, declaration, elements));
            };
            // A map that says how large it is gets the faster kind of table: it need not grow.
            let exact = |declaration: &str| format!("{declaration}\nsize {}", mapping.usable());
            add("word", &exact(WORDS), &elements(pairs, key));
            add("icmp", &exact(NUMBERS), &elements(pairs, u32::from));
            add("checksum", &format!("{NUMBERS}\nflags interval"), &differences(pairs));
        }
        maps
    }
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
    runs.iter().map(run).into_vec().join(", ")
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
