#![no_main]

#[path = "../checks_dns.rs"]
mod checks_dns;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let longest = checks_dns::dns(bytes);
    if cfg!(feature = "planted-bug") {
        assert!(!longest.is_some_and(|text| text.starts_with(b"v=v6")), "the planted bug");
    }
});
