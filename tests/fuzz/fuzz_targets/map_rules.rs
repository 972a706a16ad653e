#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = checks::map_rules(text);
    if cfg!(feature = "planted-bug") {
        assert!(
            !parsed.is_some_and(|rules| rules.iter().any(|rule| rule.ea_len() == 13)),
            "the planted bug"
        );
    }
});
