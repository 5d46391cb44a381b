//! The item as lines: prompt and inputs, folded while they would push the response off the screen; the response whole.

use crate::core::text;
use crate::tui::query::AskLoadedItem;

/// One line of the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewLine {
    /// The section's name, on its first line.
    pub title: &'static str,
    /// The words, cleaned.
    pub body: String,
    /// Whether it is the response.
    pub main: bool,
}

/// What the wrapped lines depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewTextKey {
    /// The item.
    pub item: u32,
    /// Columns.
    pub width: usize,
    /// Rows: decides what is folded.
    pub height: usize,
    /// Whether all is shown.
    pub unfolded: bool,
}

/// Wrapped once, drawn often.
pub struct Cache {
    /// What they were wrapped for.
    pub key: ReviewTextKey,
    /// The lines.
    pub lines: Vec<ReviewLine>,
}

struct ReviewSection {
    title: &'static str,
    lines: Vec<String>,
    main: bool,
    /// Lines left when folded.
    keep: usize,
}

/// Wraps an item; `unfold` is the key that shows all of it.
pub fn build(shown: &AskLoadedItem, key: ReviewTextKey, unfold: &str) -> Cache {
    let mut sections = sections(shown, key);
    let total: usize = sections.iter().map(|s| s.lines.len() + 1).sum();
    let foldable = total > key.height + 1 && sections.iter().any(|s| s.lines.len() > s.keep);
    if foldable && !key.unfolded {
        for section in &mut sections {
            let over = section.lines.len().saturating_sub(section.keep);
            if over > 0 {
                section.lines.truncate(section.keep);
                let over = text::plural(over, "line", "lines");
                section.lines.push(format!("⋯ {over} more: {unfold} shows all"));
            }
        }
    }
    let mut lines = Vec::new();
    for (n, section) in sections.into_iter().enumerate() {
        if n > 0 {
            lines.push(ReviewLine { title: "", body: String::new(), main: false });
        }
        for (i, body) in section.lines.into_iter().enumerate() {
            let title = if i == 0 { section.title } else { "" };
            lines.push(ReviewLine { title, body, main: section.main });
        }
    }
    Cache { key, lines }
}

fn sections(shown: &AskLoadedItem, key: ReviewTextKey) -> Vec<ReviewSection> {
    let wrap = |body: &str| {
        let mut pieces: Vec<String> = Vec::new();
        for line in body.trim_end().lines() {
            let clean = text::escape_line(line);
            pieces.extend(text::wrapped(&clean, key.width).into_iter().map(str::to_owned));
        }
        if pieces.is_empty() { vec![String::new()] } else { pieces }
    };
    let section = |title, body: &str, keep| ReviewSection { title, lines: wrap(body), main: false, keep };
    let mut all = Vec::new();
    if let Some(subject) = &shown.item.subject {
        all.push(section("PROMPT", &subject.prompt, (key.height / 4).max(2)));
        for (name, value) in &subject.vars {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            all.push(section("INPUT", &format!("{name}: {value}"), 3));
        }
    }
    let response = match &shown.item.response {
        Some(Ok(response)) if response.trim().is_empty() => "(empty)".to_owned(),
        Some(Ok(response)) => response.clone(),
        Some(Err((state, why))) => format!("{}: {why}", state.words()),
        None => "not generated yet".to_owned(),
    };
    all.push(ReviewSection { title: "RESPONSE", lines: wrap(&response), main: true, keep: usize::MAX });
    if let Some(reference) = shown.item.subject.as_ref().and_then(|s| s.reference.as_ref()) {
        all.push(section("REFERENCE", reference, usize::MAX));
    }
    all
}
