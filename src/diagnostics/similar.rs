//! "Did you mean": the known word that is closest to a misspelled one.

/// The known word that is similar enough to be meant; nothing when none is.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    similar::get_close_matches(word, &known, 1, 0.6).first().copied()
}
