//! People's scores of what a run shows, wherever they were given.
//!
//! ```text
//! review: (response digest, criterion version) -> every item and column of every run that shows that response
//!                                                 under that question, for any judge and any arm
//! ```
//! The response must also answer the same thing: the same prompt, or the same case. `Yes.` to one question says nothing
//! about `Yes.` to another. A score given after a judge was seen counts for that judge alone. A random sample stays random
//! only where it was drawn from at least what the run shows of an arm, and then what was skipped in it stays skipped.
//!
//! Verdicts that were imported with a criterion's bare name are stored under the digest of that name. They are about the
//! criterion that the name stands for, the built-in one of that name, as for the recorded judge; a label given there is one of
//! that criterion. Under any other wording of a criterion of that name it is stale.

use super::imported_verdicts::version_meant;
use super::lookup::digest_at;
use super::review_rows::{ReviewRow, all_reviews, read_row};
use super::rows::{ReviewInfo, Sampling};
use super::{Result, Store};
use crate::core::digest::Digest;
use crate::core::item::Subject;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a run shows at one place.
pub(super) struct ShownResponse {
    pub item: u32,
    case_id: String,
    arm: String,
    pub response: Digest,
    subject: Digest,
    /// The case as it was imported; `None` where its set is not there.
    payload: Option<Digest>,
}

pub(super) fn shown(conn: &Connection, run: &str) -> Result<Vec<ShownResponse>> {
    let mut stmt = conn.prepare_cached(
        "SELECT i.ord, i.case_id, a.name, r.text, r.subject, c.payload FROM run_item i JOIN arm a ON a.id = i.arm_id \
         JOIN response r ON r.id = (SELECT max(n.id) FROM response n WHERE n.set_id = i.set_id AND n.arm_id = i.arm_id \
         AND n.case_id = i.case_id AND n.repeat = i.repeat) \
         LEFT JOIN case_row c ON c.set_id = i.set_id AND c.case_id = i.case_id \
         WHERE i.run_id = ?1 AND r.text IS NOT NULL ORDER BY i.ord",
    )?;
    let rows = stmt.query_map([run], |r| {
        Ok(ShownResponse {
            item: r.get(0)?,
            case_id: r.get(1)?,
            arm: r.get(2)?,
            response: digest_at(r, 3)?,
            subject: digest_at(r, 4)?,
            payload: if r.get_ref(5)? == rusqlite::types::ValueRef::Null {
                None
            } else {
                Some(digest_at(r, 5)?)
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A column of a run: its question's version, or none where each item brings its own.
type RunColumn = Vec<(u32, String, Option<Vec<u8>>)>;

fn columns(conn: &Connection, run: &str) -> Result<RunColumn> {
    let mut stmt =
        conn.prepare_cached("SELECT ord, name, version FROM run_criterion WHERE run_id = ?1 ORDER BY ord")?;
    Ok(stmt.query_map([run], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect::<Result<_, _>>()?)
}

/// What people said of a response under another wording of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleReview {
    /// The review's row.
    pub id: i64,
    /// The run in which it was given.
    pub given_in: String,
    /// Where the run shows that response.
    pub item: u32,
    /// The run's column of the same name.
    pub criterion: u32,
    /// Who scored.
    pub reviewer: String,
    /// 1 to 5; `None` where a drawn item was skipped.
    pub score: Option<u8>,
    /// How the item was chosen, as it stands in the run.
    pub sampling: Sampling,
    /// The version of the question that was answered.
    pub version: Digest,
    /// The version that the run asks.
    pub now: Digest,
    /// Whether no wording was answered at all, only the bare name of an imported criterion.
    pub bare: bool,
}

/// A run as reviews from elsewhere see it.
struct ReviewedRun<'a> {
    store: &'a Store,
    run: &'a str,
    columns: RunColumn,
    shown: Vec<ShownResponse>,
    by_response: HashMap<Digest, Vec<usize>>,
    fingerprint: Option<Vec<u8>>,
    /// Versions of questions that items bring themselves.
    own: HashMap<(u32, u32), Option<Digest>>,
    subjects: HashMap<Digest, Option<Subject>>,
    /// What a bare name stands for.
    names: HashMap<(String, Digest), Digest>,
    /// Columns of other runs.
    elsewhere: HashMap<String, RunColumn>,
    drawn: HashMap<(String, String), bool>,
    /// Items of other runs.
    others: HashMap<String, HashMap<u32, ShownResponse>>,
}

impl<'a> ReviewedRun<'a> {
    fn of(store: &'a Store, run: &'a str) -> Result<Self> {
        let shown = shown(&store.conn, run)?;
        let mut by_response: HashMap<Digest, Vec<usize>> = HashMap::new();
        for (at, s) in shown.iter().enumerate() {
            by_response.entry(s.response).or_default().push(at);
        }
        let fingerprint = store
            .conn
            .query_row("SELECT fingerprint FROM run WHERE id = ?1", [run], |r| r.get(0))
            .optional()?
            .flatten();
        Ok(Self {
            columns: columns(&store.conn, run)?,
            store,
            run,
            shown,
            by_response,
            fingerprint,
            own: HashMap::new(),
            subjects: HashMap::new(),
            names: HashMap::new(),
            elsewhere: HashMap::new(),
            drawn: HashMap::new(),
            others: HashMap::new(),
        })
    }

    /// An item of another run.
    fn origin(&mut self, run: &str, item: u32) -> Result<Option<(Digest, Digest, Option<Digest>)>> {
        if !self.others.contains_key(run) {
            let found = shown(&self.store.conn, run)?;
            self.others.insert(run.to_owned(), found.into_iter().map(|s| (s.item, s)).collect());
        }
        let found = self.others.get(run).and_then(|items| items.get(&item));
        Ok(found.map(|s| (s.response, s.subject, s.payload)))
    }

    /// The version of the question at a place.
    fn version(&mut self, item: u32, column: usize) -> Result<Option<Digest>> {
        let Some((ord, name, version)) = self.columns.get(column) else { return Ok(None) };
        if let Some(version) = version {
            return Ok(Digest::from_bytes(version));
        }
        let (key, name) = ((item, *ord), name.clone());
        if let Some(known) = self.own.get(&key) {
            return Ok(*known);
        }
        let stored: Option<Digest> = self
            .store
            .conn
            .prepare_cached(
                "SELECT criterion_version FROM verdict WHERE run_id = ?1 AND item = ?2 AND criterion = ?3 \
                 ORDER BY seq DESC LIMIT 1",
            )?
            .query_row(params![self.run, key.0, key.1], |r| digest_at(r, 0))
            .optional()?;
        let at = self.shown.binary_search_by_key(&item, |s| s.item).ok();
        let subject = at.and_then(|at| self.shown.get(at)).map(|s| s.subject);
        let meant = stored.map(|stored| self.meant(stored, &name, subject));
        self.own.insert(key, meant);
        Ok(meant)
    }

    /// The question that a version of a column stands for, where items bring their own.
    fn meant(&mut self, stored: Digest, column: &str, subject: Option<Digest>) -> Digest {
        let own = subject.and_then(|digest| self.subject(digest)).filter(|s| s.criterion.is_some());
        if let Some(own) = own {
            return version_meant(&stored, column, Some(own));
        }
        let key = (column.to_owned(), stored);
        *self.names.entry(key).or_insert_with(|| version_meant(&stored, column, None))
    }

    /// The column that a review stands under where it was given: its name, the version that was answered, and whether only a
    /// bare name was.
    fn asked(&mut self, row: &ReviewRow, subject: Digest) -> Result<Option<(String, Digest, bool)>> {
        let r = &row.info.review;
        if !self.elsewhere.contains_key(&r.run) {
            self.elsewhere.insert(r.run.clone(), columns(&self.store.conn, &r.run)?);
        }
        let columns = self.elsewhere.get(&r.run);
        let column = columns.and_then(|c| c.iter().find(|(ord, ..)| *ord == r.criterion));
        let Some((name, is_own)) = column.map(|(_, name, version)| (name.clone(), version.is_none())) else {
            return Ok(None);
        };
        let Some(stored) = Digest::from_bytes(&row.version) else { return Ok(None) };
        let meant = if is_own { self.meant(stored, &name, Some(subject)) } else { stored };
        Ok(Some((name, meant, meant != stored)))
    }

    fn subject(&mut self, subject: Digest) -> Option<&Subject> {
        let store = self.store;
        self.subjects.entry(subject).or_insert_with(|| store.json(&subject).ok()).as_ref()
    }

    fn prompt(&mut self, subject: Digest) -> Option<&str> {
        self.subject(subject).map(|s| s.prompt.as_str())
    }

    /// Whether a review's item and what is shown here answer the same thing.
    fn answers_the_same(&mut self, subject: Digest, payload: Option<Digest>, at: usize) -> bool {
        let Some(here) = self.shown.get(at) else { return false };
        if here.subject == subject || payload.is_some() && here.payload == payload {
            return true;
        }
        let here = here.subject;
        let one = self.prompt(subject).map(ToOwned::to_owned);
        one.is_some() && one.as_deref() == self.prompt(here)
    }

    /// Whether a sample of `from` is a sample of all that this run shows of an arm.
    fn was_drawn_from_all(&mut self, from: &str, arm: &str) -> Result<bool> {
        let key = (from.to_owned(), arm.to_owned());
        if let Some(known) = self.drawn.get(&key) {
            return Ok(*known);
        }
        let pool: HashSet<Digest> =
            self.others.get(from).into_iter().flatten().map(|(_, s)| s.response).collect();
        let all = self.shown.iter().filter(|s| s.arm == arm).all(|s| pool.contains(&s.response));
        self.drawn.insert(key, all);
        Ok(all)
    }

    /// The places of this run where a review from elsewhere stands, each with how it was sampled for it.
    fn places(&mut self, row: &ReviewRow) -> Result<Vec<(usize, u32, Sampling)>> {
        let (from, item) = (&row.info.review.run, row.info.review.item);
        let Some((stored, subject, payload)) = self.origin(from, item)? else { return Ok(Vec::new()) };
        let Some((_, asked, _)) = self.asked(row, subject)? else { return Ok(Vec::new()) };
        let response = row.response.as_ref().map_or(Some(stored), |bytes| Digest::from_bytes(bytes));
        let at: Vec<usize> = response.and_then(|r| self.by_response.get(&r)).cloned().unwrap_or_default();
        let mut found = Vec::new();
        for at in at {
            let Some(here) = self.shown.get(at) else { continue };
            let (item, arm) = (here.item, here.arm.clone());
            for column in 0..self.columns.len() {
                let fits = self.version(item, column)? == Some(asked);
                if !fits || !self.answers_the_same(subject, payload, at) {
                    continue;
                }
                let sampling = self.sampling(row, &arm)?;
                // A skip says something only of a sample.
                if row.info.review.score.is_none() && sampling == Sampling::Picked {
                    continue;
                }
                let Some((ord, ..)) = self.columns.get(column) else { continue };
                found.push((at, *ord, sampling));
            }
        }
        Ok(found)
    }

    /// How a review's item was chosen, seen from this run.
    fn sampling(&mut self, row: &ReviewRow, arm: &str) -> Result<Sampling> {
        let r = &row.info.review;
        Ok(match r.sampling {
            Sampling::Random if !self.was_drawn_from_all(&r.run, arm)? => Sampling::Picked,
            other => other,
        })
    }

    fn fits_judge(&self, row: &ReviewRow, fingerprint: Option<&Vec<u8>>) -> bool {
        let r = &row.info.review;
        !r.saw_judge || fingerprint.is_some() && fingerprint == self.fingerprint.as_ref()
    }
}

/// A row of another run, and the fingerprint of the judge there.
type Foreign = (ReviewRow, Option<Vec<u8>>);

/// Rows of other runs, those that take others back included.
fn foreign(conn: &Connection, run: &str) -> Result<Vec<Foreign>> {
    let mut stmt = conn.prepare_cached(&format!(
        "{} LEFT JOIN run o ON o.id = v.run_id WHERE v.run_id <> ?1 ORDER BY v.id",
        super::review_rows::select(", o.fingerprint")
    ))?;
    let rows = stmt.query_map([run], |r| Ok((read_row(r)?, r.get("fingerprint")?)))?;
    let mut rows: Vec<Foreign> = rows.collect::<Result<_, _>>()?;
    super::review_rows::mark(conn, rows.iter_mut().map(|(r, _)| &mut r.info))?;
    Ok(rows)
}

/// Of these rows only those about a response that is shown here, or that does not say which it is about; and what rows of other
/// runs take back. Most runs show nothing that others were asked about, and read no text of a review for that.
fn foreign_about(
    conn: &Connection,
    run: &str,
    place: &ReviewedRun<'_>,
) -> Result<(Vec<Foreign>, HashSet<i64>)> {
    let mut stmt =
        conn.prepare_cached("SELECT id, response, undone FROM review WHERE run_id <> ?1 ORDER BY id")?;
    let mut rows = stmt.query([run])?;
    let (mut wanted, mut undone) = (Vec::new(), HashSet::new());
    while let Some(r) = rows.next()? {
        undone.extend(r.get::<_, Option<i64>>(2)?);
        let about = r.get_ref(1)?.as_bytes().ok().and_then(Digest::from_bytes);
        if about.is_none_or(|response| place.by_response.contains_key(&response)) {
            wanted.push(r.get::<_, i64>(0)?);
        }
    }
    let mut stmt = conn.prepare_cached(&format!(
        "{} LEFT JOIN run o ON o.id = v.run_id WHERE v.id = ?1",
        super::review_rows::select(", o.fingerprint")
    ))?;
    let mut found = Vec::with_capacity(wanted.len());
    for id in wanted {
        found.push(stmt.query_row([id], |r| Ok((read_row(r)?, r.get("fingerprint")?)))?);
    }
    super::review_rows::mark(conn, found.iter_mut().map(|(r, _): &mut Foreign| &mut r.info))?;
    Ok((found, undone))
}

/// Whether any other run was reviewed.
fn is_any_foreign(conn: &Connection, run: &str) -> Result<bool> {
    let mut stmt = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM review WHERE run_id <> ?1)")?;
    Ok(stmt.query_row([run], |r| r.get(0))?)
}

/// All review rows that bear on a run: its own, and those of others as they would stand here. In the order of their ids.
pub(super) fn bearing(store: &Store, run: &str) -> Result<(Vec<ReviewInfo>, HashSet<i64>)> {
    let own = all_reviews(&store.conn, Some(run))?;
    let mut undone: HashSet<i64> = own.iter().filter_map(|r| r.info.review.undo).collect();
    let mut rows: Vec<ReviewInfo> = own.into_iter().map(|r| r.info).collect();
    if !is_any_foreign(&store.conn, run)? {
        return Ok((rows, undone));
    }
    let mut place = ReviewedRun::of(store, run)?;
    let (others, taken_back) = foreign_about(&store.conn, run, &place)?;
    undone.extend(taken_back);
    for (row, fingerprint) in others {
        let r = &row.info.review;
        let was_skipped = r.sampling == Sampling::Random && !r.saw_judge;
        let says_something = r.score.is_some() || r.sampling == Sampling::WrongReasons || was_skipped;
        if r.undo.is_some() || !says_something || !place.fits_judge(&row, fingerprint.as_ref()) {
            continue;
        }
        for (at, column, sampling) in place.places(&row)? {
            let Some(here) = place.shown.get(at) else { continue };
            let mut info = row.info.clone();
            info.review.run = run.to_owned();
            (info.review.item, info.review.criterion, info.review.sampling) = (here.item, column, sampling);
            (info.case_id, info.arm) = (here.case_id.clone(), here.arm.clone());
            rows.push(info);
        }
    }
    rows.sort_by_key(|r| r.id);
    Ok((rows, undone))
}

/// Responses that anybody has reviewed: a run that shows none of them has no review to be looked for.
#[derive(Debug, Clone, Default)]
pub struct Reviewed {
    responses: HashSet<Digest>,
    /// A review does not say of which response it is.
    unknown: bool,
    /// The sets and arms that hold any of them, where that was looked up for all.
    grounds: Option<HashSet<Ground>>,
}

/// A set and an arm, by their rows.
type Ground = (i64, i64);

impl Store {
    /// All responses that were reviewed, to be asked before the reviews of several runs are.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn reviewed(&self) -> Result<Reviewed> {
        let mut found = Reviewed::default();
        let mut stmt = self.conn.prepare_cached("SELECT response FROM review")?;
        let mut rows = stmt.query([])?;
        let mut last = None;
        while let Some(r) = rows.next()? {
            let response = r.get_ref(0)?.as_bytes().ok().and_then(Digest::from_bytes);
            match response {
                // The reviews of one response follow each other.
                Some(_) if response == last => {}
                Some(response) => drop(found.responses.insert(response)),
                None => found.unknown = true,
            }
            last = response;
        }
        Ok(found)
    }

    /// The same to be asked about very many runs: every response is looked at once, and not once for each run.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn reviewed_everywhere(&self) -> Result<Reviewed> {
        let mut found = self.reviewed()?;
        let mut grounds = HashSet::new();
        if !found.responses.is_empty() {
            let mut stmt = self
                .conn
                .prepare_cached("SELECT set_id, arm_id, text FROM response WHERE text IS NOT NULL")?;
            let mut rows = stmt.query([])?;
            let mut last = None;
            while let Some(r) = rows.next()? {
                let ground = (r.get(0)?, r.get(1)?);
                if last == Some(ground) {
                    continue;
                }
                let text = r.get_ref(2)?.as_bytes().ok().and_then(Digest::from_bytes);
                if text.is_some_and(|text| found.responses.contains(&text)) {
                    grounds.insert(ground);
                    last = Some(ground);
                }
            }
        }
        found.grounds = Some(grounds);
        Ok(found)
    }

    /// [`Store::reviews`] of a run, without a look at reviews where it can show nothing that was reviewed.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn reviews_among(&self, run: &str, reviewed: &Reviewed) -> Result<Vec<ReviewInfo>> {
        if reviewed.unknown || self.may_show(run, reviewed)? {
            self.reviews(Some(run))
        } else {
            Ok(Vec::new())
        }
    }

    /// Whether any response of a run's arms to its sets was reviewed.
    fn may_show(&self, run: &str, reviewed: &Reviewed) -> Result<bool> {
        if reviewed.responses.is_empty() {
            return Ok(false);
        }
        let mut grounds =
            self.conn.prepare_cached("SELECT set_id, arm_id FROM run_item WHERE run_id = ?1")?;
        let mut of = grounds.query([run])?;
        let mut asked: HashSet<Ground> = HashSet::new();
        let mut last = None;
        while let Some(ground) = of.next()? {
            let ground = (ground.get(0)?, ground.get(1)?);
            if last.replace(ground) == Some(ground) || !asked.insert(ground) {
                continue;
            }
            let shows = match &reviewed.grounds {
                Some(grounds) => grounds.contains(&ground),
                None => self.holds_any(ground, reviewed)?,
            };
            if shows {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn holds_any(&self, (set, arm): Ground, reviewed: &Reviewed) -> Result<bool> {
        let mut texts =
            self.conn.prepare_cached("SELECT text FROM response WHERE set_id = ?1 AND arm_id = ?2")?;
        let mut rows = texts.query(params![set, arm])?;
        while let Some(r) = rows.next()? {
            let text = r.get_ref(0)?.as_bytes().ok().and_then(Digest::from_bytes);
            if text.is_some_and(|text| reviewed.responses.contains(&text)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The digest of each response that a run shows, by the item's place.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn shown_responses(&self, run: &str) -> Result<HashMap<u32, Digest>> {
        Ok(shown(&self.conn, run)?.into_iter().map(|s| (s.item, s.response)).collect())
    }

    /// What people said, blind, of what a run shows under another wording of its questions, the newest of each reviewer: scores,
    /// and skips of drawn items. It counts nowhere in the run before somebody takes it over ([`Store::renew_reviews`]).
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn stale_reviews(&self, run: &str) -> Result<Vec<StaleReview>> {
        let others = foreign(&self.conn, run)?;
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let mut place = ReviewedRun::of(self, run)?;
        let undone: HashSet<i64> = others.iter().filter_map(|(r, _)| r.info.review.undo).collect();
        let mut found: BTreeMap<(u32, u32, String), StaleReview> = BTreeMap::new();
        for (row, _) in others {
            let r = &row.info.review;
            let was_skipped = r.score.is_none() && r.sampling == Sampling::Random;
            let counts = r.undo.is_none() && (r.score.is_some() || was_skipped);
            if !counts || r.saw_judge || undone.contains(&row.info.id) {
                continue;
            }
            let Some((stored, subject, payload)) = place.origin(&r.run, r.item)? else { continue };
            let Some((name, version, bare)) = place.asked(&row, subject)? else { continue };
            let Some(column) = place.columns.iter().position(|(_, n, _)| *n == name) else { continue };
            let criterion = place.columns.get(column).map_or(0, |c| c.0);
            let response = row.response.as_ref().map_or(Some(stored), |bytes| Digest::from_bytes(bytes));
            let at = response.and_then(|r| place.by_response.get(&r)).cloned().unwrap_or_default();
            for at in at {
                let Some(here) = place.shown.get(at) else { continue };
                let (item, arm) = (here.item, here.arm.clone());
                let Some(now) = place.version(item, column)?.filter(|v| *v != version) else { continue };
                if !place.answers_the_same(subject, payload, at) {
                    continue;
                }
                let sampling = place.sampling(&row, &arm)?;
                let key = (item, criterion, r.reviewer.clone());
                // A skip says something only of a sample, and nothing beside an earlier score.
                if r.score.is_none() && (sampling == Sampling::Picked || found.contains_key(&key)) {
                    continue;
                }
                let stale = StaleReview {
                    id: row.info.id,
                    given_in: r.run.clone(),
                    item,
                    criterion,
                    reviewer: r.reviewer.clone(),
                    score: r.score,
                    sampling,
                    version,
                    now,
                    bare,
                };
                found.insert(key, stale);
            }
        }
        // A reviewer who has answered the question as it stands needs no older answer.
        for r in self.reviews(Some(run))? {
            found.remove(&(r.review.item, r.review.criterion, r.review.reviewer));
        }
        Ok(found.into_values().collect())
    }
}
