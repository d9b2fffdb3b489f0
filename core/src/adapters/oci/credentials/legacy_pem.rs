//! The PEM encryption of OpenSSL before 1.1 (`Proc-Type: 4,ENCRYPTED`), which Oracle's own recipe made.
//!
//! The key derivation is one round of MD5 and the mode is CBC without authentication: read here so that
//! existing files work, written nowhere.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use data_encoding::HEXLOWER_PERMISSIVE;
use md5::{Digest, Md5};
use pem::Pem;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::{Zeroize as _, Zeroizing};

use super::key_file::{KeyProblem, no_passphrase, wrong_passphrase};

const IV_BYTES: usize = 16;
const SALT_BYTES: usize = 8;

/// Whether a block's headers say that it is encrypted.
pub(super) fn is_encrypted(block: &Pem) -> bool {
    block.headers().get("Proc-Type").is_some_and(|value| value.contains("ENCRYPTED")) || dek_info(block).is_some()
}

fn dek_info(block: &Pem) -> Option<&str> {
    block.headers().get("DEK-Info")
}

/// Decrypts a block to PKCS#1 DER.
pub(super) fn decrypt(block: &Pem, passphrase: Option<&SecretString>) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
    let (cipher, iv) = dek_info(block).and_then(|info| info.split_once(',')).ok_or_else(|| {
        KeyProblem::new("the key says that it is encrypted but has no DEK-Info line; the file is damaged")
    })?;
    let cipher = cipher.trim();
    let key_bytes = match cipher {
        "AES-128-CBC" => 16,
        "AES-192-CBC" => 24,
        "AES-256-CBC" => 32,
        _ => return Err(unsupported(cipher)),
    };
    let iv: [u8; IV_BYTES] =
        HEXLOWER_PERMISSIVE.decode(iv.trim().as_bytes()).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(
            || KeyProblem::new("the key's DEK-Info line has no usable initialisation vector; the file is damaged"),
        )?;
    let passphrase = passphrase.ok_or_else(no_passphrase)?;
    let key = derive(passphrase.expose_secret().as_bytes(), &iv[..SALT_BYTES], key_bytes);

    let mut buffer = Zeroizing::new(block.contents().to_vec());
    let plain = match key_bytes {
        16 => open::<aes::Aes128>(&key, &iv, &mut buffer),
        24 => open::<aes::Aes192>(&key, &iv, &mut buffer),
        _ => open::<aes::Aes256>(&key, &iv, &mut buffer),
    }
    .ok_or_else(wrong_passphrase)?;
    buffer.truncate(plain);
    Ok(buffer)
}

/// Decrypts in place and returns the length of the plain text.
fn open<C>(key: &[u8], iv: &[u8; IV_BYTES], buffer: &mut [u8]) -> Option<usize>
where
    C: aes::cipher::BlockCipherDecrypt + aes::cipher::KeyInit,
    cbc::Decryptor<C>: KeyIvInit + BlockModeDecrypt,
{
    let decryptor = cbc::Decryptor::<C>::new_from_slices(key, iv).ok()?;
    decryptor.decrypt_padded::<Pkcs7>(buffer).ok().map(<[u8]>::len)
}

/// `EVP_BytesToKey` with MD5 and one round.
fn derive(passphrase: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
    let mut block: Option<[u8; 16]> = None;
    while key.len() < length {
        let mut hash = Md5::new();
        if let Some(before) = &mut block {
            hash.update(*before);
            before.zeroize();
        }
        hash.update(passphrase);
        hash.update(salt);
        let digest: [u8; 16] = hash.finalize().into();
        key.extend_from_slice(&digest);
        block = Some(digest);
    }
    block.zeroize();
    key.truncate(length);
    key
}

fn unsupported(cipher: &str) -> KeyProblem {
    let shown: String = cipher.chars().take(40).flat_map(char::escape_debug).collect();
    KeyProblem::new(format!(
        "the key is encrypted with {shown}, which is too weak to be supported; write it anew with `openssl pkcs8 -topk8 -v2 \
         aes-256-cbc -in <file> -out <new file>`"
    ))
}
