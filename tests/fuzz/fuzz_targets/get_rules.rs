#![no_main]

#[path = "../provision_checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = checks::get_rules(text);
    if cfg!(feature = "planted-bug") {
        assert!(!parsed.is_some_and(|rules| rules.len() == 3), "the planted bug");
    }
});
