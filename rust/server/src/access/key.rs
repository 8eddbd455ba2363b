//! API keys as clients send them: found in the headers, taken apart, their secret compared by its MAC.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Another place for a key than `Authorization`.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const PREFIX: &[u8] = b"tg_";
const ID: usize = 10;
const SECRET: usize = 43;

/// The part of a key that names it and may be shown.
pub(crate) type KeyId = [u8; ID];
/// What is kept of the other part.
pub(crate) type SecretMac = [u8; 32];

/// A key that looks like one.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a> {
    pub(crate) id: KeyId,
    secret: &'a [u8; SECRET],
}

/// What the headers say about who asks.
pub(crate) enum Credential<'a> {
    None,
    /// Something that is no key, or more than one.
    Malformed,
    Key(Presented<'a>),
}

impl<'a> Credential<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut bearers = headers.get_all(AUTHORIZATION).iter();
        let mut keys = headers.get_all(&API_KEY).iter();
        let token = match (bearers.next(), keys.next()) {
            (None, None) => return Self::None,
            (Some(value), None) => bearer(value.as_bytes()),
            (None, Some(value)) => Some(value.as_bytes()),
            // Whoever looks at the other one would decide otherwise.
            (Some(_), Some(_)) => None,
        };
        let single = bearers.next().is_none() && keys.next().is_none();
        token.filter(|_| single).and_then(Presented::parse).map_or(Self::Malformed, Self::Key)
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

impl<'a> Presented<'a> {
    fn parse(token: &'a [u8]) -> Option<Self> {
        let (id, rest) = token.strip_prefix(PREFIX)?.split_at_checked(ID)?;
        let secret = rest.strip_prefix(b"_")?;
        let alphanumeric = id.iter().chain(secret).all(u8::is_ascii_alphanumeric);
        let (id, secret) = (id.try_into().ok()?, secret.try_into().ok()?);
        alphanumeric.then_some(Self { id, secret })
    }

    /// The key's name, for logs.
    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(&self.id).into_owned()
    }
}

/// Makes the MACs that secrets are known by. The hash is fast on purpose: secrets are 256 random bits.
#[derive(Clone)]
pub(crate) struct Pepper(Hmac<Sha256>);

impl std::fmt::Debug for Pepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pepper(…)")
    }
}

impl Pepper {
    pub(crate) fn new(pepper: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(pepper).ok().map(Self)
    }

    /// Whether the key's secret is the one with this MAC, in a time that tells nothing about either.
    pub(crate) fn genuine(&self, key: &Presented<'_>, mac: &SecretMac) -> bool {
        self.mac(key.secret).ct_eq(mac).into()
    }

    fn mac(&self, secret: &[u8]) -> SecretMac {
        let mut mac = self.0.clone();
        mac.update(secret);
        mac.finalize().into_bytes().into()
    }
}

/// The MAC as the key table writes it.
#[cfg(test)]
pub(super) fn mac_of(pepper: &str, secret: &str) -> String {
    use std::fmt::Write as _;

    let mac = Pepper::new(pepper.as_bytes()).unwrap().mac(secret.as_bytes());
    mac.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const KEY: &str = "tg_abcDEF0123_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_key_comes_in_one_of_two_headers() {
        let bearer = format!("Bearer {KEY}");
        for given in
            [("authorization", &*bearer), ("authorization", &format!("bEARER  {KEY}")), ("x-api-key", KEY)]
        {
            let headers = headers(&[given]);
            let Credential::Key(key) = Credential::of(&headers) else { panic!("{given:?}") };
            assert_eq!(key.name(), "abcDEF0123");
        }
        assert!(matches!(Credential::of(&headers(&[("x-other", KEY)])), Credential::None));
        for twice in [
            [("authorization", &*bearer), ("authorization", &*bearer)],
            [("authorization", &*bearer), ("x-api-key", KEY)],
            [("x-api-key", KEY), ("x-api-key", KEY)],
        ] {
            assert!(matches!(Credential::of(&headers(&twice)), Credential::Malformed), "{twice:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_malformed() {
        let short = &KEY[..KEY.len() - 1];
        for value in [
            "",
            "Bearer",
            "Bearer ",
            KEY,
            "Basic dTpw",
            &format!("Bearer {short}"),
            &format!("Bearer {KEY}x"),
            &format!("Bearer {}", KEY.replace("_0", "-0")),
            &format!("Bearer {}", KEY.replace('9', "é")),
        ] {
            let headers = headers(&[("authorization", value)]);
            assert!(matches!(Credential::of(&headers), Credential::Malformed), "{value:?}");
        }
    }

    #[test]
    fn a_secret_is_known_by_its_mac_as_python_makes_it() {
        // hmac.new(b"pepper", secret, hashlib.sha256).hexdigest()
        let expected = "27465e062f68a60b15a8f9a726dbd3e2ec0ab26f83817e74ef23a1c86179c8a3";
        assert_eq!(mac_of("pepper", &KEY[14..]), expected);
        let headers = headers(&[("x-api-key", KEY)]);
        let Credential::Key(key) = Credential::of(&headers) else { panic!() };
        let pepper = Pepper::new(b"pepper").unwrap();
        let mac = pepper.mac(key.secret);
        assert!(pepper.genuine(&key, &mac));
        assert!(!Pepper::new(b"salt").unwrap().genuine(&key, &mac));
        assert!(!pepper.genuine(&key, &[0; 32]));
    }
}
