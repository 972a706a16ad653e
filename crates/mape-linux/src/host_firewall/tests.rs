#![allow(clippy::unwrap_used, reason = "a test")]

use super::{InputChain, deletions, rules_of};

#[test]
fn only_our_rules_are_deleted() {
    let listed = "\
table inet filter { # handle 1
	chain input { # handle 2
		ip6 saddr 2001:db8::1 accept comment \"mape-rs wan2\" # handle 5
		ip6 saddr 2001:db8::1 ip6 daddr 2001:db8::2 meta l4proto 4 accept comment \"mape-rs wan\" # handle 7
		tcp dport 22 accept # handle 8
	}
}
";
    let chain: InputChain = "inet filter input".parse().unwrap();
    let ours: Vec<&str> = rules_of(listed, &"wan".parse().unwrap()).collect();
    assert_eq!(deletions(&chain, &ours), "delete rule inet filter input handle 7\n");
}
