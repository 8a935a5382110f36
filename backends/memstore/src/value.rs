//! Bytes that belong to the store.

use bytes::Bytes;

/// A value with memory of its own. What a request carries is a slice of its whole frame, and keeping that slice would
/// keep a frame of megabytes alive for the sake of three bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value(Bytes);

impl Value {
    /// Copies what a request carries.
    pub(crate) fn copy(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The bytes for a reply, shared with the store.
    pub(crate) fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_does_not_keep_the_frame_that_it_came_in() {
        let frame = Bytes::from(vec![7; 1 << 20]);
        let value = Value::copy(&frame.slice(5..8));
        assert_eq!(value.as_slice(), [7, 7, 7]);
        assert!(frame.is_unique(), "the value must not share the memory of the frame");
    }
}
