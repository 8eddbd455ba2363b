//! Who has which key and may do what: the table that control hands out, checked whole before it counts.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::key::{KeyId, Pepper, Presented, SecretMac};
use super::rate::Rate;
use super::rights::{Named, Rights};

/// The form of the table.
const FORMAT: u32 = 1;

/// Somebody who may ask.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: Arc<str>,
    pub(crate) rights: Rights,
    pub(crate) rate: Option<Arc<Rate>>,
}

/// Principals by name and keys by id.
#[derive(Debug, Default)]
pub(crate) struct Table {
    keys: HashMap<KeyId, Key>,
    principals: HashMap<Arc<str>, Arc<Identity>>,
}

#[derive(Debug)]
struct Key {
    mac: SecretMac,
    /// Unix seconds.
    expires_at: Option<u64>,
    identity: Arc<Identity>,
}

/// Why a table does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error("the key table can't be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the key table has format {0}; this server reads {FORMAT}")]
    Format(u32),
    #[error("the key table holds the key '{0}', which is none")]
    Key(String),
    #[error("the key table names the principal '{0}' and does not hold it")]
    Principal(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableJson {
    format: u32,
    principals: Vec<PrincipalJson>,
    keys: Vec<KeyJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalJson {
    name: String,
    rights: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyJson {
    id: String,
    mac: String,
    principal: String,
    expires_at: Option<u64>,
}

impl Table {
    /// Reads a table; `rate` gives the limit of a principal.
    pub(crate) fn parse(
        json: &[u8],
        mut rate: impl FnMut(&Arc<str>) -> Option<Arc<Rate>>,
    ) -> Result<Self, TableError> {
        let table: TableJson = serde_json::from_slice(json)?;
        if table.format != FORMAT {
            return Err(TableError::Format(table.format));
        }
        let mut read = Self::default();
        for PrincipalJson { name, rights } in table.principals {
            let name = Arc::from(name);
            let rate = rate(&name);
            let identity = Identity { name: Arc::clone(&name), rights: rights.into_iter().collect(), rate };
            read.principals.insert(name, Arc::new(identity));
        }
        for key in table.keys {
            let identity =
                read.principal(&key.principal).ok_or_else(|| TableError::Principal(key.principal.clone()))?;
            let parsed = key.id.as_bytes().try_into().ok().zip(mac(&key.mac));
            let (id, mac) = parsed.ok_or_else(|| TableError::Key(key.id.clone()))?;
            let identity = Arc::clone(identity);
            read.keys.insert(id, Key { mac, expires_at: key.expires_at, identity });
        }
        Ok(read)
    }

    /// Whose key it is, if it is in force. Unknown ones take as long as known ones.
    pub(crate) fn identify(&self, key: &Presented<'_>, pepper: &Pepper, now: u64) -> Option<&Arc<Identity>> {
        let found = self.keys.get(&key.id);
        let genuine = pepper.genuine(key, found.map_or(&[0; 32], |key| &key.mac));
        found.filter(|key| genuine && key.expires_at.is_none_or(|end| now < end)).map(|key| &key.identity)
    }

    pub(crate) fn principal(&self, name: &str) -> Option<&Arc<Identity>> {
        self.principals.get(name)
    }
}

/// The bytes of 64 hexadecimal digits.
fn mac(hex: &str) -> Option<SecretMac> {
    let digits = hex.as_bytes();
    let mut mac = [0; 32];
    if digits.len() != 2 * mac.len() {
        return None;
    }
    for (byte, pair) in mac.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (char::from(pair[0]).to_digit(16)?, char::from(pair[1]).to_digit(16)?);
        *byte = (high * 16 + low) as u8;
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::super::key::{Credential, mac_of};
    use super::*;
    use http::{HeaderMap, HeaderValue};

    const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    fn json(expires_at: Option<u64>) -> serde_json::Value {
        serde_json::json!({
            "format": 1,
            "principals": [{"name": "bob", "rights": ["score", "look"]}, {"name": "eve", "rights": []}],
            "keys": [{"id": "bobskey001", "mac": mac_of("pepper", SECRET), "principal": "bob", "expires_at": expires_at}],
        })
    }

    fn table(expires_at: Option<u64>) -> Table {
        Table::parse(json(expires_at).to_string().as_bytes(), |_| None).unwrap()
    }

    fn who(table: &Table, key: &str, now: u64) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_str(key).unwrap());
        let Credential::Key(key) = Credential::of(&headers) else { panic!("{key}") };
        let pepper = Pepper::new(b"pepper").unwrap();
        table.identify(&key, &pepper, now).map(|identity| identity.name.to_string())
    }

    #[test]
    fn a_key_is_its_principal_until_it_expires() {
        let key = format!("tg_bobskey001_{SECRET}");
        assert_eq!(who(&table(None), &key, u64::MAX).unwrap(), "bob");
        assert_eq!(who(&table(Some(100)), &key, 99).unwrap(), "bob");
        assert_eq!(who(&table(Some(100)), &key, 100), None);
        assert_eq!(who(&table(None), &key.replace('G', "H"), 0), None);
        assert_eq!(who(&table(None), &key.replace("001", "002"), 0), None);
        // An unknown id must not match the MAC that stands in for it.
        assert_eq!(who(&Table::default(), &key, 0), None);
        let bob = table(None).principal("bob").unwrap().rights;
        assert!(bob.has(Named::Score) && !bob.has(Named::Pin));
    }

    #[test]
    fn a_table_that_does_not_hold_together_is_refused() {
        let parse = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut table = json(None);
            change(&mut table);
            Table::parse(table.to_string().as_bytes(), |_| None).unwrap_err().to_string()
        };
        assert!(parse(&|table| table["format"] = 2.into()).contains("format 2"));
        assert!(parse(&|table| table["keys"][0]["principal"] = "ann".into()).contains("'ann'"));
        for mac in ["", "zz", &"g".repeat(64), &"é".repeat(32)] {
            assert!(parse(&|table| table["keys"][0]["mac"] = mac.into()).contains("'bobskey001'"), "{mac}");
        }
        assert!(parse(&|table| table["keys"][0]["id"] = "short".into()).contains("'short'"));
        assert!(parse(&|table| table["principals"][0]["rights"][0] = "fly".into()).contains("fly"));
        assert!(parse(&|table| table["more"] = 1.into()).contains("more"));
    }
}
