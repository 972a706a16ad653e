#![no_main]

#[path = "../provision_checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;

use mape_provision::Method;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = checks::hb46pp(text);
    if cfg!(feature = "planted-bug") {
        // Any that no seed has: longer numbers are not found in two minutes, as the corpus shrinks.
        let other = |method: &Method| matches!(method, Method::Lw4o6(it) if ![3, 5].contains(&it.ports.psid()));
        let planted = parsed.is_some_and(|answer| answer.methods.iter().any(other));
        assert!(!planted, "the planted bug");
    }
});
