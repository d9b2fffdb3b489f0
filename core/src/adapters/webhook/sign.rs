//! Signing as Standard Webhooks do: HMAC-SHA256 over id, time and body, the time being part of it.
//!
//! The key is read once and is in no `Debug`.

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};

/// The shortest secret that the specification allows.
const SECRET_BYTES_MIN: usize = 24;
const PREFIX: &str = "whsec_";

pub(super) struct SigningKey(hmac::Key);

impl SigningKey {
    /// Reads `whsec_` and base64, or takes the text's own bytes.
    pub(super) fn read(secret: &SecretString) -> Result<Self> {
        let refused = |why: String| {
            Error::new(ErrorKind::Config, "webhook", format!("the webhook's secret {why} (it is not shown)"))
        };
        let text = secret.expose_secret().trim();
        let bytes = Zeroizing::new(match text.strip_prefix(PREFIX) {
            Some(rest) => BASE64
                .decode(rest.as_bytes())
                .map_err(|_| refused(format!("begins with {PREFIX} and goes on with what is no base64")))?,
            None => text.as_bytes().to_vec(),
        });
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(refused(format!(
                "has {} bytes and needs at least {SECRET_BYTES_MIN}; make one: echo {PREFIX}$(openssl rand -base64 32)",
                bytes.len()
            )));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, at: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{at}.").as_bytes());
        context.update(body);
        format!("v1,{}", BASE64.encode(context.sign().as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SigningKey> {
        SigningKey::read(&SecretString::from(text))
    }

    /// The specification's own example.
    #[test]
    fn a_signature_is_the_one_of_the_specification() {
        let key = read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("24 bytes");
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_guards_nothing_is_refused_and_not_repeated() {
        for text in ["", "hunter2", "whsec_aHVudGVyMg==", "whsec_hunter2!"] {
            let Err(error) = read(text) else { panic!("{text:?} is no secret") };
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        read("a text of twenty-four bytes\n").expect("any text will do");
    }
}
