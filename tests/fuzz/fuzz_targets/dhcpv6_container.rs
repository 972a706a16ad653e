#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;
#[path = "../checks_linux.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks_linux;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let rules = checks_linux::dhcpv6_container(text);
    if cfg!(feature = "planted-bug") {
        assert!(!rules.iter().any(|rule| rule.ea_len() == 23), "the planted bug");
    }
});
