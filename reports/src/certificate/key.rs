//! Ed25519 keys, in the PEM files that other tools write and read.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use thiserror::Error;

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";
/// How a public key begins as DER (RFC 8410): what follows are its 32 bytes.
const PUBLIC_DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PUBLIC_BYTES: usize = 32;
/// The length of a line of PEM.
const LINE: usize = 64;

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadKey {
    /// There is no PEM of the right kind in it.
    #[error("there is no `-----BEGIN {0}-----` in it")]
    NoPem(&'static str),
    /// The PEM is damaged.
    #[error("what is between BEGIN and END is not Base64")]
    NotBase64,
    /// It is something else.
    #[error("it is no Ed25519 key in the form of PKCS#8")]
    NotEd25519,
    /// The system has no randomness.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// The key that signs.
pub struct SigningKey(Ed25519KeyPair);

/// The key that signatures are checked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; PUBLIC_BYTES]);

impl SigningKey {
    /// A new key, as a PEM file of PKCS#8. Keep it secret.
    pub fn new_pem() -> Result<String, BadKey> {
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| BadKey::NoRandomness)?;
        Ok(to_pem(PRIVATE, document.as_ref()))
    }

    /// Reads a PEM file, also one of `openssl genpkey -algorithm ed25519`.
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        let der = from_pem(PRIVATE, text)?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map(Self).map_err(|_| BadKey::NotEd25519)
    }

    /// The key that goes with it.
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; PUBLIC_BYTES];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// The signature over bytes, in Base64.
    pub(super) fn sign(&self, bytes: &[u8]) -> String {
        STANDARD.encode(self.0.sign(bytes))
    }
}

/// Shows the public half alone.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public_key()).finish()
    }
}

impl PublicKey {
    /// Reads a PEM file.
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        let der = from_pem(PUBLIC, text)?;
        der.strip_prefix(&PUBLIC_DER).and_then(Self::from_bytes).ok_or(BadKey::NotEd25519)
    }

    /// The key as a PEM file.
    pub fn pem(&self) -> String {
        to_pem(PUBLIC, &[&PUBLIC_DER[..], &self.0].concat())
    }

    /// The raw key in Base64.
    pub fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    pub(super) fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok().as_deref().and_then(Self::from_bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Whether a signature, in Base64, is one of this key over these bytes.
    pub(super) fn verifies(&self, bytes: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        UnparsedPublicKey::new(&ED25519, self.0).verify(bytes, &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.base64())
    }
}

fn to_pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {kind}-----\n");
    for line in text.as_bytes().chunks(LINE) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + &format!("-----END {kind}-----\n")
}

fn from_pem(kind: &'static str, text: &str) -> Result<Vec<u8>, BadKey> {
    let (begin, end) = (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
    let rest = text.split_once(&begin).map(|(_, rest)| rest);
    let inside = rest.and_then(|rest| rest.split_once(&end)).map(|(inside, _)| inside);
    let inside: String = inside.ok_or(BadKey::NoPem(kind))?.split_whitespace().collect();
    STANDARD.decode(inside).map_err(|_| BadKey::NotBase64)
}
