//! Keys for the real service: from where, in which order, and until when.
//!
//! ```text
//!  a profile was asked for? ── yes ─▶ that profile of the command line tool, and nothing else
//!          │ no
//!          ▼  the first that is there
//!  environment ▶ profile ▶ ini file ▶ web identity (OIDC) ▶ role of the machine (metadata)
//!          │
//!          ▼  a role is named (environment, or beside the profile's keys)?
//!  AssumeRole with those keys
//! ```
//!
//! - A source that is not there is passed over; one that is there and broken is an error, so that a typing mistake
//!   never makes goldform act with someone else's keys.
//! - Web identity comes before the machine's role (the SDK for Python asks the other way round): it is only there
//!   when somebody set it up, while a machine's role answers everybody on that machine.
//! - [`Keyring`] keeps what was found and asks again before it expires. A program that renews a file (a login of the
//!   command line tool) is noticed then.
//! - The environment and files are read through [`Surroundings`], so that tests and callers decide what is there.
//!
//! Keys are [`Secret`]s: they show themselves nowhere, errors name places and never values.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::sync::Mutex;

use super::Secret;
use crate::model::Clock;

mod chain;
mod environment;
mod file;
mod metadata;
mod sts;
mod surroundings;

pub use chain::keyring;
pub use surroundings::Surroundings;

/// A key, and for how long it is good.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The id of the key (SecretId). No secret by itself, but what tells whose key it is.
    pub secret_id: Secret,
    /// The key (SecretKey).
    pub secret_key: Secret,
    /// The token that a temporary key comes with.
    pub token: Option<Secret>,
    /// When it expires; nothing: not by itself.
    pub expires: Option<Timestamp>,
}

impl Credentials {
    /// A permanent key.
    pub fn permanent(secret_id: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            secret_id: Secret::new(secret_id),
            secret_key: Secret::new(secret_key),
            token: None,
            expires: None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secret_id: _, secret_key: _, token, expires } = self;
        f.debug_struct("Credentials")
            .field("temporary", &token.is_some())
            .field("expires", expires)
            .finish_non_exhaustive()
    }
}

/// Why there is no key. Names places, never values.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CredentialsError {
    /// Nowhere is one.
    #[error(
        "there are no credentials: neither in the environment (TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY) nor \
         in {}, and this machine has no role",
        .looked.join(", ")
    )]
    Missing {
        /// The files that were looked for.
        looked: Vec<String>,
    },
    /// A place holds a part only, or something that is none.
    #[error("the credentials in {place} cannot be used: {reason}")]
    Broken {
        /// The file, variable or service.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// They were good until then.
    #[error("the credentials in {place} expired at {since}: log in again")]
    Expired {
        /// The file or service.
        place: String,
        /// When.
        since: Timestamp,
    },
    /// The service that gives temporary keys refused.
    #[error("{place} gives no credentials: {reason}")]
    Refused {
        /// The service.
        place: String,
        /// Its reason.
        reason: String,
    },
}

/// A place where a key may be.
#[async_trait]
pub(crate) trait CredentialSource: Send + Sync {
    /// The key that is there now.
    async fn credentials(&self) -> Result<Credentials, CredentialsError>;
}

/// Asked again when this is left, as the official SDKs do for a machine's role.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_secs(300);

/// Holds a key and renews it before it expires.
pub struct Keyring {
    source: Box<dyn CredentialSource>,
    clock: Arc<dyn Clock>,
    held: Mutex<Option<Held>>,
}

#[derive(Clone)]
struct Held {
    credentials: Credentials,
    since: Timestamp,
}

impl Held {
    /// Whether it is good for a while yet. A key that lives shorter than usual is renewed at half its life, so that
    /// it is not asked for anew for every request.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let Some(expires) = self.credentials.expires else { return true };
        let life = expires.duration_since(self.since);
        expires.duration_since(now) > RENEW_BEFORE.min(life / 2)
    }

    fn is_good(&self, now: Timestamp) -> bool {
        self.credentials.expires.is_none_or(|expires| expires > now)
    }
}

impl Keyring {
    pub(crate) fn new(source: Box<dyn CredentialSource>, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, held: Mutex::new(None) }
    }

    /// A ring with one key that is never renewed.
    pub fn holding(credentials: Credentials, clock: Arc<dyn Clock>) -> Self {
        struct Fixed(Credentials);

        #[async_trait]
        impl CredentialSource for Fixed {
            async fn credentials(&self) -> Result<Credentials, CredentialsError> {
                Ok(self.0.clone())
            }
        }

        Self::new(Box::new(Fixed(credentials)), clock)
    }

    /// The key to sign with now. Many may ask at once: one asks the source, the others wait for it.
    ///
    /// # Errors
    /// When there is none. A key that is still good is used although its renewal fails.
    pub async fn current(&self) -> Result<Credentials, CredentialsError> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| held.is_fresh(self.clock.now())) {
            return Ok(held.credentials.clone());
        }
        match self.source.credentials().await {
            Ok(credentials) => {
                *held = Some(Held { credentials: credentials.clone(), since: self.clock.now() });
                Ok(credentials)
            }
            Err(error) => match held.as_ref().filter(|held| held.is_good(self.clock.now())) {
                Some(held) => {
                    tracing::warn!(%error, "credentials could not be renewed; the present ones are good yet");
                    Ok(held.credentials.clone())
                }
                None => Err(error),
            },
        }
    }

    /// Forgets the key, because the service said that it is not good any more.
    pub async fn forget(&self) {
        *self.held.lock().await = None;
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
