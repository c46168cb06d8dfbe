//! Whom TLS trusts, and what its failures mean.

use std::path::Path;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{AlertDescription, ClientConfig, RootCertStore};

use crate::{Error, ErrorKind, Result, Retry};

/// The roots of a file, else the machine's own: none where it has none, which matters to those alone who speak TLS.
///
/// # Errors
/// [`InvalidArgument`](ErrorKind::InvalidArgument) for a file that holds no certificates.
pub(super) fn roots(ca_bundle: Option<&Path>) -> Result<RootCertStore> {
    match ca_bundle {
        Some(file) => of_file(file),
        None => Ok(of_machine()),
    }
}

/// TLS 1.2 and 1.3 with these roots.
pub(super) fn trusting(roots: RootCertStore) -> Result<ClientConfig> {
    ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| Error::new(ErrorKind::Internal, "TLS cannot be set up").source(error))
}

fn of_file(file: &Path) -> Result<RootCertStore> {
    let unreadable = |problem: &str| {
        let file = file.display();
        Error::invalid(
            "ca_bundle",
            format!("{file} {problem}; expected a file of certificates as PEM"),
        )
    };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable("cannot be read").source(error))?;
    let mut roots = RootCertStore::empty();
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(unreadable("holds no certificate")),
        _ => Ok(roots),
    }
}

fn of_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    roots
}

#[cold]
pub(super) fn no_roots() -> Error {
    let text = "this machine has no root certificates for TLS; install ca-certificates, or name a file as ca_bundle";
    Error::new(ErrorKind::Connection, text).with_retry(Retry::Never)
}

/// Whether a failure of TLS while connecting stays: the same server will show the same certificate and speak the same
/// protocols again. What befell a server or one connection passes.
pub(super) fn is_final(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::AlertReceived(alert) => !matches!(
            alert,
            AlertDescription::CloseNotify
                | AlertDescription::BadRecordMac
                | AlertDescription::DecryptError
                | AlertDescription::DecodeError
                | AlertDescription::InternalError
                | AlertDescription::UserCanceled
                | AlertDescription::Unknown(_)
        ),
        rustls::Error::DecryptError
        | rustls::Error::EncryptError
        | rustls::Error::FailedToGetCurrentTime
        | rustls::Error::FailedToGetRandomBytes
        | rustls::Error::General(_) => false,
        _ => true,
    }
}

/// The first error of a type among the sources of one of connecting.
pub(super) fn cause<'a, E: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error hides what it was made of from `source`.
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    None
}
