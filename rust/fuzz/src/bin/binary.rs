//! An infer request with binary tensors behind its JSON.
#![no_main]

use tidegate_fuzz::verdict;
use tidegate_server::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verdict(fuzzing::binary(bytes)));
