//! What a search asks for: words, and filters written as `key:value`.
//!
//! ```text
//! "step by step label:production changed:<7d score:<3 criterion:clarity var:language in:comment"
//!        -> words                 -> filters of revisions                           -> where to look
//! ```
//!
//! `author:"Ana Maria"` holds a blank in quotes. A word with another key (`http://x`) is a word.

use super::text::width;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Which side of a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Relation {
    /// As SQL and people write it.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// Where words are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SearchField {
    /// Lines of templates.
    Template,
    /// Messages of revisions.
    Message,
    /// The judge's explanations.
    Explanation,
    /// Reviewers' comments.
    Comment,
}

impl SearchField {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Template, Self::Message, Self::Explanation, Self::Comment];

    /// As `in:` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::Message => "message",
            Self::Explanation => "explanation",
            Self::Comment => "comment",
        }
    }
}

/// A search, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Find {
    /// The words, as typed.
    pub words: Vec<String>,
    /// The revision this label points at.
    pub label: Option<String>,
    /// Part of an author's name.
    pub author: Option<String>,
    /// Age of the revision in days.
    pub changed: Option<(Relation, f64)>,
    /// Mean score.
    pub score: Option<(Relation, f64)>,
    /// Of this criterion; alone: judged by it.
    pub criterion: Option<String>,
    /// Asks for this variable.
    pub var: Option<String>,
    /// Only here.
    pub place: Option<SearchField>,
}

/// A filter whose value means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}:{value} says nothing: {hint}")]
pub struct FindError {
    key: String,
    value: String,
    hint: &'static str,
}

impl Find {
    /// Reads a search.
    ///
    /// # Errors
    /// When a filter's value is none.
    pub fn parse(text: &str) -> Result<Self, FindError> {
        let mut find = Self::default();
        for word in split(text) {
            match word.split_once(':') {
                Some((key, value)) if find.take(key, value)? => {}
                _ => find.words.push(word),
            }
        }
        Ok(find)
    }

    /// Whether revisions are chosen by anything but words.
    pub fn is_filtered(&self) -> bool {
        self.label.is_some()
            || self.author.is_some()
            || self.changed.is_some()
            || self.score.is_some()
            || self.criterion.is_some()
            || self.var.is_some()
    }

    /// Whether this place is looked at.
    pub fn looks_at(&self, place: SearchField) -> bool {
        self.place.is_none_or(|only| only == place)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<bool, FindError> {
        let bad = |hint| FindError { key: key.to_owned(), value: value.to_owned(), hint };
        let text = || match value {
            "" => Err(bad("write what to look for after the colon, in quotes if it holds blanks")),
            some => Ok(Some(some.to_owned())),
        };
        match key {
            "label" => self.label = text()?,
            "author" => self.author = text()?,
            "criterion" => self.criterion = text()?,
            "var" => self.var = text()?,
            "changed" => {
                self.changed =
                    Some(age(value).ok_or_else(|| bad("write an age, as in changed:<7d or changed:>3mo"))?);
            }
            "score" => {
                self.score =
                    Some(score(value).ok_or_else(|| bad("write a score, as in score:<3 or score:>=4.5"))?);
            }
            "in" => {
                let found = SearchField::ALL.into_iter().find(|p| p.name() == value);
                self.place =
                    Some(found.ok_or_else(|| bad("look in: template, message, explanation or comment"))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl fmt::Display for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

/// A text in stretches, each with whether it is one of the words (any case); together they are the text.
pub fn matches<'a>(text: &'a str, words: &[String]) -> Vec<(&'a str, bool)> {
    let wanted = folded(words);
    // Where each character starts, with its lower-case form.
    let chars: Vec<(usize, char)> = text.char_indices().map(|(at, c)| (at, lower(c))).collect();
    let mut lit = vec![false; chars.len()];
    for word in &wanted {
        for start in 0..(chars.len() + 1).saturating_sub(word.len()) {
            let here = chars.iter().skip(start).map(|(_, c)| c);
            if here.take(word.len()).eq(word.iter()) {
                lit.iter_mut().skip(start).take(word.len()).for_each(|l| *l = true);
            }
        }
    }
    let mut out: Vec<(&str, bool)> = Vec::new();
    let mut from = 0;
    for (i, on) in lit.iter().enumerate() {
        let next = chars.get(i + 1).map_or(text.len(), |(at, _)| *at);
        if lit.get(i + 1) != Some(on) {
            out.extend(text.get(from..next).map(|part| (part, *on)));
            from = next;
        }
    }
    out
}

/// A text from where the first of the words can be seen in so many columns: the whole, or what begins a little before it,
/// behind an ellipsis. What comes after is left to who cuts it.
pub fn from_match<'a>(text: &'a str, words: &[String], columns: usize) -> Cow<'a, str> {
    let Some(found) = first_match(text, words) else { return Cow::Borrowed(text) };
    // A character takes four bytes at most: what is further away need not be measured.
    let is_near =
        found.end <= columns.saturating_mul(4) && text.get(..found.end).is_some_and(|to| width(to) < columns);
    let Some(before) = text.get(..found.start).filter(|_| !is_near) else { return Cow::Borrowed(text) };
    let mut room = columns / 4;
    let start = before.char_indices().rev().take_while(|(_, c)| {
        let taken = width(c.encode_utf8(&mut [0; 4]));
        let fits = taken <= room;
        room = room.saturating_sub(taken);
        fits
    });
    let start = start.last().map_or(found.start, |(at, _)| at);
    match text.get(start..) {
        Some(rest) if start > 0 => Cow::Owned(format!("…{}", rest.trim_start())),
        _ => Cow::Borrowed(text),
    }
}

/// A letter as it is compared: one for one, so that places in the text stay.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// Words as they are looked for, without the empty ones.
fn folded(words: &[String]) -> Vec<Vec<char>> {
    words.iter().filter(|w| !w.is_empty()).map(|w| w.chars().flat_map(char::to_lowercase).collect()).collect()
}

/// Where the first of the words stands, in bytes.
fn first_match(text: &str, words: &[String]) -> Option<Range<usize>> {
    let wanted = folded(words);
    text.char_indices().find_map(|(at, c)| {
        wanted.iter().filter(|w| w.first() == Some(&lower(c))).find_map(|word| {
            let rest = text.get(at..)?;
            let mut here = rest.char_indices();
            word.iter()
                .all(|w| here.next().is_some_and(|(_, c)| lower(c) == *w))
                .then(|| at..at + here.offset())
        })
    })
}

/// Words at blanks; quotes hold a word together and are left out.
fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                any = true;
            }
            c if c.is_whitespace() && !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words.retain(|w| !w.is_empty());
    words
}

fn than(value: &str, bare: Relation) -> (Relation, &str) {
    for than in [Relation::AtMost, Relation::AtLeast, Relation::Less, Relation::More] {
        if let Some(rest) = value.strip_prefix(than.sign()) {
            return (than, rest);
        }
    }
    (bare, value)
}

/// `<7d`, `>3mo`; a bare age is `<`. In days: a month is 365/12 of them.
fn age(value: &str) -> Option<(Relation, f64)> {
    let (than, rest) = than(value, Relation::Less);
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = rest.split_at_checked(end)?;
    let days = match unit {
        "m" => 1.0 / 1440.0,
        "h" => 1.0 / 24.0,
        "d" => 1.0,
        "w" => 7.0,
        "mo" => 365.0 / 12.0,
        "y" => 365.0,
        _ => return None,
    };
    Some((than, number.parse::<f64>().ok()? * days))
}

fn score(value: &str) -> Option<(Relation, f64)> {
    let (than, rest) = than(value, Relation::AtLeast);
    rest.parse().ok().filter(|n: &f64| n.is_finite()).map(|n| (than, n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_filters_are_told_apart() {
        let find = Find::parse(
            "step  by label:production author:\"Ana Maria\" changed:<7d score:<3 criterion:clarity var:name http://x in:comment",
        )
        .unwrap();
        assert_eq!(find.words, ["step", "by", "http://x"]);
        assert_eq!((find.label.as_deref(), find.author.as_deref()), (Some("production"), Some("Ana Maria")));
        assert_eq!((find.changed, find.score), (Some((Relation::Less, 7.0)), Some((Relation::Less, 3.0))));
        assert_eq!((find.criterion.as_deref(), find.var.as_deref()), (Some("clarity"), Some("name")));
        assert!(
            find.looks_at(SearchField::Comment)
                && !find.looks_at(SearchField::Template)
                && find.is_filtered()
        );
        assert_eq!(Find::parse("\"a b\" c").unwrap().words, ["a b", "c"]);
        assert!(!Find::parse("a:b").unwrap().is_filtered());
    }

    #[test]
    fn matches_cover_the_text_and_mark_the_words() {
        let words = |w: &[&str]| w.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            matches("Say Hello, hello", &words(&["hello"])),
            [("Say ", false), ("Hello", true), (", ", false), ("hello", true)]
        );
        assert_eq!(
            matches("ÄÖ日本語", &words(&["äö", "本"])),
            [("ÄÖ", true), ("日", false), ("本", true), ("語", false)]
        );
        assert_eq!(matches("", &words(&["x"])), []);
        assert_eq!(matches("abc", &words(&["", "abcd"])), [("abc", false)]);
    }

    #[test]
    fn a_long_text_is_seen_from_where_the_words_stand() {
        let words = |w: &[&str]| w.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let far = format!("{}NEEDLE here{}", "word ".repeat(40), " tail".repeat(40));
        let seen = from_match(&far, &words(&["needle"]), 40);
        assert!(seen.starts_with("…word word NEEDLE here tail"), "{seen}");
        let wide = format!("{}要約して", "編集者".repeat(30));
        let seen = from_match(&wide, &words(&["要約"]), 40);
        assert_eq!(seen, "…集者編集者要約して");
        for (text, word, columns) in [
            ("say needle", "needle", 40),
            (&far, "absent", 40),
            (&far, "tail", 4_000),
            ("", "x", 9),
            (&far, "word", 1),
            (&far, "", 9),
        ] {
            assert_eq!(from_match(text, &words(&[word]), columns), text, "{word}");
        }
        assert!(from_match(&far, &words(&["needle"]), 0).starts_with("…NEEDLE"));
    }

    #[test]
    fn ages_and_scores_have_their_units() {
        for (text, want) in [
            ("changed:2w", Some((Relation::Less, 14.0))),
            ("changed:>12h", Some((Relation::More, 0.5))),
            ("changed:<=1y", Some((Relation::AtMost, 365.0))),
        ] {
            assert_eq!(Find::parse(text).unwrap().changed, want, "{text}");
        }
        assert_eq!(Find::parse("score:4.5").unwrap().score, Some((Relation::AtLeast, 4.5)));
        for bad in ["changed:7", "changed:soon", "score:high", "label:", "in:nowhere", "score:nan"] {
            let error = Find::parse(bad).unwrap_err().to_string();
            assert!(error.starts_with(bad.split(':').next().unwrap()), "{error}");
        }
    }
}
