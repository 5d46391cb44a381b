//! Web addresses inside a text, for links.

use std::ops::Range;

/// Longer ones are no links: terminals cut them, and nobody reads them.
const LONGEST: usize = 2_000;

/// Byte ranges of the web addresses in a text, in order: `http://` or `https://`, a name, and what RFC 3986 allows behind it.
/// Marks that end a sentence and a closing bracket without its opening one are not part of an address.
pub fn addresses(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("://")).map(|at| at + from) {
        from = at + 3;
        let Some(start) = ["https", "http"].iter().find_map(|scheme| begins(text, at, scheme)) else {
            continue;
        };
        let rest = text.get(from..).unwrap_or_default();
        let length = rest.bytes().take_while(|b| is_allowed(*b)).count();
        let end = from + trimmed(rest.get(..length).unwrap_or_default()).len();
        if end > from && text.as_bytes().get(from).is_some_and(u8::is_ascii_alphanumeric) {
            if end - start <= LONGEST {
                found.push(start..end);
            }
            from = end;
        }
    }
    found
}

/// Where a scheme begins that ends at `at`, if no word goes on into it.
fn begins(text: &str, at: usize, scheme: &str) -> Option<usize> {
    let start = at.checked_sub(scheme.len())?;
    let before = text.get(..start)?;
    let is_scheme = text.get(start..at)?.eq_ignore_ascii_case(scheme);
    (is_scheme && !before.ends_with(|c: char| c.is_ascii_alphanumeric())).then_some(start)
}

fn is_allowed(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b)
}

fn trimmed(mut address: &str) -> &str {
    loop {
        let count = |c: char| address.matches(c).count();
        let shorter = match address.chars().last() {
            Some('.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~') => true,
            Some(')') => count(')') > count('('),
            Some(']') => count(']') > count('['),
            _ => false,
        };
        match address.char_indices().last().filter(|_| shorter) {
            Some((last, _)) => address = address.get(..last).unwrap_or_default(),
            None => return address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        addresses(text).into_iter().filter_map(|range| text.get(range)).collect()
    }

    #[test]
    fn addresses_are_found_without_the_marks_around_them() {
        assert_eq!(
            found("see https://example.org/a?b=1#c, or http://127.0.0.1:8080/v1."),
            ["https://example.org/a?b=1#c", "http://127.0.0.1:8080/v1"]
        );
        assert_eq!(
            found("[text](https://en.example.org/wiki/A_(b)) *https://example.org*"),
            ["https://en.example.org/wiki/A_(b)", "https://example.org"]
        );
        assert_eq!(
            found("\"HTTPS://EXAMPLE.ORG\" 中https://example.org/中"),
            ["HTTPS://EXAMPLE.ORG", "https://example.org/"]
        );
        for none in [
            "",
            "://",
            "https://",
            "xhttps://a",
            "file:///etc/passwd",
            "https:// a",
            "https://é",
            "https://-",
        ] {
            assert_eq!(found(none), Vec::<&str>::new(), "{none}");
        }
        assert_eq!(found(&format!("https://{}", "a".repeat(LONGEST))), Vec::<&str>::new());
    }
}
