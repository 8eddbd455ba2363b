//! Whom a client certificate names: its URIs and DNS names, in the words of the key table.

use std::sync::Arc;

use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::Principals;

/// The principals that a verified certificate names, in its order.
pub(super) fn of(certificate: &[u8], principals: &Principals) -> Arc<[Box<str>]> {
    let Ok((_, certificate)) = parse_x509_certificate(certificate) else { return unnamed() };
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return unnamed() };
    let names = alternatives.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(name) | GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    let found: Arc<[Box<str>]> =
        names.map(|name| principals.get(name).map_or(name, String::as_str).into()).collect();
    if found.is_empty() { unnamed() } else { found }
}

/// Somebody who is certified and has no name is not nobody: no principal is called so.
fn unnamed() -> Arc<[Box<str>]> {
    Arc::from([Box::from("?")])
}
