#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| goldform::testing::targets::check("object_listing", bytes));
