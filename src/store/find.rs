//! Searches with filters, and beyond templates: messages, explanations, comments.
//!
//! ```text
//! Find -> filters --SQL--> revisions (newest first, bounded)
//!      -> words   --line_fts----> lines of templates, of those revisions --> Hit
//!                 --message_fts-> messages of those revisions            --> Hit
//!                 --explanation_fts, comment_fts-> what was said of items --> ItemHit
//! ```
//! Each is an index: nothing is read through, and nothing is left out for its age.

use super::rows::{Hit, ItemHit};
use super::search::wanted;
use super::{Result, Store, StoreError};
use crate::core::prompt::{PromptName, Syntax, Template, TemplateKind};
use crate::core::search_query::{Find, SearchField};
use rusqlite::params_from_iter;
use rusqlite::types::Value as Sql;
use std::collections::HashMap;

/// Revisions that filters may leave; more are not looked at, the newest first.
const REVISIONS: usize = 20_000;
/// Lines taken from the index before filters choose among them: the best, or of very many the newest.
const LINES: usize = 5_000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hits {
    /// Lines and messages of revisions.
    pub lines: Vec<Hit>,
    /// Explanations and comments.
    pub items: Vec<ItemHit>,
}

/// Which revisions filters choose from.
enum TextFilter<'a> {
    All,
    /// Those of these prompts.
    Of(&'a [&'a PromptName]),
    /// Those whose message holds all of these words.
    Saying(&'a [String]),
}

/// A revision that passes the filters.
struct MatchingRevision {
    name: PromptName,
    prompt: i64,
    seq: u32,
    digest: Vec<u8>,
    kind: TemplateKind,
    syntax: Syntax,
    message: String,
}

impl Store {
    /// Everything that a search finds, at most `limit` of each kind.
    ///
    /// # Errors
    /// When the search is empty, or the registry cannot be read.
    pub fn find(&self, find: &Find, limit: usize) -> Result<Hits> {
        let words = find.words.join(" ");
        if find.words.is_empty() && !find.is_filtered() {
            return Err(StoreError::Invalid(
                "nothing to search for: give a word, or a filter such as label:production".into(),
            ));
        }
        let mut hits = Hits::default();
        if find.is_filtered() {
            if find.words.is_empty() {
                let chosen = self.chosen(find, &TextFilter::All, limit)?;
                hits.lines = chosen.iter().map(MatchingRevision::as_hit).collect();
                return Ok(hits);
            }
            if find.looks_at(SearchField::Template) {
                hits.lines = self.filtered_lines(find, &words, limit)?;
            }
            if find.looks_at(SearchField::Message) {
                let room = limit.saturating_sub(hits.lines.len());
                let said = self.chosen(find, &TextFilter::Saying(&find.words), room)?;
                hits.lines.extend(said.iter().map(MatchingRevision::as_hit));
            }
        } else {
            if find.looks_at(SearchField::Template) {
                hits.lines = self.search(&words, limit)?;
            }
            if find.looks_at(SearchField::Message) {
                hits.lines.extend(self.messages(find, limit.saturating_sub(hits.lines.len()))?);
            }
        }
        for place in [SearchField::Explanation, SearchField::Comment] {
            if find.looks_at(place) {
                let room = limit.saturating_sub(hits.items.len());
                hits.items.extend(self.item_hits(find, place, room)?);
            }
        }
        Ok(hits)
    }

    /// The newest revisions that pass the filters, at most `limit`.
    fn chosen(&self, find: &Find, only: &TextFilter, limit: usize) -> Result<Vec<MatchingRevision>> {
        let columns =
            "SELECT p.name, r.prompt_id, r.seq, r.digest, r.kind, r.syntax, coalesce(r.message, '')";
        let mut values: Vec<Sql> = Vec::new();
        // A cross join is one that SQLite does not turn round: rows come newest first, and it stops at the last that is
        // wanted. Left to itself it goes through all prompts, and sorts.
        let saying;
        let (from, newest) = match only {
            TextFilter::All => ("FROM revision r CROSS JOIN prompt p ON p.id = r.prompt_id WHERE", "r.id"),
            TextFilter::Of(_) => ("FROM revision r JOIN prompt p ON p.id = r.prompt_id WHERE", "r.id"),
            TextFilter::Saying(words) => {
                let Some(wanted) = wanted(words, "message_fts", "coalesce(r.message, '')", 1) else {
                    return Ok(Vec::new());
                };
                saying = format!(
                    "FROM message_fts f CROSS JOIN revision r ON r.id = f.rowid JOIN prompt p ON p.id = r.prompt_id WHERE {} AND",
                    wanted.sql
                );
                values.extend(wanted.values.into_iter().map(Sql::from));
                (saying.as_str(), "f.rowid")
            }
        };
        let mut sql = format!("{columns} {from} p.archived = 0");
        if let TextFilter::Of(names) = only {
            sql += " AND p.name IN (SELECT value FROM json_each(?))";
            values.push(serde_json::json!(names).to_string().into());
        }
        if let Some(label) = &find.label {
            sql += " AND EXISTS (SELECT 1 FROM label l WHERE l.prompt_id = r.prompt_id AND l.seq = r.seq AND l.label = ?)";
            values.push(label.clone().into());
        }
        if let Some(author) = &find.author {
            sql += " AND instr(lower(coalesce(r.author, '')), lower(?)) > 0";
            values.push(author.clone().into());
        }
        if let Some((than, days)) = find.changed {
            // An age below seven days is a time after the one seven days ago.
            sql += &format!(" AND julianday('now') - julianday(r.created_at) {} ?", than.sign());
            values.push(days.into());
        }
        if find.score.is_some() || find.criterion.is_some() {
            sql += " AND EXISTS (SELECT 1 FROM arm a JOIN run_item i ON i.arm_id = a.id \
                JOIN verdict v ON v.run_id = i.run_id AND v.item = i.ord \
                JOIN run_criterion c ON c.run_id = v.run_id AND c.ord = v.criterion \
                WHERE a.prompt_id = r.prompt_id AND a.seq = r.seq AND v.score IS NOT NULL";
            if let Some(criterion) = &find.criterion {
                sql += " AND c.name = ?";
                values.push(criterion.clone().into());
            }
            // Each judge and criterion has a mean of its own: they are never averaged together.
            sql += " GROUP BY c.name, v.fingerprint";
            if let Some((than, score)) = find.score {
                sql += &format!(" HAVING avg(v.score) {} ?", than.sign());
                values.push(score.into());
            }
            sql += ")";
        }
        if let Some(var) = &find.var {
            // The index knows which prompts ever had a line with this word. Where very many did, it is quicker to look.
            let word = format!("\"{}\"", var.replace(['"', '\0'], " "));
            if !self.stands_in_many_lines(&word)? {
                sql += " AND r.prompt_id IN (SELECT l.prompt_id FROM line_fts f JOIN line l ON l.id = f.rowid WHERE line_fts MATCH ?)";
                values.push(word.into());
            }
        }
        sql += &format!(" ORDER BY {newest} DESC LIMIT {REVISIONS}");
        let mut stmt = self.conn.prepare(&sql)?;
        let mut rows = stmt.query(params_from_iter(values))?;
        let mut chosen = Vec::new();
        while chosen.len() < limit
            && let Some(r) = rows.next()?
        {
            let Ok(name) = r.get::<_, String>(0)?.parse() else { continue };
            let (kind, syntax): (String, String) = (r.get(4)?, r.get(5)?);
            let one = MatchingRevision {
                name,
                prompt: r.get(1)?,
                seq: r.get(2)?,
                digest: r.get(3)?,
                kind: if kind == "chat" { TemplateKind::Chat } else { TemplateKind::Text },
                syntax: syntax.parse().unwrap_or_default(),
                message: r.get(6)?,
            };
            if find.var.as_ref().is_none_or(|var| self.asks_for(&one, var)) {
                chosen.push(one);
            }
        }
        Ok(chosen)
    }

    fn body_of(&self, one: &MatchingRevision) -> Option<String> {
        let digest = crate::core::digest::Digest::from_bytes(&one.digest)?;
        // What was forgotten holds nothing.
        self.text(&digest).ok()
    }

    fn asks_for(&self, one: &MatchingRevision, var: &str) -> bool {
        let Some(body) = self.body_of(one).filter(|b| may_ask(b, var)) else { return false };
        let template = Template { kind: one.kind, body };
        template.variables(one.syntax).is_ok_and(|all| all.iter().any(|v| v.name == var))
    }

    /// Lines that hold the words, each in the newest revision that has it and passes the filters.
    fn filtered_lines(&self, find: &Find, words: &str, limit: usize) -> Result<Vec<Hit>> {
        let lines = self.search(words, LINES)?;
        let mut names: Vec<&PromptName> = lines.iter().map(|hit| &hit.name).collect();
        names.sort();
        names.dedup();
        let chosen = self.chosen(find, &TextFilter::Of(&names), REVISIONS)?;
        let mut by_name: HashMap<&PromptName, Vec<&MatchingRevision>> = HashMap::new();
        for one in &chosen {
            by_name.entry(&one.name).or_default().push(one);
        }
        let mut bodies: HashMap<(i64, u32), Option<String>> = HashMap::new();
        let mut out = Vec::new();
        for hit in &lines {
            let Some(revisions) = by_name.get(&hit.name) else { continue };
            let holds = revisions.iter().find(|one| {
                let text =
                    || Some(Template { kind: one.kind, body: self.body_of(one)? }.searchable().into_owned());
                let text = bodies.entry((one.prompt, one.seq)).or_insert_with(text);
                one.seq >= hit.seq && text.as_ref().is_some_and(|b| b.contains(hit.line.as_str()))
            });
            out.extend(holds.map(|one| Hit { seq: one.seq, ..hit.clone() }));
            if out.len() >= limit {
                break;
            }
        }
        Ok(out)
    }

    fn messages(&self, find: &Find, limit: usize) -> Result<Vec<Hit>> {
        let Some(wanted) = wanted(&find.words, "message_fts", "coalesce(r.message, '')", 1) else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT p.name, r.seq, r.message FROM message_fts f CROSS JOIN revision r ON r.id = f.rowid \
             JOIN prompt p ON p.id = r.prompt_id WHERE {} AND p.archived = 0 ORDER BY f.rowid DESC LIMIT {limit}",
            wanted.sql
        );
        let mut stmt = self.conn.prepare_cached(&sql)?;
        let found: Vec<(String, u32, String)> = stmt
            .query_map(params_from_iter(wanted.values), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
            .collect::<Result<_, _>>()?;
        let hit = |(name, seq, line): (String, u32, String)| {
            Some(Hit { name: name.parse().ok()?, seq, line, place: SearchField::Message })
        };
        Ok(found.into_iter().filter_map(hit).collect())
    }

    /// Explanations or comments that hold the words, newest first; filters of author and label do not reach them, those of
    /// score and criterion do.
    fn item_hits(&self, find: &Find, place: SearchField, limit: usize) -> Result<Vec<ItemHit>> {
        let (from, index, text) = match place {
            SearchField::Comment => {
                ("comment_fts f CROSS JOIN review v ON v.id = f.rowid", "comment_fts", "v.comment")
            }
            _ => (
                "explanation_fts f CROSS JOIN verdict_text t ON t.verdict_id = f.rowid JOIN verdict v ON v.id = f.rowid",
                "explanation_fts",
                "t.explanation",
            ),
        };
        let Some(wanted) = wanted(&find.words, index, text, 1).filter(|_| limit > 0) else {
            return Ok(Vec::new());
        };
        let mut sql = format!(
            "SELECT v.run_id, v.item, a.name, i.case_id, c.name, {text} FROM {from} \
             JOIN run_item i ON i.run_id = v.run_id AND i.ord = v.item JOIN arm a ON a.id = i.arm_id \
             JOIN run_criterion c ON c.run_id = v.run_id AND c.ord = v.criterion WHERE {}",
            wanted.sql
        );
        let mut values: Vec<Sql> = wanted.values.into_iter().map(Sql::from).collect();
        let mut also = |condition: &str, value: Sql| {
            values.push(value);
            sql += &format!(" AND {}", condition.replace('?', &format!("?{}", values.len())));
        };
        if let Some(criterion) = &find.criterion {
            also("c.name = ?", criterion.clone().into());
        }
        if let Some((than, score)) = find.score {
            also(&format!("v.score {} ?", than.sign()), score.into());
        }
        if let Some(label) = &find.label {
            also(
                "EXISTS (SELECT 1 FROM label l WHERE l.prompt_id = a.prompt_id AND l.seq = a.seq AND l.label = ?)",
                label.clone().into(),
            );
        }
        sql += &format!(" ORDER BY f.rowid DESC LIMIT {limit}");
        let mut stmt = self.conn.prepare(&sql)?;
        Ok(stmt
            .query_map(params_from_iter(values), |r| {
                Ok(ItemHit {
                    run: r.get(0)?,
                    item: r.get(1)?,
                    arm: r.get(2)?,
                    case: r.get(3)?,
                    criterion: r.get(4)?,
                    text: r.get(5)?,
                    place,
                })
            })?
            .collect::<Result<_, _>>()?)
    }
}

/// Whether a template's text could ask for a variable: the name stands behind the first brace and before the last. Nothing
/// is missed by it, and a word that is only prose need not be parsed for.
fn may_ask(body: &str, var: &str) -> bool {
    let (Some(open), Some(close)) = (body.find('{'), body.rfind('}')) else { return false };
    body.get(open..close).is_some_and(|inside| inside.contains(var))
}

impl MatchingRevision {
    fn as_hit(&self) -> Hit {
        let line = self.message.lines().next().unwrap_or_default().to_owned();
        Hit { name: self.name.clone(), seq: self.seq, line, place: SearchField::Message }
    }
}
