//! What somebody probably meant.

/// The candidate that is most like `word`: at most a third of its letters are wrong, and never more than four.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_different_word_is_not() {
        let names = ["memstore", "redis", "sqlite"];
        assert_eq!(nearest("rediss", names), Some("redis"));
        assert_eq!(nearest("SQLite", names), Some("sqlite"));
        assert_eq!(nearest("memstroe", names), Some("memstore"));
        assert_eq!(nearest("postgres", names), None);
        assert_eq!(nearest("", names), None);
    }
}
