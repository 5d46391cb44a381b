//! What the judge saw: the tokens that the endpoint says it read, against our own count of what was sent.

use super::{Conversation, Correction};
use crate::core::tokens::{TOKENIZER, count};
use crate::judge::Usage;

/// Shorter questions, in bytes, fit every window.
const SHORT: usize = 4000;

/// No window is so small that a prompt is cut to fewer tokens: a smaller number was not counted.
const LEAST_READ: u64 = 512;

/// The least share of our own count, in hundredths, that another tokenizer comes to.
const LEAST: u64 = 70;

/// Why the prompt was cut before it was read; `None` when it was not, or when that is not told.
///
/// Servers that cut a prompt to their window answer as if nothing were amiss; only the number of tokens read says so. Tokens
/// from a cache are read too, and some servers count them apart.
pub(super) fn cut_prompt(
    talk: &Conversation<'_>,
    again: Option<&Correction>,
    usage: Option<Usage>,
) -> Option<String> {
    let usage = usage?;
    let read = usage.prompt_tokens + usage.cached_tokens.unwrap_or(0);
    let texts = [talk.form.system, talk.user]
        .into_iter()
        .chain(again.iter().flat_map(|a| [a.said.as_str(), a.ask.as_str()]));
    let bytes: usize = texts.clone().map(str::len).sum();
    // A token of any text is a few bytes: so many are no sign of a cut, and need no count.
    if bytes < SHORT || read < LEAST_READ || read >= bytes as u64 / 3 {
        return None;
    }
    let sent = texts.map(count).sum::<usize>() as u64;
    (read * 100 < sent * LEAST).then(|| {
        format!(
            "the endpoint read {read} tokens of a prompt of about {sent} ({TOKENIZER}): it was cut, and what was not read was \
             not judged; give the server a larger window (api = \"ollama\" asks for one that fits)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::capabilities::RequestShape;
    use crate::judge::dialect::Form;

    #[test]
    fn a_prompt_that_was_not_read_whole_is_told() {
        let user = "The quick brown fox jumps over the lazy dog. ".repeat(800);
        let talk = Conversation {
            user: &user,
            form: Form::SCORE,
            shape: RequestShape::first(false),
            repeat: 0,
            again: |_| String::new(),
        };
        let sent = (count(&user) + count(talk.form.system)) as u64;
        assert!(sent > 7_000, "{sent}");
        let with = |read: u64, cached: Option<u64>| {
            let usage = Usage {
                prompt_tokens: read,
                completion_tokens: 9,
                cached_tokens: cached,
                ..Usage::default()
            };
            cut_prompt(&talk, None, Some(usage))
        };
        assert!(with(2050, None).unwrap().contains("read 2050 tokens"));
        assert!(with(2050, Some(1500)).is_some());
        for (read, cached) in
            [(sent, None), (sent * 8 / 10, None), (sent * 2, None), (100, Some(sent - 100)), (300, None)]
        {
            assert_eq!(with(read, cached), None, "{read} {cached:?}");
        }
        assert_eq!(cut_prompt(&talk, None, None), None, "not told");
        let short = Conversation { user: "short", ..talk };
        let usage = Usage { prompt_tokens: 1, completion_tokens: 1, ..Usage::default() };
        assert_eq!(cut_prompt(&short, None, Some(usage)), None);
    }
}
