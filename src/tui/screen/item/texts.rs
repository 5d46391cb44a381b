//! The left pane: prompt, variables, response with the judge's quotes marked, reference.

use super::ItemScreen;
use super::lines::{self, ItemLine};
use crate::core::{evidence, text};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::query::AskLoadedItem;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use ratatui::style::Style;
use std::ops::Range;

/// Lines of a prompt that are shown before it is folded.
const FOLD: usize = 12;

/// What the wrapped lines depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct ItemTextKey {
    pub width: usize,
    pub version: u64,
    pub criterion: u32,
    pub exchange: bool,
    pub unfolded: bool,
}

/// All lines of the pane.
pub(super) fn build(screen: &ItemScreen, loaded: &AskLoadedItem, width: usize, env: &Env) -> Vec<ItemLine> {
    let mut out = Vec::new();
    let dim = env.style(Meaning::Dim);
    match &loaded.item.subject {
        Some(subject) => {
            head(&mut out, "PROMPT", "", env);
            folded(&mut out, &subject.prompt, width, screen.unfolded, env);
            if !subject.vars.is_empty() {
                head(&mut out, "VARIABLES", "", env);
                for (name, value) in &subject.vars {
                    let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                    out.push(ItemLine::of(
                        format!(" {}", text::escape_line(name)),
                        env.style(Meaning::Variable),
                    ));
                    out.extend(plain(&value, width, 3));
                }
            }
        }
        None => out.push(ItemLine::of(" the prompt is known once the response has been generated", dim)),
    }
    response(&mut out, screen, loaded, width, env);
    if let Some(reference) = loaded.item.subject.as_ref().and_then(|s| s.reference.as_ref()) {
        head(&mut out, "REFERENCE", "", env);
        out.extend(plain(reference, width, 1));
    }
    out
}

fn head(out: &mut Vec<ItemLine>, name: &str, note: &str, env: &Env) {
    if !out.is_empty() {
        out.push(ItemLine::blank());
    }
    let mut line = ItemLine::of(format!(" {name}"), env.style(Meaning::Strong));
    line.segs.push(crate::tui::draw_text::seg(format!("  {note}"), env.style(Meaning::Dim)));
    out.push(line);
}

fn plain(text: &str, width: usize, indent: usize) -> Vec<ItemLine> {
    lines::wrap(&lines::shown(text), width, Style::default(), &[], Style::default(), indent)
}

fn folded(out: &mut Vec<ItemLine>, prompt: &str, width: usize, unfolded: bool, env: &Env) {
    let all = plain(prompt, width, 1);
    let hidden = all.len().saturating_sub(FOLD);
    if unfolded || hidden < 3 {
        out.extend(all);
        return;
    }
    out.extend(all.into_iter().take(FOLD));
    let words = format!(
        " ⋯ {} more; {} shows them",
        text::plural(hidden, "line", "lines"),
        env.hint(KeyScope::Item, Action::Enter)
    );
    out.push(ItemLine::of(words, env.style(Meaning::Dim)));
}

fn response(out: &mut Vec<ItemLine>, screen: &ItemScreen, loaded: &AskLoadedItem, width: usize, env: &Env) {
    match &loaded.item.response {
        Some(Ok(response)) => {
            let clean = lines::shown(response);
            let marks = marks(&clean, quotes(screen, loaded));
            let note = match marks.len() {
                0 => String::new(),
                n => format!("{} of {} marked", text::plural(n, "quote", "quotes"), screen.column_name()),
            };
            head(out, "RESPONSE", &note, env);
            out.extend(lines::wrap(&clean, width, Style::default(), &marks, env.style(Meaning::Match), 1));
        }
        Some(Err((state, why))) => {
            head(out, "RESPONSE", "", env);
            let words = format!("{} {}: {why}", state.sign(), state.words());
            out.extend(lines::wrap(
                &lines::shown(&words),
                width,
                env.style(Meaning::Warning),
                &[],
                Style::default(),
                1,
            ));
        }
        None if screen.writing.is_some() => {
            head(out, "RESPONSE", "being written", env);
            out.extend(plain(screen.writing.as_deref().unwrap_or_default(), width, 1));
        }
        None => {
            head(out, "RESPONSE", "", env);
            out.push(ItemLine::of(" not generated yet", env.style(Meaning::Dim)));
        }
    }
}

/// The quotes given for the selected criterion, over all passes.
fn quotes<'a>(screen: &'a ItemScreen, loaded: &'a AskLoadedItem) -> impl Iterator<Item = &'a str> {
    loaded
        .verdicts
        .iter()
        .filter(|v| v.verdict.criterion == screen.criterion)
        .filter_map(|v| v.verdict.reading.as_ref())
        .flat_map(|r| r.evidence.iter().map(String::as_str))
}

/// Where quotes stand in a text as shown.
fn marks<'a>(clean: &str, quotes: impl Iterator<Item = &'a str>) -> Vec<Range<usize>> {
    lines::joined(quotes.filter_map(|q| evidence::find_quote(clean, &lines::shown(q))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_marked_in_the_text_as_shown() {
        let clean = lines::shown("The\ttower is\r\n330 m high.\u{1b}[0m Old.");
        let found = marks(&clean, ["tower is 330 m", "Old.", "not there"].into_iter());
        let words: Vec<&str> = found.iter().map(|r| clean.get(r.clone()).unwrap()).collect();
        assert_eq!(words, ["tower is\n330 m", "Old."]);
    }
}
