//! How near two names are, so that a message can ask "did you mean ...?". Levenshtein's distance, from crate `strsim`.

/// Of a name, so many characters are compared: a message about one that is longer need not be quick, only end.
const LONGEST: usize = 200;

/// The letters that must be put in, left out or changed to make one name of the other; `None` when there are more than `most`.
pub fn letters_apart(a: &str, b: &str, most: usize) -> Option<usize> {
    let length = |text: &str| text.chars().take(LONGEST).count();
    // Each letter that one has more is one to put in: most names are told apart without being compared.
    if length(a).abs_diff(length(b)) > most {
        return None;
    }
    let cut = |text: &str| text.chars().take(LONGEST).collect::<String>();
    Some(strsim::levenshtein(&cut(a), &cut(b))).filter(|apart| *apart <= most)
}

/// The known word nearest to `word`, if it is near enough to be a slip of the hand: a letter, and one more for every four.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = |known: &&'k str| Some((letters_apart(word, known, 1 + known.chars().count() / 4)?, *known));
    known.iter().filter_map(near).min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted_and_not_bytes() {
        for (a, b, apart) in [
            ("", "", 0),
            ("kitten", "sitting", 3),
            ("base_ur", "base_url", 1),
            ("", "ab", 2),
            ("ab", "", 2),
            ("Gruß", "Grüß", 1),
        ] {
            assert_eq!(letters_apart(a, b, 6), Some(apart), "{a} {b}");
            assert_eq!(letters_apart(a, b, apart), Some(apart), "{a} {b}");
            assert_eq!(apart.checked_sub(1).and_then(|most| letters_apart(a, b, most)), None, "{a} {b}");
        }
        assert_eq!(letters_apart(&"a".repeat(100_000), &"b".repeat(100_000), 3), None);
    }

    #[test]
    fn the_nearest_is_named_where_one_is_near() {
        assert_eq!(nearest("modle", &["model", "base_url"]), Some("model"));
        assert_eq!(nearest("zzzz", &["model", "base_url"]), None);
        assert_eq!(nearest("ab", &["ac", "ad"]), Some("ac"));
    }
}
