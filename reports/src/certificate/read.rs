//! Checks a certificate with nothing but the file, and a public key where there is one.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use thiserror::Error;

use super::{Certificate, Envelope, FORMAT, PublicKey, canonical, signed};
use crate::digest;

/// How far the clocks of two machines may be apart.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// A certificate that nobody has changed.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What it says.
    pub certificate: Certificate,
    /// Who signed it.
    pub signed_by: SignedBy,
}

/// Who signed a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// Nobody: anyone could have written it.
    Nobody,
    /// The holder of the key that it carries; nobody has said whose that is.
    Itself(PublicKey),
    /// The holder of the key that was given.
    Given(PublicKey),
}

/// Why a file is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadCertificate {
    /// It is no JSON: cut off, or something else.
    #[error("it is no certificate, or only a part of one: {0}")]
    NotJson(String),
    /// It was written by a newer tool, or is something else.
    #[error("its format is `{0}`; this tool reads {FORMAT}")]
    Format(String),
    /// It is not what certificates are made of.
    #[error("it does not keep to the form of a certificate: {0}")]
    Form(String),
    /// Its text is not the canonical one.
    #[error("it was changed: its text is not in canonical form")]
    NotCanonical,
    /// The digest is of something else.
    #[error("it was changed: its digest is {found}, and it is stated as {stated}")]
    Digest {
        /// What it is.
        found: String,
        /// What the file says.
        stated: String,
    },
    /// The signature is of something else.
    #[error("it was changed, or never signed by this key: its signature does not fit")]
    Signature,
    /// It is signed with another key than the given one.
    #[error("it is signed by the key {found}, not by {given}")]
    OtherKey {
        /// The key in the file, in Base64.
        found: String,
        /// The given key, in Base64.
        given: String,
    },
    /// A key was given, and it is not signed.
    #[error("it is not signed")]
    Unsigned,
    /// It is from the future.
    #[error("it was issued at {issued_at}, which has not come yet")]
    FromTheFuture {
        /// When it says that it was issued.
        issued_at: String,
    },
    /// What it says does not fit together.
    #[error("it contradicts itself: {0}")]
    Contradiction(String),
}

/// Reads and checks a certificate: that it is whole and unchanged, that it is signed by the given key where one is given,
/// that it is not from the future (RFC 3339 `now`), and that it does not contradict itself.
pub fn read(text: &str, key: Option<&PublicKey>, now: Timestamp) -> Result<Verified, BadCertificate> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| BadCertificate::NotJson(error.to_string()))?;
    let format = value.pointer("/certificate/format").and_then(Value::as_str);
    match format {
        Some(FORMAT) => {}
        Some(other) => {
            return Err(BadCertificate::Format(crate::escape::line(&crate::escape::cap(other, 100))));
        }
        None => return Err(BadCertificate::Form("there is no certificate/format".to_owned())),
    }
    let expected = canonical::of_value(&value).map(|canonical| canonical + "\n");
    if expected.as_deref() != Some(text) {
        return Err(BadCertificate::NotCanonical);
    }
    let envelope: Envelope =
        serde_json::from_value(value).map_err(|error| BadCertificate::Form(error.to_string()))?;
    let Envelope { certificate, digest: stated, signature } = envelope;
    let canonical = canonical::of(&certificate);
    let found = digest::of_bytes(canonical.as_bytes());
    if found != stated {
        return Err(BadCertificate::Digest { found, stated });
    }
    let signed_by = match signature {
        None if key.is_some() => return Err(BadCertificate::Unsigned),
        None => SignedBy::Nobody,
        Some(signature) => {
            let own = PublicKey::from_base64(&signature.public_key).ok_or(BadCertificate::Signature)?;
            if let Some(given) = key.filter(|given| **given != own) {
                return Err(BadCertificate::OtherKey { found: own.base64(), given: given.base64() });
            }
            if signature.algorithm != "ed25519" || !own.verifies(&signed(&canonical), &signature.value) {
                return Err(BadCertificate::Signature);
            }
            if key.is_some() { SignedBy::Given(own) } else { SignedBy::Itself(own) }
        }
    };
    let issued: Timestamp = certificate
        .issued_at
        .parse()
        .map_err(|_| BadCertificate::Form(format!("`{}` is no time", certificate.issued_at)))?;
    if issued.duration_since(now) > CLOCKS {
        return Err(BadCertificate::FromTheFuture { issued_at: certificate.issued_at });
    }
    match certificate.contradiction() {
        Some(what) => Err(BadCertificate::Contradiction(what)),
        None => Ok(Verified { certificate, signed_by }),
    }
}
