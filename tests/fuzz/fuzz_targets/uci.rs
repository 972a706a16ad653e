#![no_main]

#[path = "../checks_uci.rs"]
mod checks_uci;

use mape_uci::Value;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parsed = checks_uci::uci(text);
    if cfg!(feature = "planted-bug") {
        let has = |value: &Value| matches!(value, Value::List(items) if items.len() == 3);
        let mut sections = parsed.iter().flat_map(|package| package.sections());
        let found = sections.any(|section| section.options().iter().any(|(_, value)| has(value)));
        assert!(!found, "the planted bug");
    }
});
