#![no_main]

#[path = "../checks_ubus.rs"]
mod checks_ubus;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let parsed = checks_ubus::blobmsg(bytes);
    if cfg!(feature = "planted-bug") {
        let five_empty = |fields: &serde_json::Map<_, serde_json::Value>| {
            fields.values().any(|value| value.as_array().is_some_and(|array| array.len() == 5))
        };
        assert!(!parsed.is_some_and(|parsed| five_empty(&parsed)), "the planted bug");
    }
});
