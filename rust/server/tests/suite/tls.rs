//! TLS on the data port: what is refused at the start, who gets in, and new files while a connection lives.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tidegate_server::{Secret, TlsConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Code;

use crate::support::grpc_call::bare;
use crate::support::home::Home;
use crate::support::http::{Reply, call_over};
use crate::support::keys::{PEPPER, key, table};
use crate::support::server::{Running, refusal};

/// Authorities, and the files of a server.
struct Files {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = Self { folder: tempfile::tempdir().unwrap(), authority };
        files.serve("localhost");
        std::fs::write(files.path("ca.pem"), files.authority.pem()).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signed(&self, change: impl FnOnce(&mut CertificateParams)) -> (String, KeyPair) {
        let mut params = CertificateParams::default();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.authority).unwrap().pem(), key)
    }

    /// Writes certificate and key of a server of that name, the key first.
    fn serve(&self, name: &str) {
        let name = SanType::DnsName(name.try_into().unwrap());
        let (certificate, key) = self.signed(|params| params.subject_alt_names = vec![name]);
        self.write(&certificate, &key);
    }

    fn write(&self, certificate: &str, key: &KeyPair) {
        std::fs::write(self.path("key.pem"), key.serialize_pem()).unwrap();
        std::fs::set_permissions(self.path("key.pem"), Permissions::from_mode(0o600)).unwrap();
        std::fs::write(self.path("certificate.pem"), certificate).unwrap();
    }

    fn config(&self) -> TlsConfig {
        TlsConfig {
            certificate: self.path("certificate.pem"),
            key: self.path("key.pem"),
            client_ca: None,
            principals: std::collections::HashMap::new(),
        }
    }

    /// A client that trusts the authority, with a certificate or without.
    async fn connect(
        &self,
        at: SocketAddr,
        name: &'static str,
        own: Option<(String, KeyPair)>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        let name = ServerName::try_from(name).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(at).await?).await
    }
}

async fn start(home: &Home, tls: TlsConfig) -> Running {
    Running::start(home.path(), |config| config.tls = Some(tls)).await
}

async fn ask(stream: TlsStream<TcpStream>, path: &str, headers: &[(&str, &str)]) -> Reply {
    call_over(stream, Method::GET, path, headers, Bytes::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_are_spoken_and_no_plain_text() {
    let (home, files) = (Home::served(), Files::new());
    let server = start(&home, files.config()).await;
    let at = server.addresses.data;
    let stream = files.connect(at, "localhost", None).await.unwrap();
    assert_eq!(ask(stream, "/v2", &[]).await.status, 200);
    let stream = files.connect(at, "localhost", None).await.unwrap();
    assert_eq!(bare(stream, "/inference.GRPCInferenceService/ServerLive", None).await, Code::Ok);
    assert!(files.connect(at, "elsewhere", None).await.is_err());
    let mut plain = TcpStream::connect(at).await.unwrap();
    plain.write_all(b"GET /v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut() {
    let (home, files) = (Home::served(), Files::new());
    let server = Running::start(home.path(), |config| {
        config.tls = Some(files.config());
        config.limits.handshake_seconds = 0.05;
    })
    .await;
    let mut silent = TcpStream::connect(server.addresses.data).await.unwrap();
    silent.write_all(&[0x16, 3, 1]).await.unwrap();
    let end = silent.read(&mut [0; 16]).await;
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_names_a_principal() {
    let (home, files) = (Home::served(), Files::new());
    let rights: [(&str, &[&str]); 3] =
        [("bob.example", &["look"]), ("worker", &["score"]), ("looker", &["look"])];
    std::fs::write(home.path().join("scoring-keys.json"), table(&rights).to_string()).unwrap();
    let principals = [("spiffe://example/worker".to_owned(), "worker".to_owned())].into();
    let tls = TlsConfig { client_ca: Some(files.path("ca.pem")), principals, ..files.config() };
    let server = Running::start(home.path(), |config| {
        config.tls = Some(tls);
        config.require_keys = true;
        config.pepper = Some(Secret::new(PEPPER));
    })
    .await;
    let at = server.addresses.data;
    let with = async |name: SanType, headers: &[(&str, &str)]| {
        let own = files.signed(|params| params.subject_alt_names = vec![name]);
        ask(files.connect(at, "localhost", Some(own)).await.unwrap(), "/v2", headers).await.status
    };
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    assert_eq!(with(dns("bob.example"), &[]).await, 200);
    assert_eq!(with(SanType::URI("spiffe://example/worker".try_into().unwrap()), &[]).await, 403);
    assert_eq!(with(dns("stranger.example"), &[]).await, 401);
    // A key is more than a certificate, in both directions.
    assert_eq!(with(dns("stranger.example"), &[("x-api-key", &*key("looker"))]).await, 200);
    assert_eq!(with(dns("bob.example"), &[("x-api-key", "tg_bad")]).await, 401);

    // Without one, or with one of somebody else's authority, there is no connection that answers.
    let others = Files::new();
    let foreign = others.signed(|params| params.subject_alt_names = vec![dns("bob.example")]);
    for own in [None, Some(foreign)] {
        let refused = match files.connect(at, "localhost", own).await {
            Err(_) => true,
            Ok(mut stream) => {
                let _ = stream.write_all(b"GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n").await;
                !matches!(stream.read(&mut [0; 16]).await, Ok(bytes) if bytes > 0)
            }
        };
        assert!(refused);
    }
}

#[tokio::test]
async fn new_files_are_served_while_a_connection_lives() {
    let (home, files) = (Home::served(), Files::new());
    let server = start(&home, files.config()).await;
    let at = server.addresses.data;
    let mut living = files.connect(at, "localhost", None).await.unwrap();
    // A key without its certificate changes nothing.
    let (certificate, own) = files
        .signed(|params| params.subject_alt_names = vec![SanType::DnsName("renewed".try_into().unwrap())]);
    std::fs::write(files.path("key.pem"), own.serialize_pem()).unwrap();
    assert!(files.connect(at, "localhost", None).await.is_ok());
    std::fs::write(files.path("certificate.pem"), certificate).unwrap();
    while files.connect(at, "renewed", None).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(files.connect(at, "localhost", None).await.is_err());
    living.write_all(b"GET /v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    living.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[test]
fn material_that_can_not_serve_is_refused_by_the_name_of_its_setting() {
    let (home, files) = (Home::served(), Files::new());
    let said = |tls: TlsConfig| refusal(home.path(), |config| config.tls = Some(tls));
    let good = std::fs::read_to_string(files.path("certificate.pem")).unwrap();

    let missing = TlsConfig { certificate: files.path("none"), ..files.config() };
    assert!(said(missing).starts_with("tls.certificate: the file can't be read"));
    let none = TlsConfig { key: files.path("certificate.pem"), ..files.config() };
    std::fs::set_permissions(files.path("certificate.pem"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(said(none), "tls.key: the file holds no private key in PEM");
    let none = TlsConfig { certificate: files.path("key.pem"), ..files.config() };
    assert_eq!(said(none), "tls.certificate: the file holds no certificate in PEM");
    let none = TlsConfig { client_ca: Some(files.path("key.pem")), ..files.config() };
    assert_eq!(said(none), "tls.client_ca: the file holds no certificate in PEM");

    std::fs::set_permissions(files.path("key.pem"), Permissions::from_mode(0o644)).unwrap();
    assert!(said(files.config()).starts_with("tls.key: the file has mode 644"));
    files.write(&good, &KeyPair::generate().unwrap());
    let mismatch = said(files.config());
    assert!(mismatch.starts_with("tls.certificate and tls.key: "), "{mismatch}");
    let (expired, key) = files.signed(|params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    files.write(&expired, &key);
    let expired = said(files.config());
    assert!(expired.starts_with("tls.certificate: the certificate is valid from Jan  1"), "{expired}");
    assert!(!expired.contains(files.folder.path().to_str().unwrap()), "{expired}");
}
