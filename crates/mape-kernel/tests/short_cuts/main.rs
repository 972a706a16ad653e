//! The short cuts, read from a real kernel and inserted again, in a network namespace of its own.
//! Needs root; without it the test is skipped, except in CI.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use mape_kernel::netlink::Kernel;
use mape_kernel::nft_state::{ShortCuts, content, generation};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

/// Every kind of expression that a short cut has, and a rule behind them in each chain.
const RULES: &str = "table inet mape_rs {
	chain loaded_hash { return comment \"0x12345678\"; }
	chain forward_guard {
		type filter hook forward priority mangle; policy accept;
		iif 7 meta oiftype != ipip6 accept
		oif 7 meta l4proto udp accept
		oif 7 meta l4proto tcp accept
		counter drop
	}
	chain output_guard {
		type filter hook output priority 100; policy accept;
		@nh,392,8 6 @nh,480,16 & 0xf0 == 0x40 @nh,480,16 & 0xf000 != 0 accept
		oifname \"mape-*\" drop
	}
}
";
/// What a reload of firewall4 leaves of them.
const STATIC: &str = "flush chain inet mape_rs forward_guard
flush chain inet mape_rs output_guard
add rule inet mape_rs forward_guard counter drop
add rule inet mape_rs output_guard oifname \"mape-*\" drop
";

fn nft(arguments: &[&str], text: &str) -> String {
    let mut nft = Command::new("nft");
    let mut child =
        nft.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_a_reload_removed_is_inserted_again() {
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        assert!(std::env::var_os("MAPE_CI").is_none(), "CI must be able to make namespaces");
        eprintln!("skipped: needs root and nft");
        return;
    }
    nft(&["-f", "-"], RULES);
    let counts = [3, 1];
    let loaded = content(&Kernel::Live).unwrap();
    let (listed, short_cuts) = (nft(&["list", "ruleset"], ""), loaded.short_cuts(counts));
    let noted = ShortCuts::read(&short_cuts.text()).unwrap();
    assert_eq!(noted, short_cuts);

    nft(&["-f", "-"], STATIC);
    let without = content(&Kernel::Live).unwrap();
    assert_eq!(without.hash([0; 2]), loaded.hash(counts));
    // Another program changes rules after the generation was read: nothing is inserted.
    let earlier = generation(&Kernel::Live).unwrap();
    nft(&["add", "table", "inet", "other"], "");
    assert!(noted.insert(&Kernel::Live, earlier).unwrap_err().is(Errno::ERESTART));
    assert_eq!(content(&Kernel::Live).unwrap(), without);
    nft(&["delete", "table", "inet", "other"], "");

    noted.insert(&Kernel::Live, generation(&Kernel::Live).unwrap()).unwrap();
    assert_eq!(nft(&["list", "ruleset"], ""), listed);
    assert_eq!(content(&Kernel::Live).unwrap().hash([0; 2]), loaded.hash([0; 2]));

    // One that the kernel refuses: none is inserted.
    nft(&["-f", "-"], STATIC);
    let wrong =
        ShortCuts::read(&noted.text().replacen("696d6d65646961746500", "696d6d65646961747500", 1));
    let refused = wrong.unwrap().insert(&Kernel::Live, generation(&Kernel::Live).unwrap());
    assert!(refused.unwrap_err().is(Errno::ENOENT));
    assert_eq!(content(&Kernel::Live).unwrap().hash([0; 2]), without.hash([0; 2]));
}
