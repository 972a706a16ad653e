//! ICMP at the edge: echo identifiers, and the packet that an ICMP error quotes.
//!
//! nft writes raw bytes without updating the ICMP checksum, and conntrack drops an error whose
//! checksum is wrong. The rules therefore write two fields: the quoted port, and a 16-bit word of
//! the error's header that is unused and normally zero. That word takes the difference, so the
//! checksum stays valid. It is bytes 6 and 7, or bytes 4 and 5 of "fragmentation needed", whose
//! bytes 6 and 7 are the MTU. Receivers ignore it. An error in which the word is not zero cannot be
//! corrected and is dropped. An error that quotes a packet with IP options is dropped too.
//!
//! Offsets are in bits from the start of the ICMP header: 64 quoted IP header, 136 its protocol,
//! 224 source port or ICMP type of the quoted packet, 240 its destination port, 256 its echo
//! identifier.

use super::{Direction, EdgeRules, Fields, Ports};
use crate::text::Object;

const ERRORS: &str = "icmp type { destination-unreachable, time-exceeded, parameter-problem }";
const QUOTES_PORTS: &str = "@th,136,8 { 6, 17 }";
const QUOTES_ECHO_REQUEST: &str = "@th,136,8 1 @th,224,8 8";
const QUOTES_ECHO_REPLY: &str = "@th,136,8 1 @th,224,8 0";

/// Returns the field with our port in the quoted packet. An error from the line quotes a packet
/// that we sent; an error to the line quotes a packet that we received.
const fn quoted_port(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "@th,224,16",
        Direction::Out => "@th,240,16",
    }
}

impl EdgeRules<'_> {
    pub(super) fn icmp_chains(&self, direction: Direction) -> Vec<Object> {
        let Fields { chain, map, .. } = direction.fields();
        let name = |what: &str| self.name(&format!("{chain}-{what}"));
        let owned = self.name("port-set-icmp");
        if !matches!(self.ports, Ports::Translated(_)) {
            // conntrack translates the quoted packet if it belongs to a known connection. The
            // router itself also sends errors about packets that conntrack never translated.
            let rules = vec![
                format!("icmp type {{ echo-request, echo-reply }} icmp id @{owned} accept"),
                format!("{ERRORS} goto {}", name("icmp-error")),
                "counter drop".to_owned(),
            ];
            let port = quoted_port(direction);
            let err = vec![
                "@th,64,8 != 0x45 counter drop".to_owned(),
                format!("{QUOTES_PORTS} {port} @{owned} accept"),
                format!("@th,136,8 1 @th,224,8 {{ 0, 8 }} @th,256,16 @{owned} accept"),
                "counter drop".to_owned(),
            ];
            return vec![
                Object::chain(name("icmp-error"), err),
                Object::chain(name("icmp"), rules),
            ];
        }
        let ids = self.name(&format!("{map}-icmp"));
        let (ours, theirs) = match direction {
            Direction::In => ("echo-reply", "echo-request"),
            Direction::Out => ("echo-request", "echo-reply"),
        };
        let icmp = vec![
            format!("icmp type {ours} icmp id set icmp id map @{ids} accept"),
            // A ping from outside and its reply: the identifier is a port of the set.
            format!("icmp type {theirs} icmp id @{owned} accept"),
            format!("{ERRORS} goto {}", name("icmp-error")),
            "counter drop".to_owned(),
        ];
        let mut err = vec!["@th,64,8 != 0x45 counter drop".to_owned()];
        err.extend(self.untranslated(direction));
        let too_big = "icmp type destination-unreachable icmp code frag-needed";
        err.push(format!("{too_big} goto {}", name("icmp-too-big")));
        err.extend(self.quoted(direction, "@th,48,16"));
        vec![
            Object::chain(name("icmp-too-big"), self.quoted(direction, "@th,32,16")),
            Object::chain(name("icmp-error"), err),
            Object::chain(name("icmp"), icmp),
        ]
    }

    /// Returns rules for errors about packets that passed the edge untranslated.
    fn untranslated(&self, direction: Direction) -> Vec<String> {
        let port = quoted_port(direction);
        let quoted_echo = match direction {
            Direction::In => QUOTES_ECHO_REPLY,
            Direction::Out => QUOTES_ECHO_REQUEST,
        };
        let mut rules = Vec::new();
        if let Ports::Translated(mapping) = self.ports {
            if !mapping.reserved().is_empty() {
                let reserved = self.name("reserved-ports-quoted");
                rules.push(format!("{QUOTES_PORTS} {port} @{reserved} accept"));
            }
        }
        rules.push(format!("{quoted_echo} @th,256,16 @{} accept", self.name("port-set-icmp")));
        rules
    }

    /// Returns rules that translate the quoted packet; `spare` is the word that takes the
    /// difference.
    fn quoted(&self, direction: Direction, spare: &str) -> Vec<String> {
        let port = quoted_port(direction);
        let (quoted_echo, map, differences) = match direction {
            Direction::In => (QUOTES_ECHO_REQUEST, "ext2int-icmp", "ext2int-checksum"),
            Direction::Out => (QUOTES_ECHO_REPLY, "int2ext-icmp", "int2ext-checksum"),
        };
        let (map, differences) = (self.name(map), self.name(differences));
        // If the first lookup finds nothing, the rule ends before it has changed the packet. Both
        // maps have the same keys.
        let translate = |quotes: &str, field: &str| {
            format!(
                "{quotes} {spare} 0 {spare} set {field} map @{differences} \
                 {field} set {field} map @{map} accept"
            )
        };
        vec![
            translate(QUOTES_PORTS, port),
            translate(quoted_echo, "@th,256,16"),
            "counter drop".to_owned(),
        ]
    }
}
