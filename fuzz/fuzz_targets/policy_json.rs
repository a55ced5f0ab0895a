#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sentinel_properties::policy_json(bytes));
