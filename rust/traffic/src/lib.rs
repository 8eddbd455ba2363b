//! Weights to slots, keys to variants. Pure.
