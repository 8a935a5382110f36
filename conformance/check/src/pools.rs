//! The keys, prefixes and values that drivers stumble over, in families, each with the fault it is there for.
//!
//! Random names find little: a generator that drew from pools like these killed 52 of 56 seeded faults where one that
//! drew random strings killed 21. Draw a handful of keys at a time, from few families, so that near misses meet.

use crate::payload::Noise;

/// Some entries of a pool, and what they are there to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family<T> {
    /// The fault that tells these apart from others or from each other wrongly.
    pub finds: &'static str,
    /// The entries.
    pub entries: Vec<T>,
}

/// Keys: families of names that a careless driver takes for one another, refuses, or gives a meaning.
///
/// All are valid: not empty, at most 256 bytes, which every driver's `max_key_bytes` allows. No key occurs twice.
pub fn key_families() -> Vec<Family<String>> {
    let long = |last: &str| "k".repeat(255) + last;
    let mut families = vec![
        family("letter case folded", ["a", "A", "ß", "SS"]),
        family("white space trimmed or cut by padded columns", ["a ", " a", " ", "a\n", "a\t", "\u{a0}a"]),
        family("cut at NUL, or refused for it", ["a\0", "a\0b", "\0"]),
        family("LIKE wildcards at work", ["%", "_", "a%", "a_b", "aab"]),
        family("glob wildcards at work", ["*", "?", "[a]", "a[", "a*", "a?"]),
        family("escape characters eaten", ["\\", "a\\", "a\\0", "a\\%"]),
        family("quotes and statements spliced", ["'", "a'--", "\"", "$1", ";"]),
        family("paths cleaned", [".", "..", "a/b", "a//b", "./a", "/a", "a/"]),
        family("forbidden characters replaced (`.`, space and `-` by `_`)", ["a.b", "a b", "a-b"]),
        family("Unicode normalised (NFC, NFD, compatibility)", ["é", "e\u{301}", "ﬁ", "fi", "Å", "\u{212b}"]),
        family(
            "characters counted instead of bytes, or cut inside one",
            ["😀", "👩\u{200d}👩\u{200d}👧", "e\u{301}\u{327}"],
        ),
        family(
            "invisible and right-to-left characters dropped",
            ["\u{200f}a", "שלום", "a\u{200b}", "\u{feff}a"],
        ),
        family(
            "ordered by UTF-16 units or by a collation instead of bytes",
            ["\u{fffd}", "\u{ffff}", "\u{10000}", "\u{10ffff}", "z", "ä", "Z"],
        ),
        family("taken for numbers and words", ["7", "007", "1e3", "-0", "null", "true", "undefined"]),
        family("separators and hash tags of the key scheme", [":", "a:b", "a:", ":a", "{a}", "{a", "ns:a:b"]),
        family("percent-encoding applied or undone", ["%41", "%00", "a+b", "a%20b"]),
    ];
    families.push(Family {
        finds: "cut at 63 or 255 bytes, so that names collide",
        entries: vec!["i".repeat(63), "i".repeat(64), long(""), long("a"), long("b")],
    });
    families
}

/// All keys of [`key_families`].
pub fn keys() -> Vec<String> {
    key_families().into_iter().flat_map(|family| family.entries).collect()
}

/// Prefixes to scan for: those that some keys of the pool start with, with the characters that mean something to
/// servers; the empty one; and some that match nothing or one key alone.
pub fn prefixes() -> Vec<String> {
    let prefixes = [
        "",
        "a",
        "A",
        "a%",
        "a_",
        "%",
        "_",
        "*",
        "?",
        "[",
        "[a]",
        "a[",
        "\\",
        "a\\",
        "a\0",
        "\0",
        "a ",
        " ",
        ".",
        "a/",
        "a:",
        ":",
        "{",
        "e",
        "e\u{301}",
        "é",
        "0",
        "k",
        "no such prefix",
        "\u{10ffff}",
        "'",
    ];
    prefixes.map(String::from).to_vec()
}

/// Values: families of contents that a careless driver mangles, normalises or takes for one another.
///
/// The largest has 64 KiB. No value occurs twice.
pub fn value_families() -> Vec<Family<Vec<u8>>> {
    let mut noise = Noise(64);
    let block = std::iter::repeat_with(|| noise.next().to_le_bytes()).take(8 * 1024).flatten().collect();
    let every_byte = (0..=u8::MAX).collect();
    vec![
        bytes("the empty value taken for none", [b""]),
        bytes("cut at NUL", [&b"\0"[..], b"a\0b", b"a\0"]),
        bytes(
            "forced through a charset",
            [&b"\xff"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\xef\xbb\xbfa", "é".as_bytes()],
        ),
        bytes("numbers normalised", [&b"007"[..], b"7", b" 7", b"+7", b"-0", b"1.0", b"1e3", b"0x10"]),
        bytes(
            "numbers kept in a double or wrapped",
            [
                &b"9223372036854775807"[..],
                b"-9223372036854775808",
                b"9007199254740993",
                b"9223372036854775808",
            ],
        ),
        bytes("words taken for constants", [&b"true"[..], b"null", b"nil", b"NaN"]),
        bytes("white space trimmed", [&b"a "[..], b"a\n", b"\r\n", b" "]),
        bytes("JSON parsed and written anew", [&b"{\"b\":1, \"a\":1.0}"[..], b"[]", b"\"a\""]),
        bytes("compared by prefix or without case", [&b"a"[..], b"ab", b"abc", b"AB"]),
        Family { finds: "bytes escaped, lost or cut in larger values", entries: vec![every_byte, block] },
    ]
}

/// All values of [`value_families`].
pub fn values() -> Vec<Vec<u8>> {
    value_families().into_iter().flat_map(|family| family.entries).collect()
}

fn family<const N: usize>(finds: &'static str, entries: [&str; N]) -> Family<String> {
    Family { finds, entries: entries.map(String::from).to_vec() }
}

fn bytes<const N: usize>(finds: &'static str, entries: [&[u8]; N]) -> Family<Vec<u8>> {
    Family { finds, entries: entries.map(<[u8]>::to_vec).to_vec() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{key_families, keys, prefixes, value_families, values};

    fn distinct<T: Ord + Clone>(entries: &[T]) -> usize {
        entries.iter().cloned().collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn keys_are_valid_distinct_and_all_there() {
        let keys = keys();
        assert_eq!(keys.len(), key_families().iter().map(|f| f.entries.len()).sum::<usize>());
        assert_eq!(keys.len(), 86);
        assert_eq!(distinct(&keys), keys.len());
        assert!(keys.iter().all(|key| (1..=256).contains(&key.len())));
        assert_eq!(keys.iter().filter(|key| key.len() == 256).count(), 2);
        assert!(key_families().iter().all(|f| !f.finds.is_empty() && f.entries.len() > 1));
    }

    #[test]
    fn keys_collide_under_the_faults_they_are_for() {
        let keys = keys();
        let collide = |name: &str, fault: &dyn Fn(&str) -> String| {
            let faulty: Vec<String> = keys.iter().map(|key| fault(key)).collect();
            assert!(distinct(&faulty) < keys.len(), "{name} is not told apart by the pool");
        };
        collide("case folding", &str::to_lowercase);
        collide("trimming", &|key| key.trim().to_owned());
        collide("trimming on the right", &|key| key.trim_end_matches(' ').to_owned());
        collide("cutting at NUL", &|key| key.split('\0').next().unwrap().to_owned());
        collide("cutting at 63 bytes", &|key| key.chars().take(63).collect());
        collide("cutting at 255 bytes", &|key| key.chars().take(255).collect());
        collide("dropping combining characters", &|key| key.replace("e\u{301}", "é"));
        collide("cleaning paths", &|key| key.replace("//", "/").trim_start_matches("./").to_owned());
        collide("replacing characters", &|key| key.replace(['.', ' ', '-'], "_"));
        collide("reading numbers", &|key| key.parse::<u64>().map_or(key.to_owned(), |n| n.to_string()));
        collide("dropping format characters", &|key| key.replace(['\u{200b}', '\u{200f}', '\u{feff}'], ""));
        let mut by_units = keys.clone();
        by_units.sort_by_key(|key| key.encode_utf16().collect::<Vec<_>>());
        let mut by_bytes = keys.clone();
        by_bytes.sort();
        assert_ne!(by_units, by_bytes, "UTF-16 order differs from byte order");
    }

    #[test]
    fn prefixes_meet_wildcards() {
        let (keys, prefixes) = (keys(), prefixes());
        assert_eq!((prefixes.len(), distinct(&prefixes)), (31, 31));
        let matches = |prefix: &str| keys.iter().filter(|key| key.starts_with(prefix)).count();
        assert_eq!(matches(""), keys.len());
        assert_eq!(matches("no such prefix"), 0);
        // A `_` that works as a wildcard matches more keys than start with it.
        for prefix in ["a_", "_", "?", "a%", "*", "[a]"] {
            assert!(matches(prefix) >= 1 && matches(prefix) < matches("a"), "{prefix:?}");
        }
    }

    #[test]
    fn values_are_distinct_and_all_there() {
        let values = values();
        assert_eq!(values.len(), value_families().iter().map(|f| f.entries.len()).sum::<usize>());
        assert_eq!((values.len(), distinct(&values)), (38, 38));
        assert!(values.iter().any(Vec::is_empty));
        assert!(values.iter().any(|value| std::str::from_utf8(value).is_err()));
        assert_eq!(values.iter().map(Vec::len).max(), Some(64 * 1024));
        assert!(value_families().iter().all(|f| !f.finds.is_empty() && !f.entries.is_empty()));
        let block = values.last().unwrap();
        assert!((0..=u8::MAX).all(|byte| block.contains(&byte)));
        assert_eq!(block[..8], super::Noise(64).next().to_le_bytes());
    }

    #[test]
    fn values_collide_under_the_faults_they_are_for() {
        let values = values();
        let collide = |name: &str, fault: &dyn Fn(&[u8]) -> Vec<u8>| {
            let faulty: Vec<Vec<u8>> = values.iter().map(|value| fault(value)).collect();
            assert!(distinct(&faulty) < values.len(), "{name} is not told apart by the pool");
        };
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        collide("cutting at NUL", &|v| v.split(|b| *b == 0).next().unwrap().to_vec());
        collide("trimming", &|v| text(v).trim().as_bytes().to_vec());
        collide("case folding", &|v| v.to_ascii_lowercase());
        collide("comparing prefixes", &|v| v[..v.len().min(2)].to_vec());
        collide("reading numbers", &|v| {
            text(v).trim().parse::<i64>().map_or(v.to_vec(), |n| n.to_string().into())
        });
        let lossy = values.iter().filter(|v| text(v).as_bytes() != v.as_slice()).count();
        assert!(lossy >= 5, "{lossy} values are not text");
        let through_double = b"9007199254740993";
        assert_ne!((9_007_199_254_740_993_i64 as f64 as i64).to_string().as_bytes(), through_double);
        assert!(values.iter().any(|v| v == through_double));
    }
}
