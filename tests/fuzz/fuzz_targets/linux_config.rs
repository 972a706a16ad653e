#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;
#[path = "../checks_linux.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks_linux;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = checks_linux::linux_config(text);
    if cfg!(feature = "planted-bug") {
        let has = parsed.is_some_and(|config| config.input_chain.is_some() && config.ttl == 9);
        assert!(!has, "the planted bug");
    }
});
