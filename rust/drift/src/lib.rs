//! Reference profiles, counters, PSI and KS. Pure: no I/O, no clock, no randomness.
