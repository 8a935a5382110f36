//! The frames of gRPC messages, read as they pass: five bytes of header, then the message.

use bytes::Bytes;

const HEADER: usize = 5;

/// Watches one direction of a call without keeping any of it.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: u32,
    header: [u8; HEADER],
    /// How much of the header has been seen.
    filled: usize,
    /// How much of the message is still to come.
    left: u32,
    /// How many messages began before the current one.
    begun: u64,
}

/// A message is longer than the limit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge {
    /// Its length, as its header says.
    pub(crate) length: u32,
    /// Whether no message came before it in this direction.
    pub(crate) is_first: bool,
}

impl Meter {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, header: [0; HEADER], filled: 0, left: 0, begun: 0 }
    }

    /// Takes note of what passes next, which may begin and end anywhere in a message.
    pub(crate) fn pass(&mut self, data: &Bytes) -> Result<(), TooLarge> {
        let mut rest = data.as_ref();
        while !rest.is_empty() {
            if self.left > 0 {
                let take = rest.len().min(self.left as usize);
                self.left -= take as u32;
                rest = &rest[take..];
                continue;
            }
            let take = rest.len().min(HEADER - self.filled);
            self.header[self.filled..self.filled + take].copy_from_slice(&rest[..take]);
            self.filled += take;
            rest = &rest[take..];
            if self.filled == HEADER {
                self.filled = 0;
                let [_, length @ ..] = self.header;
                let length = u32::from_be_bytes(length);
                if length > self.limit {
                    return Err(TooLarge { length, is_first: self.begun == 0 });
                }
                self.begun += 1;
                self.left = length;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(lengths: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for length in lengths {
            bytes.push(1);
            bytes.extend(length.to_be_bytes());
            bytes.extend(std::iter::repeat_n(0xff, *length as usize));
        }
        bytes
    }

    #[test]
    fn a_message_of_the_limit_passes_however_it_is_cut() {
        let bytes = frames(&[3, 0, 7, 7]);
        for size in 1..=bytes.len() {
            let mut meter = Meter::new(7);
            for part in bytes.chunks(size) {
                assert_eq!(meter.pass(&Bytes::copy_from_slice(part)), Ok(()), "{size}");
            }
        }
    }

    #[test]
    fn one_byte_more_is_found_however_it_is_cut() {
        let bytes = frames(&[3, 8]);
        for size in 1..=bytes.len() {
            let mut meter = Meter::new(7);
            let found = bytes.chunks(size).find_map(|part| meter.pass(&Bytes::copy_from_slice(part)).err());
            assert_eq!(found, Some(TooLarge { length: 8, is_first: false }), "{size}");
        }
        let first = Meter::new(7).pass(&Bytes::from(frames(&[8])));
        assert_eq!(first, Err(TooLarge { length: 8, is_first: true }));
    }
}
