//! What is there to say of a run, or of two arms, to somebody who will never open the registry?
//!
//! ```text
//! run  -> Gridded -> Coverage, comparison of its arms, agreement, worst items, failure modes, failures -> RunReport
//! arms -> Pairs   -> Versus; of each run behind it: agreement; largest drops, failure modes, failures  -> ArmsReport
//! ```
//! Every figure is that of the question which screens and commands ask; nothing is worked out here. Lists are cut, and say how much
//! was left out. Texts are exact: a surface shows them escaped.

use super::agreement::{self, AgreementFilter, Answer};
use super::comparison::{self, CannotCompare, Field, Narrow, PairOf, Pairs, Versus};
use super::coverage::Coverage;
use super::grid::Gridded;
use super::noise;
use crate::core::rubric::Scale;
use crate::core::stats::item_discrimination::Doubt;
use crate::core::verdict::VerdictState;
use crate::eval::compare::Flip;
use crate::eval::modes::{FailureMode, pareto};
use crate::eval::{self, CheckSummary, Noise};
use crate::store::{Cell, FullItem, Result, ReviewInfo, RunInfo, Store};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Items that are shown with their texts, over all criteria.
pub const SHOWN_ITEMS: usize = 16;
/// With more arms than this, pairs are not compared: every pair takes resampling, and nobody reads hundreds.
pub const COMPARED_ARMS: usize = 6;
/// Runs behind a comparison that are looked into for agreement, the newest first.
const LOOKED_INTO: usize = 4;

/// All that is said of one run.
#[derive(Debug)]
pub struct RunReport {
    /// Means and shares with their coverage, notes, the run itself.
    pub coverage: Coverage,
    /// Criteria, by their place, that say nothing.
    pub doubts: Vec<(usize, Doubt)>,
    /// Models that say they answered.
    pub models: Vec<String>,
    /// The judge against itself, where it judged more than once; by column.
    pub noise: Vec<Noise>,
    /// The second arm against the first, where there are two.
    pub versus: Option<Versus>,
    /// Every pair of three and more arms, up to [`COMPARED_ARMS`].
    pub pairs: Vec<PairOf>,
    /// Judge and people.
    pub people: PeopleReport,
    /// The lowest items, by criterion.
    pub worst: Vec<Worst>,
    /// What reviewers tagged.
    pub modes: Vec<FailureMode>,
    /// Verdicts without a score.
    pub failures: Vec<Failure>,
    /// What is checked without a judge.
    pub checks: Vec<CheckSummary>,
}

/// All that is said of two arms.
pub struct ArmsReport {
    /// What was paired.
    pub pairs: Pairs,
    /// What it comes to.
    pub versus: Versus,
    /// The runs whose verdicts count, oldest first.
    pub runs: Vec<RunInfo>,
    /// Judge and people in these runs, the newest first.
    pub people: Vec<(String, PeopleReport)>,
    /// The largest drops, by criterion.
    pub drops: Vec<Drops>,
    /// What reviewers tagged on either arm.
    pub modes: Vec<FailureMode>,
    /// Verdicts without a score.
    pub failures: Vec<Failure>,
}

/// How far judge and people agree in a run.
#[derive(Debug, Default)]
pub struct PeopleReport {
    /// How many people gave a score.
    pub reviewers: usize,
    /// By criterion with a score by people beside the judge's.
    pub agreed: Vec<AgreedOn>,
}

/// How far they agree on one criterion.
#[derive(Debug)]
pub struct AgreedOn {
    /// The criterion.
    pub name: String,
    /// On which it is answered.
    pub scale: Scale,
    /// The figures.
    pub answer: Answer,
}

/// The lowest items of one criterion.
#[derive(Debug)]
pub struct Worst {
    /// The criterion.
    pub name: String,
    /// On which it is answered.
    pub scale: Scale,
    /// Lowest first; of equal ones in the order of the run.
    pub items: Vec<ShownItem>,
    /// Items below the highest level that are not shown.
    pub left_out: usize,
}

/// The cases of one criterion on which B is lower than A.
#[derive(Debug)]
pub struct Drops {
    /// The criterion, as the comparison names its row.
    pub name: String,
    /// On which it is answered.
    pub scale: Scale,
    /// The largest drop first: the change, then A's item and B's, where a run still shows them.
    pub cases: Vec<(Flip, [Option<ShownItem>; 2])>,
    /// Drops that are not shown.
    pub left_out: usize,
}

/// One item with its texts and what was said of it.
#[derive(Debug)]
pub struct ShownItem {
    /// The case.
    pub case: String,
    /// The arm's full name.
    pub arm: String,
    /// The mean of its scored passes, a level.
    pub level: f64,
    /// The judge's reasons, one for each scored pass.
    pub reasons: Vec<Reason>,
    /// What people said.
    pub people: Vec<PersonSaid>,
    /// The prompt, where it is known.
    pub prompt: Option<String>,
    /// The response, where there is one.
    pub response: Option<String>,
}

/// What a judge said in one pass.
#[derive(Debug)]
pub struct Reason {
    /// The level it gave.
    pub level: u8,
    /// Why.
    pub explanation: String,
    /// Its quotes of the response.
    pub quotes: Vec<String>,
    /// What is doubtful about it: `quote_not_found` and the like.
    pub flags: Vec<String>,
}

/// What a person said.
#[derive(Debug)]
pub struct PersonSaid {
    /// The level, where one was given.
    pub level: Option<u8>,
    /// Free words.
    pub comment: String,
    /// Failure modes.
    pub modes: Vec<String>,
    /// Given with the judge's score in sight.
    pub saw_judge: bool,
}

/// Verdicts that ended in one state without a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The state.
    pub state: VerdictState,
    /// By arm, in the order of the report's arms.
    pub by_arm: Vec<usize>,
}

impl RunReport {
    /// Reads a run by its id or its first digits.
    ///
    /// # Errors
    /// When there is no such run, or several.
    pub fn read(store: &Store, run: &str) -> Result<Self> {
        let grid = Gridded::read(store, run)?;
        let field = || Field::read(store, &grid.run.id);
        let arms = grid.run.arms.len();
        // Scores of several models are not pooled, and so not compared.
        let compared = !grid.notes.is_split;
        let versus = if compared && arms == 2 { Some(field()?.versus(0, 1, None)) } else { None };
        let pairs = if compared && (3..=COMPARED_ARMS).contains(&arms) {
            field()?.every_pair(false)
        } else {
            Vec::new()
        };
        Ok(Self {
            doubts: grid.doubts(),
            models: store.models_returned(&grid.run.id)?,
            noise: noise::of(&grid).unwrap_or_default(),
            versus,
            pairs,
            people: PeopleReport::read(store, &grid.run.id, &grid.reviews)?,
            worst: worst(store, &grid)?,
            modes: pareto(&grid.reviews),
            failures: failures(&grid),
            checks: eval::summarize_checks(&grid.run, &eval::check_run(store, &grid.run)?),
            coverage: Coverage::of(store, grid)?,
        })
    }

    /// The run.
    pub fn run(&self) -> &RunInfo {
        &self.coverage.run
    }
}

impl ArmsReport {
    /// Compares two arms as `run compare` does, and reads what stands behind it.
    ///
    /// # Errors
    /// When they cannot be compared.
    pub fn read(
        store: &Store,
        a: &str,
        b: &str,
        narrow: &Narrow,
    ) -> std::result::Result<Self, CannotCompare> {
        let pairs = comparison::pairs(store, a, b, narrow)?;
        let versus = pairs.versus(None, comparison::DELTA);
        let mut runs = pairs.runs.iter().map(|id| store.run(id)).collect::<Result<Vec<_>>>()?;
        runs.sort_by(|x, y| x.created_at.cmp(&y.created_at));
        let ours = |arm: &str| arm == pairs.names.0 || arm == pairs.names.1;
        let (mut people, mut seen, mut tagged) = (Vec::new(), BTreeSet::new(), Vec::new());
        for run in runs.iter().rev() {
            let reviews = store.reviews(Some(&run.id))?;
            if people.len() < LOOKED_INTO && !reviews.is_empty() {
                people.push((run.id.clone(), PeopleReport::read(store, &run.id, &reviews)?));
            }
            // A review counts in every run that shows its response: here once.
            tagged.extend(reviews.into_iter().filter(|r| ours(&r.arm) && seen.insert(r.id)));
        }
        let drops = drops(store, &runs, &pairs, &versus)?;
        let failures =
            pairs.failed.iter().map(|(state, n)| Failure { state: *state, by_arm: n.to_vec() }).collect();
        Ok(Self { drops, failures, modes: pareto(&tagged), people, runs, versus, pairs })
    }
}

impl PeopleReport {
    fn read(store: &Store, run: &str, reviews: &[ReviewInfo]) -> Result<Self> {
        let scored = reviews.iter().filter(|r| r.review.score.is_some());
        let reviewers = scored.map(|r| r.review.reviewer.as_str()).collect::<BTreeSet<_>>().len();
        if reviewers == 0 {
            return Ok(Self::default());
        }
        let ground = agreement::ground(store, run)?;
        let of = |(column, name): (u32, &String)| AgreedOn {
            name: name.clone(),
            scale: ground.run.scale(column),
            answer: Answer::of(&ground, &AgreementFilter { criterion: column, ..AgreementFilter::default() }),
        };
        let agreed = (0_u32..).zip(&ground.run.criteria).map(of);
        Ok(Self { reviewers, agreed: agreed.filter(|a| !a.answer.agreed.pairs.is_empty()).collect() })
    }
}

/// How many items of each of so many criteria are shown.
fn share_of_each(criteria: usize) -> usize {
    (SHOWN_ITEMS / criteria.max(1)).clamp(1, 5)
}

/// The mean level of each item on a column, in the order of the run.
fn levels(cells: &[Cell], column: u32) -> BTreeMap<u32, f64> {
    let mut sums: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for cell in cells.iter().filter(|c| c.criterion == column) {
        if let (VerdictState::Scored, Some(score)) = (cell.state, cell.score) {
            let sum = sums.entry(cell.item).or_default();
            *sum = (sum.0 + f64::from(score), sum.1 + 1.0);
        }
    }
    sums.into_iter().map(|(item, (sum, n))| (item, sum / n)).collect()
}

fn worst(store: &Store, grid: &Gridded) -> Result<Vec<Worst>> {
    let columns: Vec<(u32, &String, Scale)> = (0_u32..)
        .zip(&grid.run.criteria)
        .map(|(column, name)| (column, name, grid.run.scale(column)))
        // Of two categories neither is worse.
        .filter(|(.., scale)| scale.has_mean())
        .take(SHOWN_ITEMS)
        .collect();
    let each = share_of_each(columns.len());
    let mut found = Vec::new();
    for (column, name, scale) in columns {
        let highest = scale.levels().last().copied().map_or(f64::INFINITY, f64::from);
        let mut low: Vec<(u32, f64)> = levels(&grid.cells, column).into_iter().collect();
        low.retain(|(_, level)| *level < highest);
        low.sort_by(|x, y| x.1.total_cmp(&y.1));
        let left_out = low.len().saturating_sub(each);
        let items = low.into_iter().take(each);
        let items = items
            .map(|(item, _)| shown(store, &grid.run.id, item, column, &grid.reviews))
            .collect::<Result<Vec<_>>>()?;
        found.push(Worst {
            name: name.clone(),
            scale,
            items: items.into_iter().flatten().collect(),
            left_out,
        });
    }
    found.retain(|w| !w.items.is_empty());
    Ok(found)
}

/// An item with what was said of it on a column; nothing where it has no score.
fn shown(
    store: &Store,
    run: &str,
    item: u32,
    column: u32,
    reviews: &[ReviewInfo],
) -> Result<Option<ShownItem>> {
    let reasons: Vec<Reason> = store
        .item_verdicts(run, item)?
        .into_iter()
        .map(|info| info.verdict)
        .filter(|v| v.criterion == column && v.state == VerdictState::Scored)
        .filter_map(|v| {
            let reading = v.reading?;
            Some(Reason {
                level: reading.score,
                explanation: reading.explanation,
                quotes: reading.evidence,
                flags: v.flags,
            })
        })
        .collect();
    if reasons.is_empty() {
        return Ok(None);
    }
    let FullItem { item: place, subject, response } = store.full_item(run, item)?;
    let said = reviews.iter().map(|r| &r.review).filter(|r| r.item == item && r.criterion == column);
    let people = said.map(|r| PersonSaid {
        level: r.score,
        comment: r.comment.clone(),
        modes: r.modes.clone(),
        saw_judge: r.saw_judge,
    });
    Ok(Some(ShownItem {
        case: place.case_id,
        arm: place.arm,
        level: reasons.iter().map(|r| f64::from(r.level)).sum::<f64>() / reasons.len() as f64,
        people: people.collect(),
        reasons,
        prompt: subject.map(|s| s.prompt),
        response: response.and_then(std::result::Result::ok),
    }))
}

/// Verdicts without a score, by state and arm.
fn failures(grid: &Gridded) -> Vec<Failure> {
    let arms: HashMap<&str, usize> = grid.run.arms.iter().enumerate().map(|(i, a)| (a.as_str(), i)).collect();
    let mut found: BTreeMap<VerdictState, Vec<usize>> = BTreeMap::new();
    for cell in grid.cells.iter().filter(|c| c.state != VerdictState::Scored) {
        let counts = found.entry(cell.state).or_insert_with(|| vec![0; arms.len()]);
        let arm = grid.items.get(cell.item as usize).and_then(|i| arms.get(i.arm.as_str()));
        if let Some(n) = arm.and_then(|at| counts.get_mut(*at)) {
            *n += 1;
        }
    }
    found.into_iter().map(|(state, by_arm)| Failure { state, by_arm }).collect()
}

/// The cases of each criterion on which B is lower, each arm's item from the newest run that shows it.
fn drops(store: &Store, runs: &[RunInfo], pairs: &Pairs, versus: &Versus) -> Result<Vec<Drops>> {
    let rows: Vec<_> = pairs.rows.iter().filter(|row| row.scale.has_mean()).take(SHOWN_ITEMS).collect();
    let each = share_of_each(rows.len() * 2);
    let mut found = Vec::new();
    for row in rows {
        let lower: Vec<&Flip> =
            versus.flips.iter().filter(|f| f.criterion == row.name && f.b < f.a).collect();
        let mut cases = Vec::new();
        for flip in lower.iter().take(each) {
            let a = latest(store, runs, flip, &pairs.names.0)?;
            let b = latest(store, runs, flip, &pairs.names.1)?;
            cases.push(((*flip).clone(), [a, b]));
        }
        let left_out = lower.len() - cases.len();
        found.push(Drops { name: row.name.clone(), scale: row.scale.clone(), cases, left_out });
    }
    found.retain(|d| !d.cases.is_empty());
    Ok(found)
}

/// An arm's item of a case, from the newest run that scored it.
fn latest(store: &Store, runs: &[RunInfo], flip: &Flip, arm: &str) -> Result<Option<ShownItem>> {
    // A row of an edited question is named with its version.
    let name = flip.criterion.split_once('@').map_or(flip.criterion.as_str(), |(name, _)| name);
    for run in runs.iter().rev() {
        let Some(column) = run.criteria.iter().position(|c| c == name) else { continue };
        let items = store.run_items(&run.id)?;
        let Some(item) = items.iter().find(|i| i.case_id == flip.case && i.arm == arm) else { continue };
        let reviews = store.reviews(Some(&run.id))?;
        let found = shown(store, &run.id, item.ord, u32::try_from(column).unwrap_or(u32::MAX), &reviews)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
