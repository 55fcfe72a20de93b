//! HTTPS for clients that require it: certificates for this machine.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

use super::own_hosts::HostName;
use crate::cloud::client::Secret;

/// Host names of the certificate.
const NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

/// TLS error.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct TlsError(String);

/// Certificate of a server and its key, as PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Certificate of the authority, for clients to trust.
    pub ca: String,
    /// Certificate of the server.
    pub certificate: String,
    /// Key.
    pub key: Secret,
}

impl Identity {
    /// Creates a certificate for this machine and further names with those below them, signed by a new authority whose key is discarded.
    ///
    /// # Errors
    /// If no key can be generated.
    pub fn issue(hosts: &[HostName]) -> Result<Self, TlsError> {
        let made = |error: rcgen::Error| TlsError(format!("cannot create a certificate: {error}"));
        let ca_key = KeyPair::generate().map_err(made)?;
        let mut ca = CertificateParams::new(Vec::new()).map_err(made)?;
        ca.distinguished_name.push(DnType::CommonName, "goldform sandbox");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_certificate = ca.self_signed(&ca_key).map_err(made)?;
        let key = KeyPair::generate().map_err(made)?;
        let own = NAMES.iter().map(|&name| name.to_owned());
        let further =
            hosts.iter().flat_map(|host| [host.as_str().to_owned(), format!("*.{}", host.as_str())]);
        let mut leaf = CertificateParams::new(own.chain(further).collect::<Vec<_>>()).map_err(made)?;
        leaf.distinguished_name.push(DnType::CommonName, "localhost");
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = leaf.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).map_err(made)?;
        Ok(Self {
            ca: ca_certificate.pem(),
            certificate: certificate.pem(),
            key: Secret::new(key.serialize_pem()),
        })
    }

    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let pem = |error| TlsError(format!("cert.pem or key.pem is not valid PEM: {error}"));
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(pem)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.reveal().as_bytes()).map_err(pem)?;
        let invalid = |error: tokio_rustls::rustls::Error| TlsError(format!("cert.pem and key.pem: {error}"));
        // The crypto provider is explicit, because the default of the process depends on the linked crates.
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(invalid)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(invalid)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
