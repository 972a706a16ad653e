#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;
#[path = "../checks_linux.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks_linux;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let ports = checks_linux::linux_forwards(text);
    if cfg!(feature = "planted-bug") {
        assert!(!ports.contains(&9), "the planted bug");
    }
});
