//! Scores in plain text: the one strict line [`read_plain`] accepts, and a cautious reader of free prose.
//!
//! Neither is part of [`super::read`]. [`read_plain`] serves judges for which the user chose plain text.
//! [`read_prose`] serves imports of old replies ([`super::read_recorded`]) and reports about them; it may give halves, and
//! a live verdict is never scored by it.

use super::super::verdict::Reading;
use super::Unread;

/// Reads a reply in plain text: reasons, then `SCORE: n` alone on the last line.
///
/// # Errors
/// When the last line is anything else, `n` is no whole number from 1 to 5, another such line differs, or no reason
/// comes before it.
pub fn read_plain(content: &str) -> Result<Reading, Unread> {
    let text = content.trim();
    let (before, last) = text.rsplit_once('\n').unwrap_or(("", text));
    let score = plain_score(last)
        .ok_or_else(|| Unread::new("the last line is not \"SCORE: n\""))?
        .map_err(|()| Unread::new("the last line gives no whole number from 1 to 5"))?;
    if before.lines().filter_map(plain_score).any(|other| other != Ok(score)) {
        return Err(Unread::conflict("the reply holds two scores that differ"));
    }
    if before.trim().is_empty() {
        return Err(Unread::new("the explanation is missing or empty"));
    }
    Ok(Reading {
        score,
        evidence: Vec::new(),
        explanation: before.trim().to_owned(),
        injection_suspected: false,
        repairs: vec!["plain text".to_owned()],
    })
}

/// `None` when the line is not of the form `SCORE: ...`; `Err` when what follows is no score.
fn plain_score(line: &str) -> Option<Result<u8, ()>> {
    let value = line.trim().strip_prefix("SCORE:")?.trim();
    Some(match value {
        "1" => Ok(1),
        "2" => Ok(2),
        "3" => Ok(3),
        "4" => Ok(4),
        "5" => Ok(5),
        _ => Err(()),
    })
}

/// A piece of prose.
#[derive(Debug, PartialEq)]
enum ProseToken<'t> {
    /// A number that stands alone.
    Number(f64),
    /// `4/5` or `4 out of 5`.
    OutOfFive(f64),
    /// A word, or a number glued to something (`87th`, `1-0`, `£46million`).
    Word(&'t str),
    /// A mark.
    Mark(char),
    /// The end of a line.
    Break,
}

/// Reads a score from free prose on a scale from 1 to 5, halves included: `4 out of 5`, `resulting in a score of 3.5.`,
/// `Two stars.`, a bare `2.` at the end. `None` when there is none, or when two differ: a person could not be sure.
///
/// A number in the text (`15 penalties`, `beat Chile 1-0`) is no score: it must be named one, be out of five, or be all
/// that follows the last sentence.
pub fn read_prose(raw: &str) -> Option<f64> {
    let text = raw.trim();
    if let Some(letter) = single_choice(text) {
        return Some(letter);
    }
    let tokens = merge_out_of_five(tokenize(text));
    let mut found: Vec<f64> = (0..tokens.len()).filter_map(|at| stated(&tokens, at)).collect();
    found.extend(stars(&tokens));
    found.extend(bare_at_end(&tokens));
    let first = *found.first()?;
    (found.iter().all(|score| *score == first) && (1.0..=5.0).contains(&first)).then_some(first)
}

/// A multiple-choice reply: one letter from `A` (1) to `E` (5) and nothing else.
fn single_choice(text: &str) -> Option<f64> {
    let choice = text.trim_matches(['(', ')', '.']);
    let mut letters = choice.chars();
    let letter = letters.next().filter(|c| ('A'..='E').contains(c))?;
    letters.next().is_none().then(|| f64::from(u32::from(letter) - u32::from('A') + 1))
}

fn tokenize(text: &str) -> Vec<ProseToken<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\n' => {
                tokens.push(ProseToken::Break);
                1
            }
            c if c.is_whitespace() => c.len_utf8(),
            c if c.is_alphanumeric() || "£$€#+-".contains(c) => {
                let end = chunk_end(rest);
                let chunk = rest.get(..end).unwrap_or(rest);
                push_chunk(chunk, &mut tokens);
                end
            }
            mark => {
                tokens.push(ProseToken::Mark(mark));
                mark.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

/// Where the word or number at the start of `text` ends. Marks inside it (`1-0`, `12,000`, `4/5`, `3.5`, `it's`) belong
/// to it when a letter or digit follows.
fn chunk_end(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let glued = c.is_alphanumeric()
            || at == 0
            || (".,/-:'\u{2019}%".contains(c)
                && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric()))
            || c == '%';
        if !glued {
            return at;
        }
    }
    text.len()
}

fn push_chunk<'t>(chunk: &'t str, tokens: &mut Vec<ProseToken<'t>>) {
    let number = |text: &str| {
        let plain =
            text.chars().all(|c| c.is_ascii_digit() || c == '.') && text.starts_with(|c: char| c != '.');
        if plain { text.parse::<f64>().ok() } else { None }
    };
    let (head, tail) = match chunk.split_once(':') {
        Some((head, tail))
            if number(tail.split('/').next().unwrap_or_default()).is_some() && number(head).is_none() =>
        {
            (Some(head), tail)
        }
        _ => (None, chunk),
    };
    if let Some(head) = head {
        tokens.extend([ProseToken::Word(head), ProseToken::Mark(':')]);
    }
    tokens.push(match (tail.split_once('/'), number(tail)) {
        (Some((score, "5")), _) => number(score).map_or(ProseToken::Word(tail), ProseToken::OutOfFive),
        (_, Some(value)) => ProseToken::Number(value),
        _ => ProseToken::Word(tail),
    });
}

fn is_word(token: Option<&ProseToken<'_>>, words: &[&str]) -> bool {
    matches!(token, Some(ProseToken::Word(word)) if words.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// The value of a number, or of one of the words `one` to `five`.
fn value(token: &ProseToken<'_>) -> Option<f64> {
    match token {
        ProseToken::Number(value) => Some(*value),
        ProseToken::Word(word) => ["one", "two", "three", "four", "five"]
            .iter()
            .zip([1.0, 2.0, 3.0, 4.0, 5.0])
            .find(|(name, _)| word.eq_ignore_ascii_case(name))
            .map(|(_, value)| value),
        _ => None,
    }
}

/// Joins `4 out of 5`, `four out of five` and `4 / 5` into one token.
fn merge_out_of_five(tokens: Vec<ProseToken<'_>>) -> Vec<ProseToken<'_>> {
    let mut out: Vec<ProseToken<'_>> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let joined = match (value(&token), out.as_slice()) {
            (Some(5.0), [.., score, out, of])
                if is_word(Some(out), &["out"]) && is_word(Some(of), &["of"]) =>
            {
                value(score).map(|score| (score, 3))
            }
            (Some(5.0), [.., score, ProseToken::Mark('/')]) => value(score).map(|score| (score, 2)),
            _ => None,
        };
        match joined {
            Some((score, length)) => {
                out.truncate(out.len() - length);
                out.push(ProseToken::OutOfFive(score));
            }
            None => out.push(token),
        }
    }
    out
}

/// How far back the word that makes a number a score may stand.
const REACH: usize = 8;

/// The score stated at `at`: out of five, or a number led to by `score of`, `rates it a`, `gives it a` and the like.
fn stated(tokens: &[ProseToken<'_>], at: usize) -> Option<f64> {
    let score = match tokens.get(at)? {
        ProseToken::OutOfFive(score) => return Some(*score),
        other => value(other)?,
    };
    let before = tokens.get(..at)?;
    let led = is_word(before.last(), &["of", "a", "an", "as", "is"])
        || matches!(before.last(), Some(ProseToken::Mark(':' | '=')));
    let named = before
        .iter()
        .rev()
        .take_while(|token| !matches!(token, ProseToken::Mark('.' | '!' | '?') | ProseToken::Break))
        .take(REACH)
        .any(|token| is_word(Some(token), &SCORE_WORDS));
    let after = tokens.get(at + 1);
    let free = !matches!(after, Some(ProseToken::Word(_) | ProseToken::Number(_)))
        || is_word(after, &["for", "in", "on", "because", "due", "since", "as", "and", "out"]);
    (led && named && free).then_some(score)
}

const SCORE_WORDS: [&str; 15] = [
    "score", "scores", "scored", "scoring", "rate", "rates", "rated", "rating", "grade", "graded", "give",
    "gives", "given", "giving", "assign",
];

/// `3 stars` or `Three stars` at the very beginning.
fn stars(tokens: &[ProseToken<'_>]) -> Option<f64> {
    if !is_word(tokens.get(1), &["star", "stars"]) {
        return None;
    }
    value(tokens.first()?)
}

/// A number that is all that follows the last sentence (`... for better flow. 2.5`), or stands in brackets at the end.
fn bare_at_end(tokens: &[ProseToken<'_>]) -> Option<f64> {
    let body = match tokens {
        [body @ .., ProseToken::Mark('.')] => body,
        body => body,
    };
    match body {
        [ProseToken::Number(score)] => Some(*score),
        [.., ProseToken::Mark('('), ProseToken::Number(score), ProseToken::Mark(')')] => Some(*score),
        // `[RESULT] 4`, as Prometheus ends.
        [
            ..,
            ProseToken::Mark('['),
            ProseToken::Word(word),
            ProseToken::Mark(']'),
            ProseToken::Number(score),
        ] if word.eq_ignore_ascii_case("result") => Some(*score),
        [
            ..,
            ProseToken::Mark('.' | '!' | '?' | ';' | '"' | ')') | ProseToken::Break,
            ProseToken::Number(score),
        ] => Some(*score),
        _ => None,
    }
}
