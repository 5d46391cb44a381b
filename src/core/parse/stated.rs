//! Scores that a reply states beside its verdict: in the prose around the object, or under other keys in it. Strict
//! where [`super::prose`] is cautious: here a doubt leaves the reply unread.

use super::shown::{is_unseen, key, plain};

#[derive(Debug, Clone, PartialEq)]
enum StatedToken {
    Number(f64),
    Word(String),
    Mark(char),
    Break,
}

/// Words that lead to a score.
const LEADS: &[&str] = &[
    "score", "scores", "scored", "scoring", "rate", "rates", "rated", "rating", "grade", "graded", "verdict",
    "mark", "assign", "assigned", "give", "gives", "gave", "given", "award", "awarded", "deserve",
    "deserves", "merit", "merits", "warrant", "warrants", "earn", "earns", "say", "choose", "chose", "pick",
    "settle", "should", "conclude", "final", "actually", "rather", "instead", "but",
];
/// Words that may stand between those and the number.
const LINKS: &[&str] = &[
    "of", "a", "an", "as", "is", "be", "it", "at", "to", "was", "only", "just", "with", "on", "the", "this",
    "response", "answer", "that", "merely", "been", "s", "my",
];
/// Words that may follow a number that is a score.
const FOLLOWS: &[&str] = &[
    "for", "in", "on", "because", "due", "since", "as", "and", "out", "overall", "here", "instead", "rather",
    "point", "points", "star", "stars", "at", "not", "but", "only", "from", "of", "is",
];
/// What the text around an object says when the object is not the judge's own: it is quoted, or no verdict is given.
const DISOWNS: &[&str] = &[
    "not follow",
    "n't follow",
    "dictat",
    "forge",
    "inject",
    "manipulat",
    "refuse",
    "declin",
    "cannot",
    "can't",
    "can not",
    "unable",
    "will not",
    "won't",
    "not my",
    "not mine",
    "not agree",
    "n't agree",
    "disagree",
    "pretend",
    "ignor",
    "not the verdict",
    "wants me",
    "asks me",
    "asks for",
];

/// Whether prose beside an object disowns it.
pub(super) fn disowns(prose: &str) -> bool {
    let lower = prose.to_lowercase().replace('\u{2019}', "'");
    DISOWNS.iter().any(|words| lower.contains(words))
}

fn tokens(text: &str) -> Vec<StatedToken> {
    let shown: Vec<char> = text
        .chars()
        .map(plain)
        .filter(|c| {
            !is_unseen(*c) && !"*_`#~\\$\"'()[]{}\u{201c}\u{201d}\u{2018}\u{2019}\u{20e3}".contains(*c)
        })
        .collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = shown.get(at).copied() {
        let begun = at;
        at += 1;
        if c == '\n' {
            out.push(StatedToken::Break);
        } else if c == '\u{2605}' || c == '\u{2b50}' {
            while shown.get(at) == Some(&c) {
                at += 1;
            }
            out.extend([StatedToken::Number((at - begun) as f64), StatedToken::Word("stars".to_owned())]);
        } else if c.is_alphanumeric() {
            while shown.get(at).is_some_and(|c| c.is_alphanumeric())
                || (shown.get(at) == Some(&'.')
                    && shown.get(at - 1).is_some_and(char::is_ascii_digit)
                    && shown.get(at + 1).is_some_and(char::is_ascii_digit))
            {
                at += 1;
            }
            let run: String = shown.get(begun..at).unwrap_or_default().iter().collect();
            let percent = shown.get(at) == Some(&'%');
            let token = match run.parse::<f64>() {
                Ok(n) if run.starts_with(|c: char| c.is_ascii_digit()) && !percent => StatedToken::Number(n),
                _ => glued(&run, &mut out).unwrap_or_else(|| StatedToken::Word(run.to_lowercase())),
            };
            out.push(token);
        } else if !c.is_whitespace() {
            out.push(StatedToken::Mark(c));
        }
    }
    out
}

/// Scripts without blanks glue a word to its number: `\u{8bc4}\u{5206}1`.
fn glued(run: &str, out: &mut Vec<StatedToken>) -> Option<StatedToken> {
    let word = run.trim_end_matches(|c: char| c.is_ascii_digit());
    if word.is_ascii() || word.len() == run.len() {
        return None;
    }
    let number = run.strip_prefix(word)?.parse().ok()?;
    out.extend([StatedToken::Word(word.to_lowercase()), StatedToken::Mark(':')]);
    Some(StatedToken::Number(number))
}

fn is(token: Option<&StatedToken>, words: &[&str]) -> bool {
    matches!(token, Some(StatedToken::Word(word)) if words.contains(&word.as_str()))
}

/// The value of a number or of a number word. `one` is a pronoun after `this`, `the` and the like.
fn value(tokens: &[StatedToken], at: usize) -> Option<f64> {
    match tokens.get(at)? {
        StatedToken::Number(n) => Some(*n),
        StatedToken::Word(word) => {
            let n = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
                .iter()
                .position(|known| known == word)?;
            let pronoun = ["this", "that", "the", "which", "first", "each", "every", "any", "no", "last"];
            let before = at.checked_sub(1).and_then(|at| tokens.get(at));
            (n != 1 || !is(before, &pronoun)).then_some(n as f64)
        }
        _ => None,
    }
}

/// The scores that prose states. `criterion` is the folded name of what is scored.
pub(super) fn scores(prose: &str, criterion: Option<&str>) -> Vec<f64> {
    let tokens = tokens(prose);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some(score) = value(&tokens, at) else {
            at += 1;
            continue;
        };
        let (next, after) = (tokens.get(at + 1), value(&tokens, at + 2));
        // A range (`from 1 to 5`) names the scale.
        if after.is_some() && (next == Some(&StatedToken::Mark('-')) || is(next, &["to", "through"])) {
            at += 3;
            continue;
        }
        let slashed = next == Some(&StatedToken::Mark('/')) && after.is_some();
        let of = is(next, &["out"]) && is(tokens.get(at + 2), &["of"]) && value(&tokens, at + 3).is_some();
        if slashed || of || is_stated(&tokens, at, criterion) {
            found.push(score);
        }
        at += if slashed {
            3
        } else if of {
            4
        } else {
            1
        };
    }
    found
}

fn is_stated(tokens: &[StatedToken], at: usize, criterion: Option<&str>) -> bool {
    let leads = |token: &StatedToken| {
        is(Some(token), LEADS)
            || matches!((token, criterion), (StatedToken::Word(word), Some(name)) if word == name)
    };
    let ends =
        |token: Option<&StatedToken>| matches!(token, None | Some(StatedToken::Break | StatedToken::Mark(_)));
    let before = tokens.get(..at).unwrap_or_default();
    let (last, next) = (before.last(), tokens.get(at + 1));
    let digit = matches!(tokens.get(at), Some(StatedToken::Number(n)) if *n <= 10.0);
    if is(next, &["star", "stars"]) {
        return true;
    }
    // All of a line, or all that follows a label.
    if digit
        && matches!(last, None | Some(StatedToken::Break))
        && matches!(next, None | Some(StatedToken::Break))
    {
        return true;
    }
    let pointed = matches!(last, Some(StatedToken::Mark(':' | '=' | '\u{2192}' | '>')));
    if pointed && matches!(next, None | Some(StatedToken::Break | StatedToken::Mark('.' | ',' | ';' | '|'))) {
        return true;
    }
    // `1 is my score`, `a 2 rating`.
    let named = tokens.iter().skip(at + 1).take(3).find(|t| !is(Some(t), &["is", "as", "the", "my", "a"]));
    if is(named, &["score", "rating", "grade", "verdict"]) {
        return true;
    }
    let free = ends(next) || is(next, FOLLOWS);
    // `this is a 1.`
    let kind = is(last, &["a", "an"]) && ends(next);
    let linked = pointed
        || last == Some(&StatedToken::Mark('-'))
        || last == Some(&StatedToken::Mark('|'))
        || last.is_some_and(|last| leads(last) || is(Some(last), LINKS))
        || (last == Some(&StatedToken::Break)
            && matches!(before.iter().nth_back(1), Some(StatedToken::Mark(':'))));
    let led = before
        .iter()
        .rev()
        .take_while(|t| !matches!(t, StatedToken::Mark('.' | '!' | '?' | ';')))
        .take(8)
        .any(leads);
    kind || (linked && led && free)
}

/// Whether a value under these keys (outermost first) gives a score.
pub(super) fn is_score_path(path: &[&str], criterion: Option<&str>) -> bool {
    const OTHER: [&str; 11] = [
        "max", "min", "scale", "range", "outof", "possible", "confiden", "probab", "weight", "count",
        "anchor",
    ];
    const HOLDS: [&str; 4] = ["score", "rating", "grade", "verdict"];
    const IS: [&str; 13] = [
        "final",
        "corrected",
        "revised",
        "overall",
        "result",
        "actual",
        "real",
        "own",
        "criteria",
        "criterion",
        "rate",
        "mark",
        "stars",
    ];
    let folded: Vec<String> = path
        .iter()
        .map(|raw| serde_json::from_str::<String>(raw).map_or_else(|_| key(raw), |text| key(&text)))
        .collect();
    let named = |name: &String| {
        HOLDS.iter().any(|part| name.contains(part)) || IS.contains(&name.as_str()) || criterion == Some(name)
    };
    folded.iter().any(named) && !folded.iter().any(|name| OTHER.iter().any(|part| name.contains(part)))
}

/// The number that a scalar of JSON gives: `1`, `"1"`, `"1/5"`, `"one"`, `"1 out of 5"`.
pub(super) fn scalar(raw: &str) -> Option<f64> {
    if !raw.starts_with('"') {
        return raw.parse().ok();
    }
    // Most texts are no numbers, and are put aside without a copy.
    let inner = raw.trim_start_matches(['"', ' ', '*']);
    let begins =
        inner.chars().next().is_some_and(|c| plain(c).is_ascii_digit() || !c.is_ascii() || c == '\\')
            || ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
                .iter()
                .any(|word| inner.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)));
    if raw.len() > 60 || !begins {
        return None;
    }
    let text: String = serde_json::from_str(raw).ok()?;
    let tokens = tokens(&text);
    let number = value(&tokens, 0)?;
    let alone = tokens.len() == 1
        || tokens.get(1) == Some(&StatedToken::Mark('/'))
        || is(tokens.get(1), &["out", "of", "star", "stars", "point", "points"]);
    alone.then_some(number)
}
