//! TLS in front of HTTP: the certificate, and what is negotiated.

use std::fmt;
use std::sync::Arc;

use kinetik::{Error, ErrorKind, Result};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificate with which a server answers over TLS. `Debug` does not show its key.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    certificate: String,
}

/// For which names a made certificate stands.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// HTTP/2 first, as clients that can speak it want it.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

impl Tls {
    /// A certificate made just now for `localhost`, `127.0.0.1`, `::1` and `names`, signed by nobody: clients must be
    /// given [`Tls::certificate`], or told not to check.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a name that no certificate can have.
    pub fn generated(names: &[String]) -> Result<Self> {
        let known = NAMES.into_iter().map(str::to_owned);
        let names: Vec<_> = known.chain(names.iter().cloned()).collect();
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| {
            Error::invalid("names", "expected host names for a certificate").source(error)
        })?;
        Self::from_pem(&made.cert.pem(), &made.signing_key.serialize_pem())
    }

    /// A certificate, with those that vouch for it behind it, and its key, all as PEM.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when one of the two is not what it should be or they do not
    /// belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self> {
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes());
        let chain = chain.collect::<std::result::Result<Vec<_>, _>>();
        let chain = chain
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| Error::invalid("tls", "expected a certificate in PEM"))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| Error::invalid("tls", "expected the certificate's private key in PEM"))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorKind::Internal, "TLS").source(error))?;
        let mut config = builder
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| {
                Error::invalid("tls", "certificate and key do not belong together").source(error)
            })?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(Self {
            config: Arc::new(config),
            certificate: certificate.to_owned(),
        })
    }

    /// The certificate as PEM, for clients that are to trust it.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
