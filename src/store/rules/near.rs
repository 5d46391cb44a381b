//! Names that may have been meant by one that is not there.

/// Up to three names that are nearest: few letters apart, or holding the text whole.
pub(in crate::store) fn nearest(name: &str, all: impl IntoIterator<Item = String>) -> Vec<String> {
    let wanted: Vec<char> = name.chars().collect();
    let allowed = (wanted.len() / 3).clamp(1, 6);
    let mut near: Vec<(usize, String)> = Vec::new();
    for other in all {
        let apart = letters_apart(&wanted, &other, allowed);
        if apart <= allowed {
            near.push((apart, other));
        } else if other.contains(name) {
            near.push((allowed + 1, other));
        }
    }
    near.sort();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Levenshtein's distance, given up (as `limit + 1`) once it is larger than `limit`.
fn letters_apart(wanted: &[char], other: &str, limit: usize) -> usize {
    if other.chars().count().abs_diff(wanted.len()) > limit {
        return limit + 1;
    }
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (i, letter) in other.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = std::mem::replace(&mut row, vec![left]);
        for (pair, mine) in diagonal.windows(2).zip(wanted) {
            let [over_left, over] = pair else { continue };
            left = (over_left + usize::from(letter != *mine)).min(over + 1).min(left + 1);
            row.push(left);
        }
        diagonal.clear();
        if row.iter().min().is_none_or(|least| *least > limit) {
            return limit + 1;
        }
    }
    row.last().copied().unwrap_or(limit + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first_and_at_most_three() {
        let all = ["summary", "summarize", "sumary", "mary", "summaries-of-all", "other"].map(str::to_owned);
        assert_eq!(nearest("summary", all.clone()), ["summary", "sumary"]);
        assert_eq!(nearest("summa", all), ["summaries-of-all", "summarize", "summary"]);
        let many = (0..9).map(|i| format!("a{i}"));
        assert_eq!(nearest("a", many), ["a0", "a1", "a2"]);
    }

    #[test]
    fn letters_apart_are_counted_up_to_the_limit() {
        for (a, b, apart) in [
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("same", "same", 0),
            ("ab", "ba", 2),
            ("süß", "suess", 4),
        ] {
            let wanted: Vec<char> = a.chars().collect();
            assert_eq!(letters_apart(&wanted, b, 20), apart, "{a} {b}");
            assert_eq!(letters_apart(&wanted, b, 1), apart.min(2), "{a} {b}");
        }
    }
}
