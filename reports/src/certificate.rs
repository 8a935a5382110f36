//! Certificates: what a conformant run proves of one backend or pattern, in a form that shows whether anybody changed it.
//!
//! A file is one line of [canonical](mod@canonical) JSON with three members: the [`Certificate`], the SHA-256 of its
//! canonical form, and, where a key was given, an Ed25519 signature over that form. Whoever holds the file needs nothing
//! else to [check](fn@read) it, and nothing but a tool to find out [what has changed since](fn@stale).

pub mod canonical;
mod content;
mod key;
mod read;
mod stale;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use content::{
    Certificate, CertifiedCase, CertifiedInterface, CertifiedRun, CertifiedTarget, Kind, NotCertifiable,
};
pub use key::{BadKey, PublicKey, SigningKey};
pub use read::{BadCertificate, SignedBy, Verified, read};
pub use stale::{Now, stale};

use crate::digest;

/// The format that is written and read.
pub const FORMAT: &str = "prism-certificate/1";

/// What is signed begins with this, so that a signature over something else never passes for one over a certificate.
const SIGNED_AS: &[u8] = b"prism-certificate/1\n";

/// A certificate as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Prism conformance certificate, version 1")]
pub(crate) struct Envelope {
    /// What is certified.
    certificate: Certificate,
    /// Of the canonical form of `certificate`.
    digest: String,
    /// Over the canonical form of `certificate`, after the line `prism-certificate/1`; none if it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<Signature>,
}

/// A signature with the key that it can be checked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// `ed25519`.
    algorithm: String,
    /// The raw public key, in Base64.
    public_key: String,
    /// The raw signature, in Base64.
    value: String,
}

/// A certificate as a file: one line with a newline at the end.
pub fn write(certificate: &Certificate, key: Option<&SigningKey>) -> String {
    let canonical = canonical::of(certificate);
    let signature = key.map(|key| Signature {
        algorithm: "ed25519".to_owned(),
        public_key: key.public_key().base64(),
        value: key.sign(&signed(&canonical)),
    });
    let digest = digest::of_bytes(canonical.as_bytes());
    let mut file = canonical::of(&Envelope { certificate: certificate.clone(), digest, signature });
    file.push('\n');
    file
}

/// The bytes that are signed.
fn signed(canonical: &str) -> Vec<u8> {
    [SIGNED_AS, canonical.as_bytes()].concat()
}
