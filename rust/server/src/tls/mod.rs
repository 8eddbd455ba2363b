//! TLS: material that is checked before it counts, and again whenever its files change.

mod files;
mod names;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::TlsConfig;
pub use files::TlsError;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What handshakes are made with.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsConfig,
    current: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads and checks all files.
    pub(crate) fn load(files: &TlsConfig) -> Result<Self, TlsError> {
        let current = ArcSwap::new(build(files)?);
        Ok(Self { files: files.clone(), current })
    }

    /// The stream after its handshake.
    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.current.load_full()).accept(stream).await
    }

    /// The names of a client whose certificate was verified, in the words of the key table.
    pub(crate) fn names(&self, stream: &TlsStream<TcpStream>) -> Arc<[Box<str>]> {
        let (_, connection) = stream.get_ref();
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        certificate.map_or_else(Arc::default, |certificate| names::of(certificate, &self.files.principals))
    }

    /// Takes new files whenever they change, for ever. What is wrong with them is logged; the last good ones serve on.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut taken = self.stamp();
        let mut told = String::new();
        loop {
            tokio::time::sleep(LOOK).await;
            let stamp = self.stamp();
            if stamp == taken {
                continue;
            }
            let files = self.files.clone();
            let built = tokio::task::spawn_blocking(move || build(&files)).await;
            match built {
                Ok(Ok(config)) => {
                    self.current.store(config);
                    taken = stamp;
                    told.clear();
                    tracing::info!("new TLS files are served");
                }
                // Perhaps only the first of two files has been replaced: they are tried again.
                Ok(Err(error)) => {
                    let text = error.to_string();
                    if text != told {
                        tracing::warn!(
                            error = &*text,
                            "new TLS files are not taken; the last good ones serve on"
                        );
                        told = text;
                    }
                }
                Err(error) => tracing::error!(error = &*error.to_string(), "TLS files were not read"),
            }
        }
    }

    fn stamp(&self) -> Vec<Option<files::Stamp>> {
        let TlsConfig { certificate, key, client_ca, .. } = &self.files;
        let paths: Vec<&PathBuf> = [certificate, key].into_iter().chain(client_ca).collect();
        paths.into_iter().map(|path| files::stamp(path)).collect()
    }
}

fn build(files: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = files::certificates("tls.certificate", &files.certificate)?;
    let key = files::private_key("tls.key", &files.key)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Refused { setting: "tls.certificate", source })?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = files::roots("tls.client_ca", path)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|source| TlsError::Verifier { setting: "tls.client_ca", source })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|source| TlsError::Refused { setting: "tls.certificate and tls.key", source })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Principals by name in a certificate.
type Principals = HashMap<String, String>;
