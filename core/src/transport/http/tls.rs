//! Whom TLS trusts, and what its failures mean.

use std::path::Path;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::{Error, ErrorKind, Result};

/// TLS 1.2 and 1.3 with the roots of a file, else with the machine's own, which are read only where they are `needed`.
///
/// # Errors
/// [`InvalidArgument`](ErrorKind::InvalidArgument) for a file that holds no certificates; [`Connection`](ErrorKind::Connection)
/// on a machine without roots.
pub(super) fn trusting(ca_bundle: Option<&Path>, needed: bool) -> Result<ClientConfig> {
    let roots = match ca_bundle {
        _ if !needed => RootCertStore::empty(),
        Some(file) => of_file(file)?,
        None => of_machine()?,
    };
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

fn of_machine() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    match roots.add_parsable_certificates(native.certs) {
        (0, _) => Err(Error::new(
            ErrorKind::Connection,
            "this machine has no root certificates for TLS; install ca-certificates, or name a file as ca_bundle",
        )),
        _ => Ok(roots),
    }
}

/// The failure of TLS among the sources of an error of connecting. It is for good: the same server will show the same
/// certificate again.
pub(super) fn refusal<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a rustls::Error> {
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
