//! The live deployment: snapshot, drift taps, prediction log, counters. Works over any Scorer.
