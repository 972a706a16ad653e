#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = checks::rule(text);
    if cfg!(feature = "planted-bug") {
        assert!(!parsed.is_some_and(|parsed| parsed.port_parameters().offset() == 13), "the planted bug");
    }
});
