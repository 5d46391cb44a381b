//! Taking a model's thinking off its reply. Drafts and quotations in there are no verdicts; a reply that cannot be split
//! for certain is not read.

use super::{Unread, json, note};

/// Marks of the beginning, each with its end.
const MARKS: [(&str, &str); 12] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<analysis>", "</analysis>"),
    ("<scratchpad>", "</scratchpad>"),
    ("[think]", "[/think]"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|start_thinking|>", "<|end_thinking|>"),
    ("\u{25c1}think\u{25b7}", "\u{25c1}/think\u{25b7}"),
];

/// A mark in a text, in bytes.
struct ThinkingMark {
    at: usize,
    end: usize,
    kind: usize,
    opens: bool,
}

/// The first mark at or after `from`. `lower` is the text in ASCII lower case: its bytes stand where the text's do.
fn first(lower: &str, from: usize) -> Option<ThinkingMark> {
    let rest = lower.get(from..)?;
    let found = |mark: &str, kind: usize, opens: bool| {
        rest.find(mark).map(|at| ThinkingMark { at: from + at, end: from + at + mark.len(), kind, opens })
    };
    MARKS
        .iter()
        .enumerate()
        .flat_map(|(kind, (open, close))| [found(open, kind, true), found(close, kind, false)])
        .flatten()
        .min_by_key(|mark| mark.at)
}

/// Whether a mark stands anywhere, found without a copy.
fn has_mark(text: &str) -> bool {
    let begins =
        |rest: &str, mark: &str| rest.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark));
    text.match_indices(['<', '[', '\u{25c1}']).filter_map(|(at, _)| text.get(at..)).any(|rest| {
        rest.starts_with("<|") || MARKS.iter().any(|(open, close)| begins(rest, open) || begins(rest, close))
    })
}

fn torn() -> Unread {
    Unread::new("the reply's thinking cannot be told from its answer")
}

/// The answer behind the thinking, and the prose that stood before it.
pub(super) fn taken_off<'t>(text: &'t str, repairs: &mut Vec<String>) -> Result<(&'t str, &'t str), Unread> {
    if !has_mark(text) && !text.starts_with("analysis") || is_object(text) {
        return Ok((text, ""));
    }
    if let Some(answer) = channels(text)? {
        note(repairs, "thinking");
        return Ok((answer, ""));
    }
    let lower = text.to_ascii_lowercase();
    let Some(mark) = first(&lower, 0) else { return Ok((text, "")) };
    let before = text.get(..mark.at).unwrap_or_default();
    let (prose, close) = if mark.opens {
        // A draft before the thinking is no verdict either.
        if before.contains('{') {
            return Err(torn());
        }
        let close =
            first(&lower, mark.end).ok_or_else(|| Unread::new("the reply ends inside its thinking"))?;
        if close.opens || close.kind != mark.kind {
            return Err(torn());
        }
        (before.trim(), close)
    } else {
        // Templates that begin the thinking for the model leave only its end in the reply.
        ("", mark)
    };
    let (inside, answer) =
        (text.get(..close.at).unwrap_or_default(), text.get(close.end..).unwrap_or_default().trim());
    // An end that is quoted (`"</think>..."`) is none.
    if inside.trim_end().ends_with(['"', '\'', '`', '\\', '\u{201c}', '\u{2018}', '(']) {
        return Err(torn());
    }
    if answer.is_empty() {
        return Err(Unread::new("the reply ends with its thinking"));
    }
    if first(&answer.to_ascii_lowercase(), 0).is_some() && !is_object(answer) {
        return Err(torn());
    }
    note(repairs, "thinking");
    Ok((answer, prose))
}

/// Whether all of `text` is one object, so that marks in it stand in its strings.
fn is_object(text: &str) -> bool {
    text.starts_with('{') && text.ends_with('}') && {
        let scan = json::scan(text);
        !scan.unclosed
            && scan.objects.len() == 1
            && scan.objects.first() == Some(&text)
            && json::parse(text).is_ok()
    }
}

/// The last channel of a reply in gpt-oss' harmony format, with or without its marks; `None` when it has none.
fn channels(text: &str) -> Result<Option<&str>, Unread> {
    const FINAL: &str = "<|channel|>final<|message|>";
    let bare = text.starts_with("analysis")
        && text.chars().nth(8).is_some_and(|c| c.is_alphanumeric() || "{\"<".contains(c));
    let (mark, ends): (&str, &[&str]) = if text.contains("<|") && !is_object(text) {
        (FINAL, &["<|return|>", "<|end|>", "<|im_end|>", "<|eot_id|>"])
    } else if bare {
        ("assistantfinal", &[])
    } else {
        return Ok(None);
    };
    let mut parts = text.split(mark);
    let (_, answer, more) = (parts.next(), parts.next(), parts.next());
    let answer = match (answer, more) {
        (Some(answer), None) => answer.trim(),
        (None, _) => return Err(Unread::new("the reply ends inside its thinking")),
        _ => return Err(torn()),
    };
    let answer = ends.iter().fold(answer, |text, end| text.strip_suffix(end).unwrap_or(text)).trim();
    if answer.contains("<|") && !is_object(answer) { Err(torn()) } else { Ok(Some(answer)) }
}
