//! Signs requests as the public rules say, with any set of headers a test wants, right or wrong.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::http::Method;
use data_encoding::BASE64;
use keywheel_emulator::users::{OciConfig, Users};
use sha2::{Digest, Sha256};

/// A key and its keyId.
pub(crate) struct Signer {
    pair: KeyPair,
    key_id: String,
}

impl Signer {
    /// A fresh key, known to fresh users.
    pub(crate) fn registered() -> (Self, Users) {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a public key");
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(der.as_ref()));
        let users = Users::default();
        let fingerprint = users.register("tenancy", "user", &pem).expect("a public key");
        (Self { pair, key_id: format!("tenancy/user/{fingerprint}") }, users)
    }

    /// The key of a config on disk.
    pub(crate) fn from_config(config: &OciConfig) -> Self {
        let pem = std::fs::read_to_string(&config.key_path).expect("the key file");
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let pair = KeyPair::from_pkcs8(&BASE64.decode(body.as_bytes()).expect("base64")).expect("a PKCS#8 key");
        Self { pair, key_id: format!("{}/{}/{}", config.tenancy, config.user, config.fingerprint) }
    }

    /// The Authorization header over these header names.
    pub(crate) fn authorization(
        &self,
        method: &Method,
        target: &str,
        headers: &[(String, String)],
        names: &[&str],
    ) -> String {
        let line = |name: &&str| {
            let name = name.to_ascii_lowercase();
            if name == "(request-target)" {
                return format!("{name}: {} {target}", method.as_str().to_ascii_lowercase());
            }
            let (_, value) =
                headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)).expect("a header to sign");
            format!("{name}: {value}")
        };
        let signing_string = names.iter().map(line).collect::<Vec<_>>().join("\n");
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signing_string.as_bytes(), &mut signature)
            .expect("a signature");
        format!(
            r#"Signature algorithm="rsa-sha256",headers="{}",keyId="{}",signature="{}",version="1""#,
            names.join(" "),
            self.key_id,
            BASE64.encode(&signature)
        )
    }
}

/// What `x-content-sha256` must say.
pub(crate) fn sha256_base64(body: &[u8]) -> String {
    BASE64.encode(&Sha256::digest(body))
}
