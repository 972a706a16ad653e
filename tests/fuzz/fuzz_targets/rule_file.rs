#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = checks::rule_file(text);
    if cfg!(feature = "planted-bug") {
        assert!(!parsed.is_some_and(|parsed| parsed.len() == 3), "the planted bug");
    }
});
