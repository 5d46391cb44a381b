//! Data on stdout, talk on stderr: the one place where commands print.
//!
//! ```text
//! foreign text --clean()--> line()      plain output: controls, bidi and tags shown as escapes
//! exact bytes  -----------> bytes()     get, diff --unified, exports: the doors of exact bytes
//! one document -----------> json()      --json; nothing else may reach stdout then
//! commands ---------------> command()   gate --github: the one door of workflow commands
//! ```
//! In a GitHub workflow a line that begins with `::` or holds `##[` is a command to the runner: there, lines of plain output
//! and talk that do so show their first character as an escape. Text from a model must not set what a job does.

use super::error::{CliError, Result};
use crate::core::text;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, BufWriter, IsTerminal, Write};

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR says no or CLICOLOR_FORCE says yes.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a colour means; each has a sign beside it, so that nothing is lost without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    /// A heading.
    Bold,
    /// Less important.
    Dim,
    /// Added, passed.
    Good,
    /// Removed, failed.
    Bad,
    /// A label, a hunk's head.
    Accent,
    /// A warning.
    Warn,
}

impl Tint {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Accent => "36",
            Self::Warn => "33",
        }
    }
}

/// Decides on colour from the flag, the environment and whether the stream is a terminal.
pub fn wants_color(choice: ColorChoice, env: impl Fn(&str) -> Option<String>, terminal: bool) -> bool {
    let set = |name: &str| env(name).is_some_and(|v| !v.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if set("NO_COLOR") => false,
        ColorChoice::Auto if env("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0") => true,
        ColorChoice::Auto => terminal && env("TERM").as_deref() != Some("dumb"),
    }
}

/// How much of a list is made before the first of it is printed.
const HELD: usize = 16 << 20;

/// The streams of one command.
pub struct Out {
    stdout: RefCell<BufWriter<io::Stdout>>,
    color: bool,
    terminal: bool,
    workflow: bool,
}

impl Out {
    /// Over the process's own streams.
    pub fn new(choice: ColorChoice) -> Self {
        let terminal = io::stdout().is_terminal();
        let color = wants_color(choice, |name| std::env::var(name).ok(), terminal);
        Self { stdout: RefCell::new(BufWriter::new(io::stdout())), color, terminal, workflow: in_workflow() }
    }

    /// Whether stdout is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether output is coloured.
    pub fn colored(&self) -> bool {
        self.color
    }

    /// One line of plain output; foreign parts must have gone through [`clean`].
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn line(&self, text: impl AsRef<str>) -> Result<()> {
        if self.workflow { self.command(defused(text.as_ref())) } else { self.command(text) }
    }

    /// One line that may be a command to the runner of a workflow; nothing foreign may begin it.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn command(&self, text: impl AsRef<str>) -> Result<()> {
        let mut out = self.stdout.borrow_mut();
        out.write_all(text.as_ref().as_bytes())?;
        Ok(out.write_all(b"\n")?)
    }

    /// Lines of plain output that bring their own line ends.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn lines(&self, text: &str) -> Result<()> {
        let text = if self.workflow { defused(text) } else { Cow::Borrowed(text) };
        self.bytes(text.as_bytes())
    }

    /// Exact bytes.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn bytes(&self, bytes: &[u8]) -> Result<()> {
        Ok(self.stdout.borrow_mut().write_all(bytes)?)
    }

    /// One JSON document and a newline.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn json(&self, value: &Value) -> Result<()> {
        let text =
            serde_json::to_string(value).map_err(|e| CliError::input(format!("cannot write JSON: {e}")))?;
        // It begins with a brace; what is inside is exact.
        self.command(text)
    }

    /// One JSON document `{"schema":1,KEY:[...]}` and a newline, of a list that need not fit into memory: `fill` hands over
    /// one value after the other. Up to 16 MiB nothing is printed before all of it is there, so that an error leaves stdout
    /// empty; of a longer list an error leaves a document that breaks off.
    ///
    /// # Errors
    /// What `fill` says, or when stdout cannot be written.
    pub fn json_list(
        &self,
        key: &str,
        fill: impl FnOnce(&mut dyn FnMut(&Value) -> Result<()>) -> Result<()>,
    ) -> Result<()> {
        let (mut text, mut first) = (format!("{{\"schema\":1,{}:[", json!(key)).into_bytes(), true);
        fill(&mut |value| {
            if !std::mem::take(&mut first) {
                text.push(b',');
            }
            serde_json::to_writer(&mut text, value)
                .map_err(|e| CliError::input(format!("cannot write JSON: {e}")))?;
            if text.len() > HELD {
                self.bytes(&text)?;
                text.clear();
            }
            Ok(())
        })?;
        text.extend_from_slice(b"]}\n");
        self.bytes(&text)
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn flush(&self) -> Result<()> {
        Ok(self.stdout.borrow_mut().flush()?)
    }

    /// `text` in the colour of its meaning, or as it is.
    pub fn tint(&self, tint: Tint, text: impl AsRef<str>) -> String {
        let text = text.as_ref();
        if self.color { format!("\u{1b}[{}m{text}\u{1b}[0m", tint.code()) } else { text.to_owned() }
    }
}

/// Foreign text made fit for a terminal: what could move, hide or recolour is shown as an escape.
pub fn clean(text: &str) -> Cow<'_, str> {
    text::escape(text)
}

/// As [`clean`], on one line and at most `width` columns, cut with `…`.
pub fn brief(text: &str, width: usize) -> String {
    let first = text.lines().next().unwrap_or_default();
    text::truncate(&clean(first), width).into_owned()
}

/// One line of talk on stderr; a closed stderr is no reason to fail.
pub fn talk(text: impl AsRef<str>) {
    let text = text.as_ref();
    let text = if in_workflow() { defused(text) } else { Cow::Borrowed(text) };
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A line on stderr, a terminal, in the place of the one before; cut, since one that wraps could not be taken back.
pub fn overwrite(line: &str) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "\r\x1b[K{}", text::truncate(line, columns().saturating_sub(1)));
    let _ = err.flush();
}

/// How wide the terminal is.
pub fn columns() -> usize {
    crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns))
}

/// Whether a GitHub workflow reads what is printed.
fn in_workflow() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|v| !v.is_empty())
}

/// Text of which no line is a command to the runner: it takes `::` after blanks, and `##[` anywhere.
fn defused(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    let lines = text.split('\n').map(|line| {
        let line = line.replace("##[", "\\x23#[");
        // A colour before it is no text to the runner either.
        let bare = uncoloured(&line);
        match bare.strip_prefix("::").and(line.split_once("::")) {
            Some((before, after)) => format!("{before}\\x3a:{after}"),
            None => line,
        }
    });
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// A line without the blanks and colours it begins with.
fn uncoloured(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some((_, after)) = rest.strip_prefix("\u{1b}[").and_then(|r| r.split_once('m')) {
        rest = after.trim_start();
    }
    rest
}

/// How wide the columns of a table are.
#[derive(Debug, Default)]
pub struct ColumnWidths(Vec<usize>);

impl ColumnWidths {
    /// Makes room for a row.
    pub fn fit(&mut self, row: &[String]) {
        self.0.resize(self.0.len().max(row.len()), 0);
        for (width, cell) in self.0.iter_mut().zip(row) {
            *width = (*width).max(text::width(cell));
        }
    }

    /// A row as a line: left-aligned columns but for those named in `right`, two blanks between, the last column free.
    pub fn line(&self, row: &[String], right: &[usize]) -> String {
        let cells: Vec<String> = row
            .iter()
            .zip(&self.0)
            .enumerate()
            .map(|(c, (cell, width))| {
                let pad = " ".repeat(width.saturating_sub(text::width(cell)));
                if right.contains(&c) { format!("{pad}{cell}") } else { format!("{cell}{pad}") }
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    }
}

/// Left-aligned columns with two blanks between; widths from the contents, the last column free.
pub fn table(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let mut widths = ColumnWidths::default();
    rows.iter().for_each(|row| widths.fit(row));
    rows.iter().map(|row| widths.line(row, right)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn the_flag_wins_over_no_color_which_wins_over_force() {
        assert!(wants_color(ColorChoice::Always, env(&[("NO_COLOR", "1")]), false));
        assert!(!wants_color(ColorChoice::Never, env(&[("CLICOLOR_FORCE", "1")]), true));
        assert!(!wants_color(ColorChoice::Auto, env(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]), true));
        assert!(wants_color(ColorChoice::Auto, env(&[("CLICOLOR_FORCE", "1")]), false));
        assert!(!wants_color(ColorChoice::Auto, env(&[("CLICOLOR_FORCE", "0")]), false));
        assert!(wants_color(ColorChoice::Auto, env(&[("NO_COLOR", "")]), true));
        assert!(!wants_color(ColorChoice::Auto, env(&[("TERM", "dumb")]), true));
    }

    #[test]
    fn no_line_of_foreign_text_is_a_command_to_a_runner() {
        for (text, told) in [
            ("::error::x", "\\x3a:error::x"),
            ("a\n \t::set-env name=A::b\nc", "a\n \t\\x3a:set-env name=A::b\nc"),
            ("\u{1b}[31m::stop-commands::t\u{1b}[0m", "\u{1b}[31m\\x3a:stop-commands::t\u{1b}[0m"),
            ("x ##[add-path]/tmp", "x \\x23#[add-path]/tmp"),
            ("###[group]", "#\\x23#[group]"),
            ("a::b", "a::b"),
            ("std::fs", "std::fs"),
            (":::", "\\x3a::"),
        ] {
            assert_eq!(defused(text), told);
        }
    }

    #[test]
    fn columns_align_and_numbers_stand_right() {
        let rows =
            vec![vec!["a".into(), "1".into(), "x".into()], vec!["bbb".into(), "22".into(), "y".into()]];
        assert_eq!(table(&rows, &[1]), ["a     1  x", "bbb  22  y"]);
    }
}
