//! Payloads that prove themselves: each says who wrote it and as which of its writes, how long it is, and carries a
//! checksum, so that every read shows its origin, its completeness, and that nothing was mixed into it.

/// The first bytes of every payload; not valid UTF-8, so that a driver that takes values for text is found out.
const MAGIC: [u8; 4] = *b"\xffPZ\0";
const HEADER: usize = 28;
const CHECKSUM: usize = 4;

/// The length of the shortest payload.
pub const MIN_LEN: usize = HEADER + CHECKSUM;

/// Who wrote a payload, and as which of its writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stamp {
    /// The run, so that leftovers of an earlier one are known as such.
    pub run: u64,
    /// The client.
    pub client: u32,
    /// The client's own count of its writes.
    pub seq: u64,
}

/// Why bytes are not a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Too short for any payload.
    #[error("{len} bytes are too few for a payload")]
    TooShort {
        /// How many there are.
        len: usize,
    },
    /// It does not begin like a payload.
    #[error("it does not begin like a payload")]
    BadMagic,
    /// It was cut or extended.
    #[error("it was {written} bytes long when it was written and has {len} now")]
    WrongLength {
        /// How long it says that it is.
        written: u32,
        /// How long it is.
        len: usize,
    },
    /// Some byte was changed, or parts of several payloads were mixed.
    #[error("its checksum does not fit")]
    BadChecksum,
}

impl Stamp {
    /// A payload of `len` bytes with this stamp:
    /// `magic(4) | run(8) | client(4) | seq(8) | len(4) | noise | crc32(4)`, numbers in little-endian order. The noise
    /// follows from the stamp, and two stamps share none of it.
    ///
    /// # Panics
    ///
    /// If `len` is less than [`MIN_LEN`] or does not fit into 32 bits.
    pub fn payload(&self, len: usize) -> Vec<u8> {
        assert!(len >= MIN_LEN, "a payload has at least {MIN_LEN} bytes");
        let mut bytes = Vec::with_capacity(len);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.run.to_le_bytes());
        bytes.extend_from_slice(&self.client.to_le_bytes());
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(len).expect("a payload is shorter than 4 GiB").to_le_bytes());
        let mut noise = Noise(self.run ^ u64::from(self.client).rotate_left(40) ^ self.seq.rotate_left(16));
        while bytes.len() < len - CHECKSUM {
            let rest = len - CHECKSUM - bytes.len();
            bytes.extend(noise.next().to_le_bytes().into_iter().take(rest));
        }
        let checksum = crc32(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// Whose payload this is, if it is a whole one.
pub fn verify(bytes: &[u8]) -> Result<Stamp, PayloadError> {
    let len = bytes.len();
    if len < MIN_LEN {
        return Err(PayloadError::TooShort { len });
    }
    if bytes[..4] != MAGIC {
        return Err(PayloadError::BadMagic);
    }
    let written = u32::from_le_bytes(part(bytes, 24));
    if written as usize != len {
        return Err(PayloadError::WrongLength { written, len });
    }
    let body = len - CHECKSUM;
    if crc32(&bytes[..body]) != u32::from_le_bytes(part(bytes, body)) {
        return Err(PayloadError::BadChecksum);
    }
    Ok(Stamp {
        run: u64::from_le_bytes(part(bytes, 4)),
        client: u32::from_le_bytes(part(bytes, 12)),
        seq: u64::from_le_bytes(part(bytes, 16)),
    })
}

fn part<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    bytes[from..from + N].try_into().expect("the length was checked")
}

/// SplitMix64: every seed gives another stream, the seed 0 included.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The CRC-32 of Ethernet and zip files, a bit at a time. Measured on payloads of some kilobytes it is not what takes
/// the time of a run, and it needs no table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::{MIN_LEN, Noise, PayloadError, Stamp, crc32, verify};

    const STAMP: Stamp = Stamp { run: 0x0102_0304_0506_0708, client: 9, seq: 0x1112_1314_1516_1718 };

    #[test]
    fn payloads_of_any_length_verify() {
        for len in (MIN_LEN..MIN_LEN + 20).chain([1000, 65_536]) {
            let payload = STAMP.payload(len);
            assert_eq!(payload.len(), len);
            assert_eq!(verify(&payload), Ok(STAMP), "{len} bytes");
        }
        let extreme = Stamp { run: u64::MAX, client: u32::MAX, seq: 0 };
        assert_eq!(verify(&extreme.payload(MIN_LEN)), Ok(extreme));
    }

    #[test]
    fn every_single_changed_byte_is_noticed() {
        let payload = STAMP.payload(64);
        for at in 0..payload.len() {
            let mut bad = payload.clone();
            bad[at] ^= 0x20;
            let expected = match at {
                0..4 => PayloadError::BadMagic,
                24..28 => {
                    let written = 64 ^ (0x20 << (8 * (at - 24)));
                    PayloadError::WrongLength { written, len: 64 }
                }
                _ => PayloadError::BadChecksum,
            };
            assert_eq!(verify(&bad), Err(expected), "byte {at}");
        }
    }

    #[test]
    fn cut_extended_and_mixed_payloads_are_noticed() {
        let payload = STAMP.payload(64);
        for len in MIN_LEN..64 {
            assert_eq!(verify(&payload[..len]), Err(PayloadError::WrongLength { written: 64, len }));
        }
        assert_eq!(verify(&payload[..MIN_LEN - 1]), Err(PayloadError::TooShort { len: MIN_LEN - 1 }));
        assert_eq!(verify(b""), Err(PayloadError::TooShort { len: 0 }));
        let longer = [&payload[..], b"x"].concat();
        assert_eq!(verify(&longer), Err(PayloadError::WrongLength { written: 64, len: 65 }));
        let other = Stamp { seq: STAMP.seq + 1, ..STAMP }.payload(64);
        for at in 30..60 {
            let mixed = [&payload[..at], &other[at..]].concat();
            assert_eq!(verify(&mixed), Err(PayloadError::BadChecksum), "mixed at {at}");
        }
    }

    #[test]
    fn noise_differs_with_every_part_of_the_stamp() {
        let noise = |stamp: Stamp| stamp.payload(200)[28..196].to_vec();
        let base = noise(STAMP);
        let others =
            [Stamp { run: 1, ..STAMP }, Stamp { client: 10, ..STAMP }, Stamp { seq: STAMP.seq + 1, ..STAMP }];
        for other in others {
            let same = noise(other).iter().zip(&base).filter(|(a, b)| a == b).count();
            assert!(same < 12, "{same} of 168 bytes are the same");
        }
        assert_eq!(noise(STAMP), base);
    }

    #[test]
    fn checksums_and_noise_are_the_published_ones() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
        let mut noise = Noise(1_234_567);
        assert_eq!([noise.next(), noise.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn the_layout_is_as_documented() {
        let payload = STAMP.payload(MIN_LEN);
        let header =
            b"\xffPZ\0\x08\x07\x06\x05\x04\x03\x02\x01\x09\0\0\0\x18\x17\x16\x15\x14\x13\x12\x11\x20\0\0\0";
        assert_eq!(payload[..28], header[..]);
        assert!(std::str::from_utf8(&payload).is_err());
    }

    #[test]
    #[should_panic(expected = "at least 32 bytes")]
    fn a_payload_has_a_least_length() {
        STAMP.payload(MIN_LEN - 1);
    }

    #[test]
    fn errors_read_well() {
        let texts = [
            PayloadError::TooShort { len: 3 },
            PayloadError::BadMagic,
            PayloadError::WrongLength { written: 64, len: 63 },
            PayloadError::BadChecksum,
        ]
        .map(|error| error.to_string());
        assert_eq!(
            texts,
            [
                "3 bytes are too few for a payload",
                "it does not begin like a payload",
                "it was 64 bytes long when it was written and has 63 now",
                "its checksum does not fit"
            ]
        );
    }
}
