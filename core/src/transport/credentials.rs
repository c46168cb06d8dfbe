//! What a request is signed with.

use std::fmt;

use aws_smithy_runtime_api::client::identity::Identity;

use crate::error::{Error, Result};

/// An access key and its secret. `Debug` shows neither.
#[derive(Clone, PartialEq)]
pub struct Credentials(aws_credential_types::Credentials);

impl Credentials {
    /// Credentials that do not expire, with the session token that temporary ones have.
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: Option<String>,
    ) -> Self {
        Self(aws_credential_types::Credentials::new(
            access_key_id,
            secret_access_key,
            session_token,
            None,
            "kinetik",
        ))
    }

    /// The same credentials, naming the account that they belong to.
    #[must_use]
    pub fn of_account(self, account_id: impl Into<String>) -> Self {
        let mut builder = aws_credential_types::Credentials::builder()
            .access_key_id(self.0.access_key_id())
            .secret_access_key(self.0.secret_access_key())
            .account_id(account_id.into())
            .provider_name("kinetik");
        builder.set_session_token(self.0.session_token().map(str::to_owned));
        Self(builder.build())
    }

    /// Tells one account's user from another; no secret.
    pub(super) fn access_key_id(&self) -> &str {
        self.0.access_key_id()
    }

    /// Credentials with one part given by its setting's name.
    pub(super) fn with(known: Option<Self>, part: &str, value: &str) -> Self {
        let known = known.unwrap_or_else(|| Self::new("", "", None)).0;
        let or = |name: &str, known: &str| if part == name { value } else { known }.to_owned();
        let token = match part {
            "session_token" => Some(value.to_owned()),
            _ => known.session_token().map(str::to_owned),
        };
        Self::new(
            or("access_key_id", known.access_key_id()),
            or("secret_access_key", known.secret_access_key()),
            token,
        )
    }

    /// Refuses an access key without its secret, and a secret without its access key.
    pub(super) fn check(&self) -> Result<()> {
        for (name, part) in [
            ("access_key_id", self.0.access_key_id()),
            ("secret_access_key", self.0.secret_access_key()),
        ] {
            if part.is_empty() {
                let problem =
                    "is missing: an access key needs its secret, and a secret its access key";
                return Err(Error::invalid(name, problem));
            }
        }
        Ok(())
    }

    /// In the form that the signer takes.
    pub(super) fn identity(&self) -> Identity {
        self.0.clone().into()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}
