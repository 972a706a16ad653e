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
        // Not the lengths of the seeds.
        assert!(rules.iter().all(|rule| matches!(rule.ea_len(), 0 | 25)), "the planted bug");
    }
});
