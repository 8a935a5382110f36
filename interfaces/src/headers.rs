//! The namespace header of calls, and the headers of messages that patterns look at.

use std::fmt;

/// The header that names the namespace of a call.
pub const NAMESPACE_HEADER: &str = "prism-namespace";

/// The header of a message whose value says which messages are kept in order with it.
pub const ORDERING_KEY_HEADER: &str = "prism-ordering-key";

/// The header of a message that names it, where it may be published more than once.
pub const MESSAGE_ID_HEADER: &str = "prism-message-id";

/// The most characters that a namespace can have.
pub const MAX_NAMESPACE_LEN: usize = 63;

/// A checked namespace: `[a-z0-9]([a-z0-9-]{0,62})`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(String);

/// Why a namespace was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NamespaceError {
    /// There is no header.
    #[error("the header `prism-namespace` is missing; send it with every call")]
    Missing,
    /// The header has a form that is not allowed.
    #[error("the header `prism-namespace` must match `[a-z0-9]([a-z0-9-]{{0,62}})`")]
    Malformed,
}

impl Namespace {
    /// Checks a name.
    pub fn new(name: impl Into<String>) -> Result<Self, NamespaceError> {
        let name = name.into();
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=MAX_NAMESPACE_LEN).contains(&name.len())
            && allowed(name.as_bytes()[0])
            && name.bytes().all(|byte| allowed(byte) || byte == b'-');
        if fits { Ok(Self(name)) } else { Err(NamespaceError::Malformed) }
    }

    /// Reads the header of a request.
    pub fn from_headers(headers: &http::HeaderMap) -> Result<Self, NamespaceError> {
        let value = headers.get(NAMESPACE_HEADER).ok_or(NamespaceError::Missing)?;
        Self::new(value.to_str().map_err(|_| NamespaceError::Malformed)?)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_1_to_63_lower_case_letters_digits_and_inner_hyphens() {
        for good in ["a", "0", "a-", "a-b-c", &"x".repeat(63)] {
            assert!(Namespace::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a.b", "ä", "a b", &"x".repeat(64)] {
            assert_eq!(Namespace::new(bad), Err(NamespaceError::Malformed), "{bad}");
        }
    }
}
