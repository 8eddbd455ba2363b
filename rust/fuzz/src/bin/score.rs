//! Records and columns in JSON.
#![no_main]

use tidegate_fuzz::verdict;
use tidegate_server::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verdict(fuzzing::score(bytes)));
