//! Questions about prompts: lists, histories, texts, searches.

use crate::core::digest::Digest;
use crate::core::prompt::{Label, PromptName, Selector, Template, TemplateKind};
use crate::core::search_query::Find;
use crate::core::template::Variable;
use crate::core::tokens::is_awake;
use crate::eval::history;
use crate::questions::blame::History;
use crate::questions::rendered::{Pick, Rendered, with_case};
use crate::questions::tokens;
use crate::store::scores::Effort;
use crate::store::{EventInfo, Hits, ListQuery, PromptInfo, RevisionInfo, RevisionScore, StoreError};
use crate::tui::doc::diff::{DiffDoc, DiffSide, DiffSource};

use crate::tui::advice::told;
use crate::tui::model::RevisionRef;
use crate::tui::question::{Lane, Question, blocking};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use std::sync::Arc;
use std::time::Duration;

/// A page of the list.
#[derive(Debug)]
pub struct AskList {
    /// Its first row; not counted when `around` is found.
    pub offset: usize,
    /// At most so many rows.
    pub limit: usize,
    /// Of the archive.
    pub archived: bool,
    /// The page that this prompt is on now.
    pub around: Option<PromptName>,
}

/// A page of the list as it is.
#[derive(Debug)]
pub struct AskPage {
    /// Its rows.
    pub rows: Vec<PromptInfo>,
    /// The place of the first.
    pub offset: usize,
    /// Where the prompt that was asked for stands now.
    pub place: Option<usize>,
    /// How many prompts there are.
    pub prompts: usize,
    /// How many revisions there are.
    pub revisions: usize,
}

impl Question for AskList {
    type Answer = AskPage;

    fn work(self) -> Lane<AskPage> {
        Lane::read(move |s, _| {
            let place = self.around.map(|name| s.place(&name, self.archived)).transpose()?.flatten();
            // The page that the prompt is on now.
            let offset = place.map_or(self.offset, |at| at / self.limit.max(1) * self.limit);
            let all = ListQuery { archived: self.archived, ..ListQuery::default() };
            let (prompts, revisions) = s.count(&all)?;
            let rows = s.list(&ListQuery { offset, limit: Some(self.limit), ..all })?;
            Ok(AskPage { rows, offset, place, prompts, revisions })
        })
    }
}

/// Names that fit a pattern, best first; all of them for an empty one.
#[derive(Debug)]
pub struct Filter(pub String);

impl Question for Filter {
    type Answer = Vec<PromptName>;

    fn work(self) -> Lane<Self::Answer> {
        Lane::compute(move |handle| async move {
            let names = handle.read(|s| s.names()).await.map_err(|e| told(&e))?;
            Ok(fuzzy(&self.0, names))
        })
    }
}

/// Prompts by name, in the order asked.
#[derive(Debug)]
pub struct AskRows(pub Vec<PromptName>);

impl Question for AskRows {
    type Answer = Vec<PromptInfo>;

    fn work(self) -> Lane<Self::Answer> {
        Lane::read(move |s, _| self.0.iter().map(|name| s.prompt(name)).collect())
    }
}

/// A piece of a history, newest first.
#[derive(Debug)]
pub struct Log {
    /// Of this prompt.
    pub name: PromptName,
    /// Below this revision.
    pub before: Option<u32>,
    /// At most so many.
    pub limit: usize,
}

impl Question for Log {
    type Answer = Vec<RevisionInfo>;

    fn work(self) -> Lane<Self::Answer> {
        Lane::read(move |s, _| s.log(&self.name, self.before, Some(self.limit)))
    }
}

/// A revision's text.
#[derive(Debug)]
pub struct AskPreview(pub RevisionRef);

/// A revision's text as previewed.
#[derive(Debug)]
pub struct Previewed {
    /// The exact text.
    pub text: Arc<str>,
    /// The same for reading: of a chat, its messages.
    pub shown: Arc<str>,
    /// What it is.
    pub kind: TemplateKind,
    /// Its variables, or why these cannot be read.
    pub variables: Result<Vec<Variable>, String>,
    /// Its tokens, where counting takes no time.
    pub tokens: Option<usize>,
}

impl Question for AskPreview {
    type Answer = Previewed;

    fn work(self) -> Lane<Previewed> {
        Lane::read(move |s, _| {
            let info = s.resolve(&self.0.name, &Selector::revision(self.0.seq))?;
            let template = Template { kind: info.kind, body: s.text(&info.digest)? };
            let variables = template.variables(info.syntax).map_err(|e| e.to_string());
            let text: Arc<str> = template.body.as_str().into();
            let shown = if info.kind == TemplateKind::Text {
                Arc::clone(&text)
            } else {
                template.written_out().into()
            };
            let tokens = if is_awake() { tokens::at_once(&template) } else { None };
            Ok(Previewed { text, shown, kind: info.kind, variables, tokens })
        })
    }
}

/// Tokens of a stored prompt.
#[derive(Debug)]
pub struct AskTokens(pub Digest, pub TemplateKind);

impl Question for AskTokens {
    type Answer = usize;

    fn work(self) -> Lane<usize> {
        Lane::compute(move |handle| async move {
            let body = handle.read(move |s| s.text(&self.0)).await.map_err(|e| told(&e))?;
            blocking(move || tokens::of(&Template { kind: self.1, body })).await
        })
    }
}

/// Tokens of any prompt.
#[derive(Debug)]
pub struct Count(pub Template);

impl Question for Count {
    type Answer = usize;

    fn work(self) -> Lane<usize> {
        Lane::compute(move |_| blocking(move || tokens::of(&self.0)))
    }
}

/// A revision filled in with a case.
#[derive(Debug)]
pub struct Render {
    /// The revision.
    pub spot: RevisionRef,
    /// The case to go on from; the first that has all variables otherwise.
    pub from: Option<Pick>,
    /// So many cases on.
    pub step: isize,
}

const NO_CASES: &str =
    "there are no cases to render with: `assize import cases FILE.jsonl --set NAME` brings some";

impl Question for Render {
    type Answer = Rendered;

    fn work(self) -> Lane<Rendered> {
        Lane::read(move |s, _| {
            let found = with_case(s, (&self.spot.name, self.spot.seq), self.from.as_ref(), self.step)?;
            found.ok_or_else(|| StoreError::NotFound(NO_CASES.to_owned()))
        })
    }
}

/// Scores of a prompt's revisions.
#[derive(Debug)]
pub struct AskScores(pub PromptName);

impl Question for AskScores {
    type Answer = Vec<RevisionScore>;

    fn work(self) -> Lane<Self::Answer> {
        Lane::read(move |s, _| history::scores(s, &self.0))
    }
}

/// What happened to a prompt besides its revisions.
#[derive(Debug)]
pub struct AskEvents(pub PromptName);

impl Question for AskEvents {
    type Answer = Vec<EventInfo>;

    fn work(self) -> Lane<Self::Answer> {
        Lane::read(move |s, _| s.events(&self.0))
    }
}

/// What words and filters find.
#[derive(Debug)]
pub struct Search(pub String);

/// At most so many hits of each kind.
const HITS: usize = 200;

impl Question for Search {
    type Answer = Hits;

    fn work(self) -> Lane<Hits> {
        Lane::read(move |s, _| {
            let find = Find::parse(&self.0).map_err(|e| StoreError::Invalid(e.to_string()))?;
            s.find(&find, HITS)
        })
    }
}

/// What an undo of a prompt's last label move would take back.
#[derive(Debug)]
pub struct LastMove(pub PromptName);

/// The last move of a label.
#[derive(Debug)]
pub struct Moved {
    /// Which label.
    pub label: Label,
    /// Where it was.
    pub from: Option<u32>,
    /// Where it is.
    pub to: Option<u32>,
}

impl Question for LastMove {
    type Answer = Moved;

    fn work(self) -> Lane<Moved> {
        Lane::read(move |s, _| {
            let (label, from, to) = s.last_label_move(&self.0)?;
            Ok(Moved { label, from, to })
        })
    }
}

/// A revision's text to be edited.
#[derive(Debug)]
pub struct EditText(pub RevisionRef);

/// What an editor is opened on.
#[derive(Debug)]
pub struct Editable {
    /// An edit that was kept and not saved.
    pub draft: Option<String>,
    /// The revision's own text.
    pub text: String,
    /// What it is.
    pub kind: TemplateKind,
}

impl Question for EditText {
    type Answer = Editable;

    fn work(self) -> Lane<Editable> {
        Lane::read(move |s, _| {
            let info = s.resolve(&self.0.name, &Selector::revision(self.0.seq))?;
            let draft = s.draft(&self.0.name)?.map(|(_, _, text)| text);
            Ok(Editable { draft, text: s.text(&info.digest)?, kind: info.kind })
        })
    }
}

/// The charts of a prompt.
#[derive(Debug)]
pub struct Charts(pub PromptName);

/// A prompt's scores and what judging took, with its revisions.
#[derive(Debug)]
pub struct Charted {
    /// Newest first.
    pub log: Vec<RevisionInfo>,
    /// By revision and criterion.
    pub scores: Vec<RevisionScore>,
    /// By revision and judge.
    pub efforts: Vec<Effort>,
}

impl Question for Charts {
    type Answer = Charted;

    fn work(self) -> Lane<Charted> {
        Lane::read(move |s, _| {
            Ok(Charted {
                log: s.log(&self.0, None, None)?,
                scores: history::scores(s, &self.0)?,
                efforts: s.effort(Some(&self.0))?,
            })
        })
    }
}

/// Two texts, compared.
#[derive(Debug)]
pub struct AskDifference {
    /// The older, or the first.
    pub left: DiffSource,
    /// The newer, or the second.
    pub right: DiffSource,
}

impl Question for AskDifference {
    type Answer = DiffDoc;

    fn work(self) -> Lane<DiffDoc> {
        Lane::compute(move |handle| async move {
            let (left, right) = (self.left, self.right);
            let (left, right, scores) = handle
                .read(move |s| {
                    let scores = match (&left, &right) {
                        (DiffSource::Revision(l), DiffSource::Revision(r)) if l.name == r.name => {
                            history::scores(s, &l.name)?
                        }
                        _ => Vec::new(),
                    };
                    Ok((side(s, left)?, side(s, right)?, scores))
                })
                .await
                .map_err(|e| told(&e))?;
            blocking(move || {
                let end = |(source, info, text): TextOrigin| DiffSide::new(source, info, text);
                DiffDoc::new(end(left), end(right), &scores)
            })
            .await
        })
    }
}

/// Where a text comes from, the revision it is (or started from), and the text.
type TextOrigin = (DiffSource, Option<RevisionInfo>, String);

fn side(s: &crate::store::Store, source: DiffSource) -> crate::store::Result<TextOrigin> {
    let (spot, text) = match &source {
        DiffSource::Text { text, .. } => {
            let text = text.to_string();
            return Ok((source, None, text));
        }
        DiffSource::Revision(spot) => (spot, None),
        DiffSource::Draft { base, text } => (base, Some(text.to_string())),
    };
    let mut info = s.resolve(&spot.name, &Selector::revision(spot.seq))?;
    let text = match text {
        Some(text) => {
            info.digest = Digest::of(&text);
            info.message = None;
            text
        }
        None => s.text(&info.digest)?,
    };
    Ok((source, Some(info), text))
}

/// The revision that brought each line.
#[derive(Debug)]
pub struct AskBlame(pub RevisionRef);

/// The lines of a revision, and its prompt's scores.
#[derive(Debug)]
pub struct BlamedRevision {
    /// Who brought each line.
    pub found: crate::questions::blame::Blamed,
    /// Scores of the history.
    pub scores: Vec<RevisionScore>,
}

impl Question for AskBlame {
    type Answer = BlamedRevision;

    fn work(self) -> Lane<BlamedRevision> {
        Lane::compute(move |handle| async move {
            let spot = self.0;
            let (history, scores) = handle
                .read(move |s| Ok((History::read(s, &spot.name, spot.seq)?, history::scores(s, &spot.name)?)))
                .await
                .map_err(|e| told(&e))?;
            Ok(BlamedRevision { found: blocking(move || history.blame()).await?, scores })
        })
    }
}

/// A moment in which nothing else is asked.
#[derive(Debug)]
pub struct Pause(pub Duration);

impl Question for Pause {
    type Answer = ();

    fn work(self) -> Lane<()> {
        Lane::compute(move |_| async move {
            tokio::time::sleep(self.0).await;
            Ok(())
        })
    }
}

fn fuzzy(pattern: &str, names: Vec<PromptName>) -> Vec<PromptName> {
    if pattern.trim().is_empty() {
        return names;
    }
    let pattern = Pattern::parse(pattern, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = nucleo_matcher::Matcher::new(nucleo_matcher::Config::DEFAULT.match_paths());
    let mut scored: Vec<(u32, PromptName)> = names
        .into_iter()
        .filter_map(|name| {
            let mut chars = Vec::new();
            pattern
                .score(nucleo_matcher::Utf32Str::new(name.as_str(), &mut chars), &mut matcher)
                .map(|s| (s, name))
        })
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<PromptName> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    #[test]
    fn the_filter_is_fuzzy_and_puts_the_best_first() {
        let all = names(&["analyze_prose/system", "extract_wisdom/system", "write_essay/system"]);
        assert_eq!(fuzzy("", all.clone()), all);
        assert_eq!(fuzzy("wisd", all.clone())[0].as_str(), "extract_wisdom/system");
        assert_eq!(fuzzy("zzz", all), names(&[]));
    }
}
