//! Names that may have been meant by one that is not there.

use crate::core::near_names::letters_apart;

/// Up to three names that are nearest: few letters apart, or holding the text whole.
pub(in crate::store) fn nearest(name: &str, all: impl IntoIterator<Item = String>) -> Vec<String> {
    let allowed = (name.chars().count() / 3).clamp(1, 6);
    let mut near: Vec<(usize, String)> = Vec::new();
    for other in all {
        match letters_apart(name, &other, allowed) {
            Some(apart) => near.push((apart, other)),
            None if other.contains(name) => near.push((allowed + 1, other)),
            None => {}
        }
    }
    near.sort();
    near.into_iter().take(3).map(|(_, name)| name).collect()
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
}
