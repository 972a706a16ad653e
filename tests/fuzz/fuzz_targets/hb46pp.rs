#![no_main]

#[path = "../provision_checks.rs"]
#[allow(dead_code, reason = "each target uses one of the checks")]
mod checks;

use mape_provision::Method;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = checks::hb46pp(text);
    if cfg!(feature = "planted-bug") {
        let high = |method: &Method| matches!(method, Method::Lw4o6(it) if it.ports.psid() > 9);
        let planted = parsed.is_some_and(|answer| answer.methods.iter().any(high));
        assert!(!planted, "the planted bug");
    }
});
