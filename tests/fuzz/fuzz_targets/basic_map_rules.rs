#![no_main]

#[path = "../provision_checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = checks::basic_map_rules(text);
    if cfg!(feature = "planted-bug") {
        let other = parsed.is_some_and(|rules| rules.iter().any(|rule| rule.ea_len() != 24));
        assert!(!other, "the planted bug");
    }
});
