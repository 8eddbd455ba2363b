//! The JSON of an infer request, flat and nested.
#![no_main]

use tidegate_fuzz::verdict;
use tidegate_server::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verdict(fuzzing::infer(bytes)));
