//! What tells two arms apart in the head of a column: `r11` and `r12` of two revisions, else their names.

use crate::core::text;

/// A judged arm's name, taken apart: `NAME@rN` or `NAME@rN+MODEL`.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (prompt, rest) = name.rsplit_once("@r")?;
    let (seq, model) = rest.split_once('+').unwrap_or((rest, ""));
    (!seq.is_empty() && seq.chars().all(|c| c.is_ascii_digit())).then_some((prompt, seq, model))
}

/// Both names without what they share: prompt, revision or model.
fn apart(a: &str, b: &str) -> (String, String) {
    let whole = || (a.to_owned(), b.to_owned());
    let (Some(x), Some(y)) = (parts(a), parts(b)) else { return whole() };
    let (same_prompt, same_seq, same_model) = (x.0 == y.0, x.1 == y.1, x.2 == y.2);
    if same_prompt && same_seq {
        return if same_model { whole() } else { (x.2.to_owned(), y.2.to_owned()) };
    }
    let one = |(prompt, seq, model): (&str, &str, &str)| {
        let prompt = if same_prompt { String::new() } else { format!("{prompt}@") };
        let model = if same_model || model.is_empty() { String::new() } else { format!("+{model}") };
        format!("{prompt}r{seq}{model}")
    };
    (one(x), one(y))
}

/// Both names within so many columns each, as they are shown. Two names never look alike: where their beginnings do, their
/// ends are shown, and where these do as well, which of the two comes first.
pub(super) fn short(a: &str, b: &str, columns: usize) -> [String; 2] {
    let (x, y) = apart(a, b);
    let (x, y) = (text::escape_line(&x).into_owned(), text::escape_line(&y).into_owned());
    let start = |name: &str| text::truncate(name, columns).into_owned();
    let end = |name: &str| {
        let wide = text::width(name);
        if wide <= columns {
            return name.to_owned();
        }
        let room = columns.saturating_sub(1);
        format!("…{}", text::slice_cols(name, wide.saturating_sub(room), room))
    };
    let either = |of: &dyn Fn(&str) -> String| Some([of(&x), of(&y)]).filter(|[a, b]| a != b);
    either(&start)
        .or_else(|| either(&end))
        .unwrap_or_else(|| ["first".to_owned(), "second".to_owned()].map(|n| start(&n)))
}

/// Columns that the longer of two names takes, at most `most`.
pub(super) fn width(a: &str, b: &str, most: usize) -> usize {
    let (x, y) = apart(a, b);
    let wide = |name: &str| text::width(&text::escape_line(name));
    wide(&x).max(wide(&y)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_arms_share_is_left_out() {
        assert_eq!(short("support/a@r11+m", "support/a@r12+m", 12), ["r11", "r12"]);
        assert_eq!(short("support/a@r11+gpt", "support/a@r11+llama", 12), ["gpt", "llama"]);
        assert_eq!(short("support/a@r11", "support/b@r12", 20), ["support/a@r11", "support/b@r12"]);
        assert_eq!(short("base", "cand", 5), ["base", "cand"]);
        assert_eq!(short("me@really", "me@rally", 12), ["me@really", "me@rally"], "no revisions");
        assert_eq!(width("p@r9+m", "p@r10+m", 12), 3);
    }

    #[test]
    fn two_names_never_look_alike() {
        assert_eq!(short("a long name one", "a long name two", 6), ["…e one", "…e two"]);
        assert_eq!(short("x-aaaaaaaaa-y", "x-bbbbbbbbb-y", 5), ["x-aa…", "x-bb…"]);
        let same = short("aaaaaaaa-1-bbbbbbbb", "aaaaaaaa-2-bbbbbbbb", 6);
        assert_eq!(same, ["first", "second"]);
        let [a, b] = short("\u{1b}[31mred", "\u{1b}[32mred", 30);
        assert!(!a.contains('\u{1b}') && a != b, "{a} {b}");
    }
}
