//! A private key file, whatever wrapping it comes in (dependencies §2).
//!
//! PKCS#1, PKCS#8, PKCS#8 encrypted with PBES2, and the legacy `Proc-Type: 4,ENCRYPTED` of OpenSSL 1.x;
//! with CRLF and with the `OCI_API_KEY` label that the console writes at the end. Each mistake that
//! people make with this file has its own answer. Buffers with key material are zeroised.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use pem::Pem;
use pkcs8::EncryptedPrivateKeyInfoRef;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::legacy_pem;
use crate::error::{Error, ErrorKind, Result as CrateResult};

/// Why a file is not a key to sign with. The text says what to do and holds nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyProblem(pub String);

impl KeyProblem {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// An RSA private key of at least 2048 bits.
pub struct SigningKey {
    pair: KeyPair,
    fingerprint: String,
}

impl SigningKey {
    /// Reads a private key in any form that key files have: PKCS#8, PKCS#1, encrypted or not, with or without OCI's
    /// label behind it. For a signer of one's own whose key comes as PEM.
    ///
    /// # Errors
    /// `Config`, saying what is wrong with it and how to mend it; nothing of the text is repeated.
    pub fn from_pem(text: &[u8], passphrase: Option<&SecretString>) -> CrateResult<Self> {
        Self::read(text, passphrase).map_err(|problem| {
            Error::new(ErrorKind::Config, "signing_key", format!("the private key cannot be used: {}", problem.0))
        })
    }

    /// Reads the text of a key file.
    pub(super) fn read(text: &[u8], passphrase: Option<&SecretString>) -> Result<Self, KeyProblem> {
        let mut blocks = pem::parse_many(text).map_err(|_| not_pem(text))?;
        let Some(at) = blocks.iter().position(|block| block.tag().ends_with("PRIVATE KEY")) else {
            return Err(no_private_key(&blocks, text));
        };
        let block = blocks.swap_remove(at);
        let pair = match block.tag() {
            "PRIVATE KEY" => pkcs8(&Zeroizing::new(block.into_contents())),
            "RSA PRIVATE KEY" if legacy_pem::is_encrypted(&block) => {
                pkcs1(&legacy_pem::decrypt(&block, passphrase)?).map_err(|problem| {
                    // One wrong passphrase in 256 leaves plausible padding and decrypts to noise.
                    if problem == damaged() { wrong_passphrase() } else { problem }
                })
            }
            "RSA PRIVATE KEY" => pkcs1(&Zeroizing::new(block.into_contents())),
            "ENCRYPTED PRIVATE KEY" => encrypted_pkcs8(&block, passphrase),
            "EC PRIVATE KEY" => Err(not_rsa()),
            "OPENSSH PRIVATE KEY" => Err(KeyProblem::new(
                "this is an SSH key, not an API signing key; convert an RSA one with `ssh-keygen -p -m PEM -f <file>`, \
                 or make an API key in the console",
            )),
            tag => Err(KeyProblem::new(format!("a {} is not supported; use an RSA key", shown(tag)))),
        }?;
        let fingerprint = fingerprint(&pair)?;
        Ok(Self { pair, fingerprint })
    }

    /// MD5 of the public key's DER, as OCI writes it.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A fresh key of 2048 bits for one session; some tenths of a second of arithmetic.
    pub(super) fn generate() -> CrateResult<Self> {
        let failed = || Error::bug("session_key", "the RSA library made no key");
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| failed())?;
        let fingerprint = fingerprint(&pair).map_err(|_| failed())?;
        Ok(Self { pair, fingerprint })
    }

    /// The public half, DER SubjectPublicKeyInfo.
    pub(super) fn public_der(&self) -> CrateResult<Vec<u8>> {
        let der: PublicKeyX509Der<'_> =
            self.pair.public_key().as_der().map_err(|_| Error::bug("session_key", "a public key has no DER form"))?;
        Ok(der.as_ref().to_vec())
    }

    /// The private key as PKCS#8 PEM, for another client's hands.
    pub(super) fn to_pem(&self) -> Option<SecretString> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().ok()?;
        let block = Pem::new("PRIVATE KEY", der.as_ref());
        Some(SecretString::from(pem::encode(&block)))
    }

    /// Signs a signing string, as `Credentials::sign` promises.
    ///
    /// # Errors
    /// `Bug`, if a key that was accepted cannot sign.
    pub fn signature(&self, signing_string: &str) -> CrateResult<Vec<u8>> {
        self.sign(signing_string.as_bytes())
            .map_err(|_| Error::bug("sign", "the RSA library refused to sign with a key that it accepted"))
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256.
    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)?;
        Ok(signature)
    }

    #[cfg(test)]
    pub(crate) fn public_key(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }
}

fn pkcs8(der: &[u8]) -> Result<KeyPair, KeyProblem> {
    KeyPair::from_pkcs8(der).map_err(|why| rejected(&why.to_string()))
}

fn pkcs1(der: &[u8]) -> Result<KeyPair, KeyProblem> {
    KeyPair::from_der(der).map_err(|why| rejected(&why.to_string()))
}

fn encrypted_pkcs8(block: &Pem, passphrase: Option<&SecretString>) -> Result<KeyPair, KeyProblem> {
    let passphrase = passphrase.ok_or_else(no_passphrase)?;
    let info = EncryptedPrivateKeyInfoRef::try_from(block.contents()).map_err(|cause| {
        KeyProblem::new(format!(
            "the key is encrypted in a way that is not supported ({cause}); write it anew with `openssl pkcs8 -topk8 -v2 \
             aes-256-cbc -in <file> -out <new file>`"
        ))
    })?;
    let plain = info.decrypt(passphrase.expose_secret()).map_err(|_| wrong_passphrase())?;
    pkcs8(plain.as_bytes())
}

fn rejected(why: &str) -> KeyProblem {
    match why {
        "TooSmall" => KeyProblem::new(
            "the RSA key has less than 2048 bits, which OCI does not accept; make a new one with `openssl genrsa -out <file> \
             2048` and upload its public half",
        ),
        "TooLarge" => KeyProblem::new("the RSA key has more than 8192 bits; use one of 2048 to 4096"),
        "WrongAlgorithm" => not_rsa(),
        _ => damaged(),
    }
}

fn damaged() -> KeyProblem {
    KeyProblem::new(
        "the block says that it is a private key but cannot be read as one; the file is damaged or cut short",
    )
}

fn not_rsa() -> KeyProblem {
    KeyProblem::new("the key is not RSA; OCI signs API requests with RSA keys only")
}

pub(super) fn no_passphrase() -> KeyProblem {
    KeyProblem::new("the key is encrypted and there is no passphrase; set pass_phrase or give one to the client")
}

pub(super) fn wrong_passphrase() -> KeyProblem {
    KeyProblem::new("the passphrase does not open this key; check pass_phrase, or that this is the key it belongs to")
}

fn not_pem(text: &[u8]) -> KeyProblem {
    if text.trim_ascii().is_empty() {
        KeyProblem::new("the file is empty")
    } else if text.starts_with(&[0x30]) {
        KeyProblem::new(
            "the file is DER, not PEM; convert it with `openssl pkey -inform DER -in <file> -out <new file>`",
        )
    } else {
        KeyProblem::new("the file is not PEM; a key file begins with -----BEGIN … PRIVATE KEY-----")
    }
}

fn no_private_key(blocks: &[Pem], text: &[u8]) -> KeyProblem {
    match blocks.first().map(Pem::tag) {
        None => not_pem(text),
        Some("PUBLIC KEY" | "RSA PUBLIC KEY") => KeyProblem::new(
            "this is the public key that was uploaded; key_file must be the private key it was made from",
        ),
        Some("CERTIFICATE") => KeyProblem::new("this is a certificate; key_file must be a private key"),
        Some(tag) => KeyProblem::new(format!("the file holds a {} and no private key", shown(tag))),
    }
}

fn shown(tag: &str) -> String {
    tag.chars().take(40).flat_map(char::escape_debug).collect()
}

fn fingerprint(pair: &KeyPair) -> Result<String, KeyProblem> {
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| damaged())?;
    let digest = Md5::digest(der.as_ref());
    let pairs: Vec<_> = digest.iter().map(|byte| HEXLOWER.encode(&[*byte])).collect();
    Ok(pairs.join(":"))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    const FINGERPRINT: &str = "26:7e:d8:bb:bb:ea:b6:5e:bc:56:5b:66:c0:8a:ee:b9";
    const PKCS8: &str = include_str!("fixtures/pkcs8.pem");

    fn read(text: &str, passphrase: Option<&str>) -> Result<SigningKey, String> {
        let passphrase = passphrase.map(SecretString::from);
        SigningKey::read(text.as_bytes(), passphrase.as_ref()).map_err(|problem| problem.0)
    }

    fn problem(text: &str, passphrase: Option<&str>) -> String {
        read(text, passphrase).err().expect("it must be refused")
    }

    #[test]
    fn every_wrapping_gives_the_same_key() {
        let labelled = format!("{}\nOCI_API_KEY\n", PKCS8.trim_end());
        let crlf = PKCS8.replace('\n', "\r\n");
        for (name, text, passphrase) in [
            ("pkcs8", PKCS8, None),
            ("pkcs1", include_str!("fixtures/pkcs1.pem"), None),
            ("a passphrase that is not needed", PKCS8, Some("whatever")),
            ("OCI_API_KEY label", &labelled, None),
            ("CRLF", &crlf, None),
            ("PBES2", include_str!("fixtures/pbes2.pem"), Some("correct-horse")),
            ("AES-128", include_str!("fixtures/legacy-aes128.pem"), Some("correct-horse")),
            ("AES-192", include_str!("fixtures/legacy-aes192.pem"), Some("correct-horse")),
            ("AES-256", include_str!("fixtures/legacy-aes256.pem"), Some("correct-horse")),
        ] {
            let key = read(text, passphrase).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!(key.fingerprint(), FINGERPRINT, "{name}");
        }
    }

    #[test]
    fn a_signature_verifies_under_the_public_half() {
        let key = read(PKCS8, None).expect("a key");
        let signature = key.sign(b"text").expect("signs");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
        assert!(public.verify(b"text", &signature).is_ok());
        assert!(public.verify(b"test", &signature).is_err());
    }

    #[test]
    fn a_wrong_and_a_missing_passphrase_are_told_apart() {
        for text in [
            include_str!("fixtures/pbes2.pem"),
            include_str!("fixtures/legacy-aes128.pem"),
            include_str!("fixtures/legacy-aes192.pem"),
            include_str!("fixtures/legacy-aes256.pem"),
        ] {
            assert!(problem(text, Some("battery-staple")).contains("does not open"), "{text:.80}");
            assert!(problem(text, Some("")).contains("does not open"), "{text:.80}");
            assert!(problem(text, None).contains("there is no passphrase"), "{text:.80}");
        }
    }

    #[test]
    fn triple_des_is_refused_with_the_command_that_helps() {
        let why = problem(include_str!("fixtures/legacy-des3.pem"), Some("correct-horse"));
        assert!(why.contains("openssl pkcs8 -topk8 -v2 aes-256-cbc"), "{why}");
    }

    #[test]
    fn what_is_not_a_private_key_is_named() {
        assert!(problem(include_str!("fixtures/public.pem"), None).contains("public key that was uploaded"));
        assert!(problem(include_str!("fixtures/certificate.pem"), None).contains("certificate"));
        assert!(problem(include_str!("fixtures/ec.pem"), None).contains("not RSA"));
        assert!(problem(include_str!("fixtures/small.pem"), None).contains("2048"));
        assert!(problem("", None).contains("empty"));
        assert!(problem("[DEFAULT]\nuser=x\n", None).contains("not PEM"));
        let cut: String =
            PKCS8.lines().enumerate().filter(|(i, _)| *i != 7).map(|(_, line)| format!("{line}\n")).collect();
        assert!(problem(&cut, None).contains("damaged"));
    }

    #[test]
    fn a_key_after_a_certificate_is_found() {
        let both = format!("{}{PKCS8}", include_str!("fixtures/certificate.pem"));
        assert_eq!(read(&both, None).expect("a key").fingerprint(), FINGERPRINT);
    }
}
