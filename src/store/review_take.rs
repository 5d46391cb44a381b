//! Reviews of a pack come home: each is found its place by content, and is here once, however often it is taken.
//!
//! ```text
//! row of the pack -> here already (by content id; by all it says and when)? known
//!                 -> same case, response and question in the pack's run, or in a run of the same set? added, with its time and id
//!                 -> else refused, with its place
//! ```

use super::review_pack::{PackInfo, PackedItem, pool};
use super::review_rows::{alike, all_reviews};
use super::reviews::{GivenElsewhere, insert_given, judged};
use super::rows::{NewReview, RunInfo, RunItem, Sampling};
use super::rules::reviews::check;
use super::{Result, Store, StoreError};
use crate::core::digest::Digest;
use rusqlite::{Connection, params};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What came of taking a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenReviews {
    /// Who the pack was for.
    pub reviewer: String,
    /// The runs that they were added to.
    pub runs: Vec<String>,
    /// Rows that were added, those that take others back included.
    pub new: usize,
    /// Of these, scores drawn at random and given blind.
    pub random: usize,
    /// Rows that were here already.
    pub known: usize,
    /// Rows that belong nowhere here.
    pub refused: Vec<RefusedReview>,
}

/// A review that belongs nowhere in this registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedReview {
    /// Set, case, arm and criterion.
    pub place: String,
    /// Why.
    pub why: String,
}

/// A row of a pack, with its number and its content id there.
struct GivenReview {
    row: i64,
    id: Vec<u8>,
    at: String,
    review: NewReview,
}

/// Where a packed item's question stands here.
#[derive(Clone)]
struct Home {
    run: String,
    item: u32,
    column: u32,
    /// Whether a sample of the pack's run is one of this run.
    drawn: bool,
}

fn given(conn: &Connection, run: &str) -> Result<Vec<GivenReview>> {
    let mut ids: HashMap<i64, Vec<u8>> = HashMap::new();
    let mut stmt = conn.prepare("SELECT id, coalesce(named, row_digest) FROM review WHERE run_id = ?1")?;
    let mut rows = stmt.query([run])?;
    while let Some(row) = rows.next()? {
        ids.insert(row.get(0)?, row.get(1)?);
    }
    let rows = all_reviews(conn, Some(run))?.into_iter().map(|row| GivenReview {
        row: row.info.id,
        id: ids.remove(&row.info.id).unwrap_or_default(),
        at: row.info.at,
        review: row.info.review,
    });
    Ok(rows.collect())
}

/// Looks for places of a pack's items here, each run read once.
struct Homes<'a> {
    store: &'a Store,
    info: &'a PackInfo,
    /// The names of the pack's columns.
    names: Vec<String>,
    /// Runs that may hold them, the pack's own first, then those of the same set, the newest first.
    runs: Vec<RunInfo>,
    items: HashMap<String, HashMap<String, Vec<RunItem>>>,
    drawn: HashMap<String, bool>,
    found: HashMap<(u32, u32), std::result::Result<Home, &'static str>>,
}

impl<'a> Homes<'a> {
    fn of(store: &'a Store, pack: &Store, info: &'a PackInfo) -> Result<Self> {
        let mut runs = store.runs(None)?;
        runs.retain(|run| run.id == info.run || run.spec.set == info.set);
        runs.sort_by_key(|run| run.id != info.run);
        Ok(Self {
            store,
            info,
            names: pack.run(&info.packed_run)?.criteria,
            runs,
            items: HashMap::new(),
            drawn: HashMap::new(),
            found: HashMap::new(),
        })
    }

    /// In words, for who is told that a review was refused.
    fn place(&self, item: u32, column: u32) -> String {
        let name = self.names.get(column as usize).map_or("?", String::as_str);
        match self.info.items.get(item as usize) {
            Some(from) => {
                format!("set '{}', case '{}', arm '{}', {name}", self.info.set, from.case, from.arm)
            }
            None => format!("item {item} of the pack, {name}"),
        }
    }

    fn find(&mut self, item: u32, column: u32) -> Result<std::result::Result<Home, &'static str>> {
        if let Some(found) = self.found.get(&(item, column)) {
            return Ok(found.clone());
        }
        let found = self.search(item, column)?;
        self.found.insert((item, column), found.clone());
        Ok(found)
    }

    fn search(&mut self, item: u32, column: u32) -> Result<std::result::Result<Home, &'static str>> {
        let Some(from) = self.info.items.get(item as usize) else {
            return Ok(Err("the pack does not say where it comes from"));
        };
        let Some(question) = from.questions.get(column as usize).copied() else {
            return Ok(Err("the pack has no such question"));
        };
        if self.runs.is_empty() {
            return Ok(Err("no run here is of this set"));
        }
        let mut why = "no run here shows this response to this case";
        for at in 0..self.runs.len() {
            for candidate in self.candidates(at, from)? {
                let Some(run) = self.runs.get(at) else { continue };
                let Some(column) = self.column(run, candidate, column, question)? else {
                    why = "no run here asks this question in this wording of this response";
                    continue;
                };
                let run = run.id.clone();
                let drawn = self.is_drawn(&run)?;
                return Ok(Ok(Home { run, item: candidate, column, drawn }));
            }
        }
        Ok(Err(why))
    }

    /// Items of a run that may be this one: of its case, its own place and arm before others.
    fn candidates(&mut self, at: usize, from: &PackedItem) -> Result<Vec<u32>> {
        let Some(run) = self.runs.get(at) else { return Ok(Vec::new()) };
        let by_case = match self.items.entry(run.id.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let mut by_case: HashMap<String, Vec<RunItem>> = HashMap::new();
                for item in self.store.run_items(&run.id)? {
                    by_case.entry(item.case_id.clone()).or_default().push(item);
                }
                unknown.insert(by_case)
            }
        };
        let own = run.id == self.info.run;
        let mut found: Vec<&RunItem> = by_case.get(&from.case).into_iter().flatten().collect();
        found.sort_by_key(|item| (!(own && item.ord == from.item), item.arm != from.arm, item.ord));
        let mut items = Vec::new();
        for item in found {
            let shown = judged(&self.store.conn, &run.id, item.ord, 0)?.response;
            if shown.as_deref() == Some(from.response.as_bytes()) {
                items.push(item.ord);
            }
        }
        Ok(items)
    }

    /// The column of a run that asks the question: the one of the same name before others.
    fn column(&self, run: &RunInfo, item: u32, column: u32, question: Option<Digest>) -> Result<Option<u32>> {
        let Some(question) = question else {
            // An item's own question that was never asked is known by its place alone.
            return Ok(Some(column).filter(|_| run.id == self.info.run));
        };
        let name = self.names.get(column as usize);
        let mut columns: Vec<(&String, u32)> = run.criteria.iter().zip(0..).collect();
        columns.sort_by_key(|(own, _)| Some(*own) != name);
        for (name, column) in columns {
            let asked = judged(&self.store.conn, &run.id, item, column)?.version;
            if asked == question.as_bytes() || alike(&asked, name) == question.as_bytes() {
                return Ok(Some(column));
            }
        }
        Ok(None)
    }

    fn is_drawn(&mut self, run: &str) -> Result<bool> {
        if run == self.info.run {
            return Ok(true);
        }
        if let Some(known) = self.drawn.get(run) {
            return Ok(*known);
        }
        let same = pool(&self.store.conn, run)? == self.info.pool;
        self.drawn.insert(run.to_owned(), same);
        Ok(same)
    }
}

/// What keeps a row of a pack from being taken, whatever the registry has.
fn fault(review: &NewReview) -> Option<String> {
    if review.saw_judge || !matches!(review.sampling, Sampling::Random | Sampling::Picked) {
        return Some("it was given with a judge in sight, and a pack has none".to_owned());
    }
    check(review).err().map(|e| e.to_string())
}

impl Store {
    /// Adds the reviews of a pack that are not here yet, each where its response and its question are; the rest is told.
    ///
    /// # Errors
    /// When the registry given is no pack or is damaged, or this one cannot be written; then none was added.
    pub fn take_pack(&mut self, pack: &Self) -> Result<TakenReviews> {
        let info = pack
            .pack_info()?
            .ok_or_else(|| StoreError::Invalid("it is no pack: `assize review pack` makes one".to_owned()))?;
        if let Some(fault) = pack.fsck()?.faults.first() {
            return Err(StoreError::Invalid(format!(
                "the pack is damaged ({}: {}): ask for the file again; nothing was taken",
                fault.place, fault.what
            )));
        }
        let rows = given(&pack.conn, &info.packed_run)?;
        let mut homes = Homes::of(self, pack, &info)?;
        let mut refused: Vec<RefusedReview> = Vec::new();
        let mut placed: Vec<(GivenReview, bool)> = Vec::with_capacity(rows.len());
        let mut left = HashSet::new();
        for mut row in rows {
            let place = (row.review.item, row.review.criterion);
            let home = match fault(&row.review) {
                Some(why) => Err(why),
                None if row.review.undo.is_some_and(|earlier| left.contains(&earlier)) => {
                    Err("what it takes back was refused".to_owned())
                }
                None => homes.find(place.0, place.1)?.map_err(str::to_owned),
            };
            match home {
                Ok(home) => {
                    (row.review.run, row.review.item, row.review.criterion) =
                        (home.run, home.item, home.column);
                    if !home.drawn {
                        row.review.sampling = Sampling::Picked;
                    }
                    placed.push((row, home.drawn));
                }
                Err(why) => {
                    left.insert(row.row);
                    refused.push(RefusedReview { place: homes.place(place.0, place.1), why });
                }
            }
        }
        drop(homes);
        let mut taken = self.write(|conn| add(conn, placed))?;
        (taken.reviewer, taken.refused) = (info.reviewer, refused);
        Ok(taken)
    }
}

/// Adds what is not here, in the order in which it was given.
fn add(conn: &Connection, placed: Vec<(GivenReview, bool)>) -> Result<TakenReviews> {
    let mut here: HashMap<Vec<u8>, i64> = HashMap::new();
    let mut stmt = conn.prepare("SELECT named, id FROM review WHERE named IS NOT NULL")?;
    let mut rows = stmt.query([])?;
    while let Some(row) = rows.next()? {
        here.insert(row.get(0)?, row.get(1)?);
    }
    let mut taken = TakenReviews::default();
    let mut runs: BTreeMap<String, ()> = BTreeMap::new();
    let mut numbers: HashMap<i64, i64> = HashMap::new();
    let mut met: HashSet<i64> = HashSet::new();
    for (GivenReview { row, id, at, mut review }, _) in placed {
        review.undo = review.undo.and_then(|earlier| numbers.get(&earlier).copied()).or(review.undo);
        let known = match here.get(&id) {
            Some(known) => Some(*known),
            None => twin(conn, &review, &at, &met)?,
        };
        let number = match known {
            Some(number) => {
                taken.known += 1;
                number
            }
            None => {
                taken.new += 1;
                let drawn = review.sampling == Sampling::Random && review.undo.is_none();
                taken.random += usize::from(drawn && review.score.is_some());
                runs.insert(review.run.clone(), ());
                insert_given(conn, &review, GivenElsewhere { at: Some(&at), id: Some(&id) })?
            }
        };
        met.insert(number);
        numbers.insert(row, number);
    }
    taken.runs = runs.into_keys().collect();
    Ok(taken)
}

/// A row that says the same and was given at the same moment: one that came home as lines of an export.
fn twin(conn: &Connection, review: &NewReview, at: &str, met: &HashSet<i64>) -> Result<Option<i64>> {
    let modes = serde_json::to_string(&review.modes).unwrap_or_default();
    let mut stmt = conn.prepare_cached(
        "SELECT id FROM review WHERE run_id = ?1 AND item = ?2 AND criterion = ?3 AND reviewer = ?4 AND at = ?5 AND \
         score IS ?6 AND comment = ?7 AND modes = ?8 AND undone IS ?9 ORDER BY id",
    )?;
    let mut rows = stmt.query(params![
        review.run,
        review.item,
        review.criterion,
        review.reviewer,
        at,
        review.score,
        review.comment,
        modes,
        review.undo
    ])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if !met.contains(&id) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
