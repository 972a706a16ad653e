#![no_main]

#[path = "../checks_netlink.rs"]
mod checks_netlink;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let entry = checks_netlink::ctnetlink(bytes);
    if cfg!(feature = "planted-bug") {
        assert!(!entry.is_some_and(|entry| entry.tcp_state == Some(9)), "the planted bug");
    }
});
