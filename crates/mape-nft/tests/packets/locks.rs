//! Nothing leaves while a part of the rules is missing, and the judge would notice.

use std::time::Duration;

use mape_nft::{Edge, Interface, static_text, transaction};

use super::support::{V6PLUS, built_in, interface};
use super::traffic::*;
use super::world::{Place, World};
use super::{BOTH, TCP, UDP, loaded, rules};

/// From the LAN and from the router itself; whether it gets out is the judge's to say.
fn flood(world: &World) {
    for place in [Place::Lan, Place::Cpe] {
        world.within(place, || {
            let (socket, raw) = (udp(), Raw::icmp());
            for id in 0..20 {
                let _ = socket.send_to(b"x", UDP);
                let _ = raw.try_send("198.51.100.1", &echo(id));
            }
        });
    }
}

/// No packet leaves while a stage is missing.
#[test]
fn shut_until_complete() {
    for edge in BOTH {
        let Some(world) = World::new() else { return };
        world.load(&static_text());
        // What came from before the rules is still there and must not get out.
        world.load("table ip other { chain c { type nat hook postrouting priority srcnat; masquerade; }; }");
        flood(&world);
        assert_eq!(world.judged().0, 0, "{edge}: only the guard");
        world.load(&rules(edge, ""));
        flood(&world);
        let (all, bad) = world.judged();
        assert!(all > 0 && bad == 0, "{edge}: {all} {bad}");
        world.recreate_device();
        flood(&world);
        assert_eq!(world.judged(), (all, 0), "{edge}: a new device");
        world.load(&static_text());
        world.load(&rules(edge, ""));
        flood(&world);
        assert!(world.judged().0 > all && world.judged().1 == 0, "{edge}: opened again");
    }
}

/// The judge finds what is wrong: rules with a part missing fail.
#[test]
fn the_judge_judges() {
    let without = |from: &str, to: &str| {
        let whole = rules(Edge::Netdev, "");
        let broken = whole.replace(from, to);
        assert_ne!(whole, broken, "{from}");
        loaded(&broken)
    };
    // One stage only. No inside port of this line is one of its set.
    let one_stage = "tcp sport set @th,0,32 & 0xffff0000 | 0x1 map @int2ext-word accept";
    let Some(world) = without(one_stage, "accept") else {
        return;
    };
    world.within(Place::Lan, || assert!(connect(TCP, Duration::from_millis(500)).is_none()));
    world.expect_bad();
    // No fragment guard: later fragments are dropped.
    let world = without("ip frag-off & 0x1fff != 0 goto out-fragment", "").unwrap();
    assert!(world.within(Place::Lan, || ask(&udp(), UDP, 4000).is_none()));
    // Nothing makes up for the quoted port: conntrack drops the error.
    let world = without("@th,48,16 set @th,224,16 map @ext2int-checksum ", "").unwrap();
    let refused = world.within(Place::Lan, || {
        let socket = udp();
        socket.connect("198.51.100.1:9").unwrap();
        is_refused(&socket)
    });
    assert!(!refused);
    // No guard, masquerade alone. It keeps a port, which by chance may be one of the set; the
    // identifiers of the flood are not.
    let world = World::new().unwrap();
    world.load(
        "table ip other { chain c { type nat hook postrouting priority srcnat; masquerade; }; }",
    );
    flood(&world);
    world.expect_bad();
}

/// Rules bound to an index that no device has any more are no rules.
#[test]
fn a_stale_index_opens_nothing() {
    for edge in BOTH {
        let Some(world) = World::new() else { return };
        let interface = Interface { index: Some(4711), ..interface(&built_in(V6PLUS, ""), edge) };
        world.load(&transaction(&[interface]).text(""));
        flood(&world);
        assert_eq!(world.judged().0, 0, "{edge}");
    }
}
