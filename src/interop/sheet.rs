//! Reviews as a CSV sheet, for people who score in a spreadsheet, and back.
//!
//! ```text
//! Row (run, item, criterion, texts) --write--> CSV, UTF-8 with a mark, formulas defused
//! the sheet with scores             --read---> Scored rows, or the line and the reason why none is taken
//! ```
//! A cell that a spreadsheet would run as a formula gets an apostrophe before it, and loses it on the way back; so does one
//! that starts with an apostrophe, so that nothing is lost either way.

use crate::core::text::plural;

/// Columns that an import needs or reads; the others are for reading.
const SCORE: &str = "score";
/// Shown only to those who asked for it: a sheet that has it is not blind.
const JUDGE: &str = "judge_score";
/// Place and seal of the row in the queue that was drawn.
const QUEUE: &str = "queue";
/// Written in place of a score: looked at, and not scored.
const SKIP: &str = "skip";

/// One row of a sheet: a response to be scored on one criterion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SheetRow {
    /// The run's id.
    pub run: String,
    /// The item's place in it.
    pub item: u32,
    /// The criterion's name.
    pub criterion: String,
    /// What is asked.
    pub question: String,
    /// What 1 and 5 mean, one anchor a line.
    pub anchors: String,
    /// What was asked of the model.
    pub prompt: String,
    /// What it answered.
    pub response: String,
    /// A good answer, if there is one.
    pub reference: String,
    /// Who scores.
    pub reviewer: String,
    /// The score or label so far, as it is written.
    pub score: String,
    /// Free words.
    pub comment: String,
    /// Failure modes.
    pub modes: Vec<String>,
    /// Its seal in the drawn queue; none where the sheet is not blind.
    pub seal: String,
    /// What a blind sheet leaves out.
    pub shown: Option<OpenView>,
}

/// What a reviewer who is not blind sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenView {
    /// The case's id.
    pub case: String,
    /// What produced the response.
    pub arm: String,
    /// The judge's score or label, first pass.
    pub judge_score: String,
    /// Its reasons.
    pub judge_explanation: String,
}

/// A row as it comes back: with a score, or skipped; or empty, where it says its place in a drawn queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// Line of the file, from 1.
    pub line: u64,
    /// The run's id.
    pub run: String,
    /// The item's place in it.
    pub item: u32,
    /// The criterion's name.
    pub criterion: String,
    /// Who scored; empty where the sheet does not say.
    pub reviewer: String,
    /// 1 to 5.
    pub score: Option<String>,
    /// Skipped, in so many words.
    pub skipped: bool,
    /// Its place in the drawn queue, from 1, and its seal.
    pub seal: Option<(u32, String)>,
    /// Free words.
    pub comment: String,
    /// Failure modes.
    pub modes: Vec<String>,
    /// The sheet showed the judge's score.
    pub saw_judge: bool,
}

/// Whether a cell could be run as a formula, or looks as if it had been defused. Some programs also take the full-width
/// forms of the four signs, and skip blanks and line ends before them.
fn needs_mark(text: &str) -> bool {
    text.starts_with('\'')
        || text.starts_with(['\t', '\r', '\n'])
        || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

/// A cell as it goes out.
fn defused(text: &str) -> String {
    if needs_mark(text) { format!("'{text}") } else { text.to_owned() }
}

/// The same as it comes back.
fn restored(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if needs_mark(rest) => rest,
        _ => text,
    }
}

/// Modes in one cell, separated by semicolons; one within a mode is doubled.
fn joined(modes: &[String]) -> String {
    modes.iter().map(|m| m.replace(';', ";;")).collect::<Vec<_>>().join("; ")
}

fn split(cell: &str) -> Vec<String> {
    let (mut modes, mut one) = (Vec::new(), String::new());
    let mut chars = cell.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ';' if chars.next_if_eq(&';').is_some() => one.push(';'),
            ';' => modes.push(std::mem::take(&mut one)),
            c => one.push(c),
        }
    }
    modes.push(one);
    modes.iter().map(|m| m.trim().to_owned()).filter(|m| !m.is_empty()).collect()
}

/// Writes a sheet. It begins with a byte-order mark: without one, spreadsheets take UTF-8 for something else.
///
/// # Errors
/// When a row cannot be written, which memory never refuses.
pub fn write(rows: &[SheetRow]) -> Result<Vec<u8>, csv::Error> {
    let open = rows.iter().any(|r| r.shown.is_some());
    let mut out = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    let mut head = vec!["run", "item", "criterion", "question", "anchors", "prompt", "response", "reference"];
    if open {
        head.extend(["case", "arm", JUDGE, "judge_explanation"]);
    }
    head.extend(["reviewer", SCORE, "comment", "modes"]);
    head.extend((!open).then_some(QUEUE));
    out.write_record(&head)?;
    for (place, r) in (1..).zip(rows) {
        let place: u32 = place;
        let mut cells = vec![
            r.run.clone(),
            r.item.to_string(),
            defused(&r.criterion),
            defused(&r.question),
            defused(&r.anchors),
            defused(&r.prompt),
            defused(&r.response),
            defused(&r.reference),
        ];
        if open {
            let shown = r.shown.clone().unwrap_or_default();
            cells.extend([defused(&shown.case), defused(&shown.arm), defused(&shown.judge_score)]);
            cells.push(defused(&shown.judge_explanation));
        }
        cells.extend([
            defused(&r.reviewer),
            defused(&r.score),
            defused(&r.comment),
            defused(&joined(&r.modes)),
        ]);
        cells.extend((!open).then(|| format!("{place}:{}", r.seal)));
        out.write_record(&cells)?;
    }
    out.into_inner().map_err(|e| csv::Error::from(std::io::Error::other(e.to_string())))
}

/// Counts lines up to a record. The reader's own count is one short after a line that ends in CR LF.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.map_or(self.at, |p| usize::try_from(p.byte()).unwrap_or(usize::MAX));
        // A record is told to begin at the end of the line before it.
        let rest = self.text.get(start..).unwrap_or_default();
        let begin = start + rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let passed = self.text.get(self.at..begin).unwrap_or_default();
        self.line += passed.iter().filter(|b| **b == b'\n').count() as u64;
        self.at = begin.max(self.at);
        self.line
    }
}

/// A fault of a record, without the reader's own count of lines.
fn in_words(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} cells where the line before has {expected_len}")
        }
        _ => error.to_string(),
    }
}

/// A whole number as a spreadsheet may write it: `4`, `4.0`, `4,0`.
fn whole(text: &str) -> Option<u8> {
    let (number, rest) = text.split_once(['.', ',']).unwrap_or((text, ""));
    if rest.chars().all(|c| c == '0') { number.parse().ok() } else { None }
}

/// Place and seal of a row, `12:0123456789abcdef`.
fn seal(cell: &str) -> Option<(u32, String)> {
    let (place, seal) = cell.trim().split_once(':')?;
    Some((place.trim().parse().ok()?, seal.trim().to_owned()))
}

/// Reads a sheet; rows without a score are left out, unless they were skipped or have a place in a drawn queue. Commas, semicolons and tabs are told apart by the first line.
///
/// # Errors
/// Every fault with its line, as one text: nothing of such a sheet is to be taken in.
pub fn read(text: &str) -> Result<Vec<Scored>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().next().unwrap_or("");
    let often = |sign: u8| first.bytes().filter(|b| *b == sign).count();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|sign| (often(*sign), *sign == b','));
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter.unwrap_or(b',')).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|e| format!("line 1: {e}"))?.clone();
    let place = |name: &str| head.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    let need = |name: &str| {
        place(name).ok_or_else(|| {
            format!(
                "line 1: the column '{name}' is missing; the sheet has: {}",
                head.iter().collect::<Vec<_>>().join(", ")
            )
        })
    };
    let (run, item, criterion, score) = (need("run")?, need("item")?, need("criterion")?, need(SCORE)?);
    let (reviewer, comment, modes) = (place("reviewer"), place("comment"), place("modes"));
    let (saw_judge, queue) = (place(JUDGE).is_some(), place(QUEUE));
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                let line = lines.of(e.position());
                faults.push(format!("line {line}: {}", in_words(&e)));
                continue;
            }
        };
        let line = lines.of(record.position());
        let cell = |at: usize| restored(record.get(at).unwrap_or(""));
        let maybe = |at: Option<usize>| at.map_or("", cell);
        let given = cell(score).trim();
        let (skipped, seal) = (given.eq_ignore_ascii_case(SKIP), seal(maybe(queue)));
        if given.is_empty() {
            if !maybe(comment).trim().is_empty() {
                faults.push(format!(
                    "line {line}: there is a comment and no score; write '{SKIP}' as its score to skip it"
                ));
            }
            if seal.is_none() {
                continue;
            }
        }
        // Labels are known where the run is.
        let is_label = given.starts_with(char::is_alphabetic) && !given.chars().any(char::is_control);
        let number = whole(given).filter(|s| (1..=5).contains(s)).map(|score| Some(score.to_string()));
        let number = number.or_else(|| is_label.then(|| Some(given.to_owned())));
        let number = if given.is_empty() || skipped { Some(None) } else { number };
        match (number, cell(item).trim().parse::<u32>()) {
            (Some(score), Ok(item)) => rows.push(Scored {
                line,
                run: cell(run).trim().to_owned(),
                item,
                criterion: cell(criterion).to_owned(),
                reviewer: maybe(reviewer).trim().to_owned(),
                score,
                skipped,
                seal,
                comment: maybe(comment).to_owned(),
                modes: split(maybe(modes)),
                saw_judge,
            }),
            (None, _) => {
                faults.push(format!("line {line}: the score '{given}' is none of 1 to 5, and not '{SKIP}'"));
            }
            (_, Err(_)) => faults.push(format!("line {line}: '{}' is no item's number", cell(item))),
        }
    }
    match faults.len() {
        0 => Ok(rows),
        n => {
            let more = n.saturating_sub(10);
            faults.truncate(10);
            if more > 0 {
                faults.push(format!("and {}", plural(more, "line more", "lines more")));
            }
            Err(faults.join("\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(comment: &str, score: Option<u8>) -> SheetRow {
        SheetRow {
            run: "abc".into(),
            item: 7,
            criterion: "accuracy".into(),
            reviewer: "ana".into(),
            response: "=HYPERLINK(\"http://evil\")".into(),
            comment: comment.into(),
            score: score.map(|s: u8| s.to_string()).unwrap_or_default(),
            ..SheetRow::default()
        }
    }

    #[test]
    fn no_cell_is_a_formula_and_nothing_is_lost_on_the_way_back() {
        for text in
            ["=1+1", "+1", "-too short", "@SUM(A1)", "\tx", "\n=1", "'quoted", "''=1", " =1", "＝1", "fine"]
        {
            let bytes = write(&[row(text, Some(4))]).unwrap();
            let sheet = String::from_utf8(bytes).unwrap();
            let mut reader = csv::Reader::from_reader(sheet.trim_start_matches('\u{feff}').as_bytes());
            for record in reader.records() {
                for cell in record.unwrap().iter() {
                    assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '＝']), "{cell:?}");
                }
            }
            assert_eq!(read(&sheet).unwrap()[0].comment, text);
        }
    }

    #[test]
    fn an_empty_row_comes_back_where_it_has_a_place_and_a_skip_always() {
        let mut all = [row("", Some(4)), row("", None)];
        all[1].seal = "ab".into();
        let sheet = String::from_utf8(write(&all).unwrap()).unwrap();
        let back = read(&sheet).unwrap();
        assert_eq!(
            (back[0].score.as_deref(), back[1].score.as_deref(), back[1].skipped),
            (Some("4"), None, false)
        );
        assert_eq!(back[1].seal, Some((2, "ab".into())));
        let text = "run,item,criterion,score,comment\nr,1,a,Skip,cannot say\nr,2,a,4.0,\nr,3,a,,\n";
        let back = read(text).unwrap();
        assert_eq!((back.len(), back[0].skipped, back[1].score.as_deref()), (2, true, Some("4")));
        for bad in ["4.5", "4.x", "40", "0.0", "4.0.0"] {
            assert!(read(&format!("run,item,criterion,score\nr,1,a,{bad}\n")).is_err(), "{bad}");
        }
    }

    #[test]
    fn faults_are_told_together_with_their_lines_and_unscored_rows_are_left_out() {
        let head = "run,item,criterion,score,comment\n";
        assert_eq!(read(&format!("{head}r,1,a,,\nr,2,a,3,x\n")).unwrap().len(), 1);
        let why = read(&format!("{head}r,1,a,3,\nr,2,a,6,\nr,x,a,2,\nr,3,a,,word\n")).unwrap_err();
        assert_eq!(why.lines().count(), 3, "{why}");
        for part in ["line 3: the score '6'", "line 4: 'x' is no item", "line 5: there is a comment"] {
            assert!(why.contains(part), "{why}");
        }
        assert!(read("run;item\n").unwrap_err().contains("'criterion' is missing"));
        assert!(read("").is_err());
        // As a spreadsheet of another country saves it, and with a line end within a cell.
        let rows =
            read("\u{feff}Run;Item;Criterion;Score;Comment\r\nr;1;a;5;\"one\ntwo\"\r\nr;2;a;1;\r\n").unwrap();
        assert_eq!((rows[0].comment.as_str(), rows[1].line), ("one\ntwo", 4));
        assert!(!rows[0].saw_judge);
    }

    proptest! {
        #[test]
        fn any_text_goes_out_and_comes_back(comment: String, mode in "[a-z=+-]{1,4};?[a-z=]") {
            let mut one = row(&comment, Some(2));
            one.modes = vec![mode.clone(), "other".into()];
            let sheet = String::from_utf8(write(&[one]).unwrap()).unwrap();
            let back = read(&sheet).unwrap();
            prop_assert_eq!(&back[0].comment, &comment);
            prop_assert_eq!(&back[0].modes, &vec![mode, "other".into()]);
        }

        #[test]
        fn no_sheet_breaks_the_reader(text: String) {
            let _ = read(&text);
        }
    }
}
