#![no_main]

#[path = "../provision_checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = checks::txt(text);
    if cfg!(feature = "planted-bug") {
        assert!(!parsed.is_some_and(|found| !found.verify && found.url.scheme() == mape_provision::Scheme::Https), "the planted bug");
    }
});
