//! The forms a gate's answer takes besides text and JSON: Markdown, JUnit, annotations.
//!
//! ```text
//! GateReport + GateInput -> markdown (a job's summary), junit (test reports), annotations (beside the change)
//! ```
//! Names and reasons come from files: each form escapes what could end its own syntax.

use super::super::output::clean;
use crate::core::stats::gate::{GateInput, GateReport, GateResult, GateVerdict, safe_lo};
use crate::core::text::plural;
use std::fmt::Write as _;

/// The most annotations that are given: GitHub shows no more of one step.
const ANNOTATIONS: usize = 10;

/// Scored verdicts that a response may have dictated, and whether they count.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flagged {
    /// How many.
    pub count: usize,
    /// They count as any other; else as missing.
    pub counted: bool,
}

impl Flagged {
    /// In words; `None` without any.
    pub fn words(self) -> Option<String> {
        let kept = if self.counted {
            "counted all the same"
        } else {
            "counted as missing; --accept-flagged counts them"
        };
        let what = plural(self.count, "scored verdict is", "scored verdicts are");
        (self.count > 0).then(|| format!("{what} flagged as perhaps dictated by a response: {kept}"))
    }
}

/// Baseline and candidate.
pub struct ArmNames<'a>(pub &'a str, pub &'a str);

fn signed(value: Option<f64>) -> String {
    value.map_or_else(|| "n/a".to_owned(), |v| format!("{v:+.2}"))
}

fn interval(input: &GateInput) -> String {
    input.comparison.decisive().1.map_or_else(|| "n/a".to_owned(), |(lo, hi)| format!("{lo:+.2} to {hi:+.2}"))
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "n/a".to_owned(), |v| format!("{:.0} %", 100.0 * v))
}

/// That no interval is corrected for the others; `None` where there are none.
pub fn each_alone(inputs: &[GateInput]) -> Option<String> {
    (inputs.len() > 1).then(|| {
        format!(
            "each criterion is read by its own 95 % interval; `assize run compare` corrects for all {} together",
            inputs.len()
        )
    })
}

/// A text inside a cell of a Markdown table: no pipe ends the cell, no tag or link begins.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' | '@' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            _ => out.push(c),
        }
    }
    out
}

/// A summary for a job or a pull request: the answer first, then one row for each criterion.
pub fn markdown(
    report: &GateReport,
    inputs: &[GateInput],
    names: &ArmNames<'_>,
    margin: f64,
    flagged: Flagged,
) -> String {
    let answer = match report.verdict {
        GateVerdict::Pass => "passed: not worse than the margin allows",
        GateVerdict::Fail => "failed: worse than the margin allows",
        GateVerdict::Inconclusive => "inconclusive: the cases do not decide it",
    };
    let mut out = format!(
        "### Gate {answer}\n\n{} against {}, margin {margin}. Change is candidate minus baseline over the same cases.\n\n",
        cell(names.1),
        cell(names.0)
    );
    if let Some(words) = flagged.words() {
        let _ = writeln!(out, "{}.\n", cell(&words));
    }
    out += "| criterion | verdict | change | 95 % interval | lower limit | pairs | coverage | checked by people | why |\n";
    out += "|---|---|---:|---|---:|---:|---:|---:|---|\n";
    for (c, i) in report.criteria.iter().zip(inputs) {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} / {} | {} | {} |",
            cell(&c.name),
            c.verdict,
            signed(i.comparison.decisive().0),
            interval(i),
            signed(safe_lo(&i.comparison)),
            i.comparison.n,
            share(i.coverage_a),
            share(i.coverage_b),
            if i.humans == 0 { "not yet".to_owned() } else { i.humans.to_string() },
            cell(&c.reason)
        );
    }
    if let Some(words) = each_alone(inputs) {
        let _ = writeln!(out, "\n{}.", cell(&words));
    }
    out
}

/// A text inside an XML attribute. What XML 1.0 cannot hold at all was already turned into visible escapes.
fn xml(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// A criterion that is worse is a failure; one that cannot be decided is an error.
pub fn junit(report: &GateReport, inputs: &[GateInput], names: &ArmNames<'_>, flagged: Flagged) -> String {
    let count = |v: GateVerdict| report.criteria.iter().filter(|c| c.verdict == v).count();
    let suite = xml(&format!("gate {} against {}", names.1, names.0));
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{suite}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
        report.criteria.len(),
        count(GateVerdict::Fail),
        count(GateVerdict::Inconclusive)
    );
    let _ = writeln!(
        out,
        "    <properties>\n      <property name=\"flagged\" value=\"{}\"/>\n      <property name=\"flagged_counted\" \
         value=\"{}\"/>\n      <property name=\"intervals\" value=\"95 %, each criterion alone\"/>\n    </properties>",
        flagged.count, flagged.counted
    );
    for (c, i) in report.criteria.iter().zip(inputs) {
        let (name, reason) = (xml(&c.name), xml(&c.reason));
        let head = format!("    <testcase classname=\"{suite}\" name=\"{name}\">");
        let told = match c.verdict {
            GateVerdict::Pass => String::new(),
            GateVerdict::Fail => format!("<failure type=\"worse\" message=\"{reason}\"/>"),
            GateVerdict::Inconclusive => format!("<error type=\"inconclusive\" message=\"{reason}\"/>"),
        };
        let figures = format!(
            "change {}, 95 % {}, lower limit {}: {}",
            signed(i.comparison.decisive().0),
            interval(i),
            signed(safe_lo(&i.comparison)),
            c.reason
        );
        let _ = writeln!(out, "{head}{told}<system-out>{}</system-out></testcase>", xml(&figures));
    }
    if let Some(words) = flagged.words() {
        let _ = writeln!(out, "    <system-out>{}</system-out>", xml(&words));
    }
    out + "  </testsuite>\n</testsuites>\n"
}

/// The message of a workflow command: a line end would begin another command.
fn message(text: &str) -> String {
    clean(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command, where colons and commas separate.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

/// One annotation for each criterion, the worst first, ten at most: failures by how far they reach below, then what
/// is open, then what passed.
pub fn annotations(report: &GateReport, inputs: &[GateInput]) -> Vec<String> {
    let rank = |v: GateVerdict| match v {
        GateVerdict::Fail => 0,
        GateVerdict::Inconclusive => 1,
        GateVerdict::Pass => 2,
    };
    let mut worst: Vec<(&GateResult, f64)> = report
        .criteria
        .iter()
        .zip(inputs)
        .map(|(c, i)| (c, i.comparison.decisive().0.unwrap_or(0.0)))
        .collect();
    worst.sort_by(|(a, x), (b, y)| rank(a.verdict).cmp(&rank(b.verdict)).then(x.total_cmp(y)));
    worst
        .into_iter()
        .take(ANNOTATIONS)
        .map(|(c, change)| {
            let kind = ["error", "warning", "notice"][rank(c.verdict)];
            format!("::{kind} title={}::{change:+.2}, {}", property(&c.name), message(&c.reason))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::compare::{Pair, PairedInput, paired_compare};
    use crate::core::stats::decision::Decision;
    use crate::core::stats::gate::{GateRule, gate};
    use crate::eval::worlds::{FEW, many, world};

    fn input(name: &str, change: f64) -> GateInput {
        let pairs = vec![Pair { a: Some(4.0), b: Some(4.0 + change), cluster: None }; 200];
        let comparison =
            paired_compare(&[PairedInput { name: name.into(), pairs, people: Vec::new() }], 1).remove(0);
        GateInput { comparison, coverage_a: Some(1.0), coverage_b: Some(0.95), humans: 0 }
    }

    fn report(inputs: &[GateInput]) -> GateReport {
        gate(inputs, &GateRule::default())
    }

    #[test]
    fn annotations_are_ten_with_the_worst_first_and_nothing_ends_a_command() {
        let mut inputs: Vec<GateInput> = (0..12).map(|i| input(&format!("c{i}"), 0.0)).collect();
        inputs.push(input("a: b,c%\n::error::x", -0.5));
        inputs.push(input("worst", -2.0));
        let lines = annotations(&report(&inputs), &inputs);
        assert_eq!(lines.len(), 10);
        assert!(lines[0].starts_with("::error title=worst::-2.00, "), "{}", lines[0]);
        assert!(lines[1].starts_with("::error title=a%3A b%2Cc%25"), "{}", lines[1]);
        assert!(lines.iter().all(|l| !l.contains('\n')), "{lines:?}");
        assert!(lines[2].starts_with("::notice title=c0::"), "{}", lines[2]);
    }

    #[test]
    fn junit_counts_errors_apart_from_failures_and_stays_xml() {
        let mut open = input("open <b> & \"q\"\u{1}", 0.0);
        open.coverage_a = None;
        let inputs = [input("good", 0.0), input("bad", -1.0), open];
        let xml =
            junit(&report(&inputs), &inputs, &ArmNames("base", "cand"), Flagged { count: 3, counted: false });
        assert!(xml.contains("<property name=\"flagged\" value=\"3\"/>"), "{xml}");
        assert!(xml.contains("3 scored verdicts are flagged"), "{xml}");
        assert!(xml.contains("lower limit -1."), "{xml}");
        assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"1\""), "{xml}");
        assert!(xml.contains("name=\"bad\"><failure type=\"worse\""), "{xml}");
        assert!(xml.contains("name=\"open &lt;b&gt; &amp; &quot;q&quot;"), "{xml}");
        assert!(!xml.contains('\u{1}'));
    }

    #[test]
    fn markdown_says_the_answer_first_and_no_name_breaks_the_table() {
        let inputs = [input("a|b\n<img>", -1.0)];
        let text = markdown(
            &report(&inputs),
            &inputs,
            &ArmNames("base", "cand"),
            0.2,
            Flagged { count: 1, counted: true },
        );
        assert!(
            text.contains(
                "1 scored verdict is flagged as perhaps dictated by a response: counted all the same."
            ),
            "{text}"
        );
        assert!(text.starts_with("### Gate failed"), "{text}");
        let row = text.lines().last().unwrap();
        assert!(row.starts_with("| a\\|b"), "{row}");
        assert_eq!(row.replace("\\|", "").matches('|').count(), 10, "{row}");
        assert!(!row.contains("<img>") && row.contains("not yet"), "{row}");
    }

    fn one_decision(seeds: impl Iterator<Item = u64>) {
        for seed in seeds {
            let world = world(seed);
            let found = world.compared();
            let inputs: Vec<GateInput> = found
                .iter()
                .map(|row| GateInput {
                    comparison: row.clone(),
                    coverage_a: Some(1.0),
                    coverage_b: Some(1.0),
                    humans: 0,
                })
                .collect();
            let rule = GateRule { margin: world.margin, ..GateRule::default() };
            let report = gate(&inputs, &rule);
            let names = ArmNames("old", "new");
            let text = markdown(&report, &inputs, &names, rule.margin, Flagged::default());
            let xml = junit(&report, &inputs, &names, Flagged::default());
            let count = |v: GateVerdict| report.criteria.iter().filter(|c| c.verdict == v).count();
            let (failed, open) = (count(GateVerdict::Fail), count(GateVerdict::Inconclusive));
            let code = if failed > 0 { 1 } else { 3 * u8::from(open > 0) };
            assert_eq!(report.verdict.exit_code(), code, "{seed}");
            assert!(xml.contains(&format!("failures=\"{failed}\" errors=\"{open}\"")), "{seed}: {xml}");
            assert_eq!(
                (xml.matches("<failure ").count(), xml.matches("<error ").count()),
                (failed, open),
                "{seed}"
            );
            let answer = ["passed", "failed", "", "inconclusive"][usize::from(code)];
            assert!(text.starts_with(&format!("### Gate {answer}:")), "{seed}: {text}");
            let marks = annotations(&report, &inputs);
            let kinds = |kind: &str| marks.iter().filter(|m| m.starts_with(kind)).count();
            assert_eq!((kinds("::error"), kinds("::warning")), (failed, open), "{seed}: {marks:?}");
            let alone = text.contains("each criterion is read by its own 95 % interval");
            assert_eq!(alone, found.len() > 1, "{seed}: {text}");
            for (c, row) in report.criteria.iter().zip(&found) {
                assert!(text.contains(&format!("| {} | {} |", c.name, c.verdict)), "{seed}: {text}");
                // What the gate says of its margin and what the comparison says of no margin can both be true.
                let compared = row.decision(None);
                match c.verdict {
                    GateVerdict::Fail => {
                        assert_eq!(c.decision, Decision::Worse, "{seed}");
                        assert_ne!(compared, Decision::Better, "{seed}");
                        // Where all together leave it open, the reason says so.
                        let words = format!("over all {} criteria together it may be chance", found.len());
                        assert_eq!(
                            compared != Decision::Worse,
                            c.reason.ends_with(&words),
                            "{seed}: {}",
                            c.reason
                        );
                        assert!(found.len() > 1 || compared == Decision::Worse, "{seed}: {compared:?}");
                    }
                    GateVerdict::Pass => {
                        // Better here is better there; and the other way round.
                        let wanted = match compared {
                            Decision::Better => Decision::Better,
                            _ => Decision::NotWorse,
                        };
                        assert_eq!(c.decision, wanted, "{seed}");
                        let told = c.reason.ends_with("; it is worse, and not by more than that");
                        assert_eq!(compared == Decision::Worse, told, "{seed}: {}", c.reason);
                        let lo = row.decisive().1.map_or(f64::NAN, |(lo, _)| lo);
                        assert!(lo >= -rule.margin - 1e-6, "{seed}: {lo}");
                    }
                    GateVerdict::Inconclusive => {
                        assert!(matches!(c.decision, Decision::NoEvidence | Decision::TooFew), "{seed}");
                    }
                }
                assert!(compared != Decision::Better || c.verdict != GateVerdict::Fail, "{seed}");
            }
        }
    }

    #[test]
    fn one_decision_in_the_gate_and_all_its_reports() {
        one_decision(0..FEW);
    }

    #[test]
    #[ignore = "minutes, in a release build; the same over a few hundred worlds runs always"]
    fn one_decision_in_the_gate_and_all_its_reports_of_many() {
        one_decision(FEW..many());
    }
}
