//! Keys and the table that control would make of them.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

pub(crate) const PEPPER: &str = "salt and pepper";
const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// The key of the principal `name`; there is one for every name.
pub(crate) fn key(name: &str) -> String {
    format!("tg_{}_{SECRET}", id(name))
}

fn id(name: &str) -> String {
    format!("{name:0>10}").chars().take(10).collect()
}

/// A table of principals with their rights, each with a key.
pub(crate) fn table(principals: &[(&str, &[&str])]) -> Value {
    let rows = |row: &dyn Fn(&str, &[&str]) -> Value| -> Vec<Value> {
        principals.iter().map(|(name, rights)| row(name, rights)).collect()
    };
    json!({
        "format": 1,
        "principals": rows(&|name, rights| json!({"name": name, "rights": rights})),
        "keys": rows(&|name, _| json!({"id": id(name), "mac": mac(), "principal": name, "expires_at": null})),
    })
}

fn mac() -> String {
    let mut mac: Hmac<Sha256> = Hmac::new_from_slice(PEPPER.as_bytes()).unwrap();
    mac.update(SECRET.as_bytes());
    mac.finalize().into_bytes().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
