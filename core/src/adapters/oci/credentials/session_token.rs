//! A session of a person who signed in with `oci session authenticate`: a token file and the key beside it.
//!
//! Both are read anew when they change and before the token ends. keywheel never renews a session by itself: that is
//! the person's, who may have to sign in again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::SigningKey;
use super::files::{Stamp, read_file};
use super::renewing::{Session, Source};
use super::token::Token;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;

/// Where one profile's session lies.
pub(super) struct SessionFiles {
    pub profile: String,
    pub token: PathBuf,
    pub key: PathBuf,
    pub passphrase: Option<SecretString>,
    pub read: Mutex<Option<[Stamp; 2]>>,
}

impl SessionFiles {
    /// The key on disk, or what is wrong with it.
    pub(super) fn load_key(&self) -> std::result::Result<SigningKey, String> {
        let text = Zeroizing::new(read_file(&self.key).map_err(|why| format!("{} {why}", self.key.display()))?);
        SigningKey::read(&text, self.passphrase.as_ref())
            .map_err(|problem| format!("{}: {}", self.key.display(), problem.0))
    }

    /// The token on disk, if it has not ended, or what is wrong with it.
    pub(super) fn load_token(&self, now: Timestamp) -> std::result::Result<Token, String> {
        let (path, profile) = (self.token.display(), &self.profile);
        let text = read_file(&self.token).map(Zeroizing::new).map_err(|why| format!("{path} {why}"))?;
        let token = std::str::from_utf8(&text).ok().and_then(Token::parse).ok_or_else(|| {
            format!("{path} holds no session token; `oci session authenticate --profile-name {profile}` writes one")
        })?;
        match token.expires().filter(|end| *end <= now) {
            None => Ok(token),
            Some(end) => Err(format!(
                "the session ended at {end}; `oci session refresh --profile {profile}` renews one that has not ended, `oci session \
                 authenticate --profile-name {profile}` starts a new one"
            )),
        }
    }

    fn stamps(&self) -> [Stamp; 2] {
        [Stamp::of(&self.token), Stamp::of(&self.key)]
    }
}

#[async_trait]
impl Source for SessionFiles {
    async fn fetch(&self, now: Timestamp) -> Result<Session> {
        // Before reading: a change while we read is a change that was not seen.
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.stamps());
        let unusable = |why| Error::new(ErrorKind::Denied, "session_token", why);
        let key = self.load_key().map_err(unusable)?;
        let token = self.load_token(now).map_err(unusable)?;
        Ok(Session::until_it_ends(Arc::new(key), token, now))
    }

    fn has_changed(&self) -> bool {
        let read = *self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.is_some_and(|read| read != self.stamps())
    }
}
