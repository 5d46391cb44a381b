//! What a grid holds: one small face per verdict key, and the rows made of them.
//!
//! ```text
//! items + cells -> Board (a flat vector: item, criterion, repeat) --set(face)--> tally, kept as it changes
//! items + arms  -> Sheet (rows, one item per arm) --order(sort, filter)--> the rows on the screen
//! ```

use crate::core::rubric::Scale;
use crate::core::text;
use crate::core::verdict::VerdictState;
use crate::store::{Cell, ReviewInfo, RunInfo, RunItem};
use std::collections::{BTreeMap, HashMap};

/// What a cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Nothing was asked yet.
    Planned,
    /// Asked, no answer yet.
    InFlight,
    /// A score.
    Scored(u8),
    /// Why there is no score.
    Failed(VerdictState),
}

impl Face {
    /// Of a stored verdict.
    pub fn of(cell: &Cell) -> Self {
        match (cell.state, cell.score) {
            (VerdictState::Scored, Some(score)) => Self::Scored(score),
            (VerdictState::Scored, None) => Self::Failed(VerdictState::Unparseable),
            (state, _) => Self::Failed(state),
        }
    }

    /// The one character of the cell where the criterion is answered on this scale.
    pub fn sign_on(self, scale: &Scale) -> char {
        match self {
            Self::Scored(level) => scale.sign(level),
            other => other.sign(),
        }
    }

    /// The one character of the cell.
    pub fn sign(self) -> char {
        match self {
            Self::Planned => '·',
            Self::InFlight => '~',
            Self::Scored(score) => char::from_digit(u32::from(score), 10).unwrap_or('?'),
            Self::Failed(state) => state.sign(),
        }
    }
}

/// All cells of a run, found by arithmetic.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    columns: usize,
    repeats: usize,
    faces: Vec<Face>,
    done: usize,
    in_flight: usize,
    failed: BTreeMap<VerdictState, usize>,
    /// Imported verdicts plan what they hold.
    imported: bool,
    /// The columns that figures over several criteria are made of, and the scale that these have in common.
    together: Option<(Vec<usize>, Scale)>,
}

impl Board {
    /// A board on which everything is planned.
    pub fn new(items: usize, columns: usize, repeats: usize) -> Self {
        let faces = vec![Face::Planned; items * columns * repeats];
        Self {
            columns,
            repeats,
            faces,
            done: 0,
            in_flight: 0,
            failed: BTreeMap::new(),
            imported: false,
            together: None,
        }
    }

    /// Where a key lies; `None` outside the plan.
    pub fn index(&self, item: u32, criterion: u32, repeat: u32) -> Option<usize> {
        let (item, criterion, repeat) = (item as usize, criterion as usize, repeat as usize);
        let inside = criterion < self.columns && repeat < self.repeats;
        let at = (item * self.columns + criterion) * self.repeats + repeat;
        (inside && at < self.faces.len()).then_some(at)
    }

    /// Changes a cell; the one it was.
    pub fn set(&mut self, at: usize, face: Face) {
        let Some(place) = self.faces.get_mut(at) else { return };
        match std::mem::replace(place, face) {
            Face::Planned => {}
            Face::InFlight => self.in_flight -= 1,
            Face::Scored(_) => self.done -= 1,
            Face::Failed(state) => {
                self.done -= 1;
                if let Some(n) = self.failed.get_mut(&state) {
                    *n -= 1;
                }
            }
        }
        match face {
            Face::Planned => {}
            Face::InFlight => self.in_flight += 1,
            Face::Scored(_) => self.done += 1,
            Face::Failed(state) => {
                self.done += 1;
                *self.failed.entry(state).or_default() += 1;
            }
        }
    }

    /// Puts a stored verdict on the board.
    pub fn put(&mut self, cell: &Cell) {
        if let Some(at) = self.index(cell.item, cell.criterion, cell.repeat) {
            self.set(at, Face::of(cell));
        }
    }

    /// What has a state, as the registry has it.
    pub fn cells(&self) -> Vec<Cell> {
        let each = (self.columns * self.repeats).max(1);
        let at = |(at, face): (usize, &Face)| {
            let (state, score) = match face {
                Face::Planned | Face::InFlight => return None,
                Face::Scored(score) => (VerdictState::Scored, Some(*score)),
                Face::Failed(state) => (*state, None),
            };
            let (item, criterion, repeat) =
                (at / each, at % each / self.repeats.max(1), at % self.repeats.max(1));
            let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            Some(Cell {
                item: place(item),
                criterion: place(criterion),
                repeat: place(repeat),
                state,
                score,
                flagged: false,
            })
        };
        self.faces.iter().enumerate().filter_map(at).collect()
    }

    /// The columns that may be averaged together: nothing is averaged across scales.
    fn together(&self) -> impl Iterator<Item = usize> {
        let all = self.together.is_none().then_some(0..self.columns);
        let some = self.together.iter().flat_map(|(columns, _)| columns.iter().copied());
        all.into_iter().flatten().chain(some)
    }

    /// The passes of one item on one criterion.
    pub fn passes(&self, item: u32, criterion: usize) -> &[Face] {
        let start = (item as usize * self.columns + criterion) * self.repeats;
        if criterion >= self.columns {
            return &[];
        }
        self.faces.get(start..start + self.repeats).unwrap_or(&[])
    }

    /// The mean of the scored passes.
    pub fn score(&self, item: u32, criterion: usize) -> Option<f64> {
        let (mut sum, mut n) = (0.0, 0);
        for face in self.passes(item, criterion) {
            if let Face::Scored(score) = face {
                sum += f64::from(*score);
                n += 1;
            }
        }
        (n > 0).then(|| sum / f64::from(n))
    }

    /// The greatest difference between two passes.
    fn spread(&self, item: u32, criterion: usize) -> f64 {
        let scores = || {
            self.passes(item, criterion).iter().filter_map(|f| match f {
                Face::Scored(score) => Some(f64::from(*score)),
                _ => None,
            })
        };
        scores().reduce(f64::max).zip(scores().reduce(f64::min)).map_or(0.0, |(high, low)| high - low)
    }

    /// How many keys are planned.
    pub fn planned(&self) -> usize {
        if self.imported { self.done + self.in_flight } else { self.faces.len() }
    }

    /// How many have a state.
    pub fn done(&self) -> usize {
        self.done
    }

    /// How many are being asked.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many failed, by state.
    pub fn failed(&self) -> impl Iterator<Item = (VerdictState, usize)> {
        self.failed.iter().filter(|(_, n)| **n > 0).map(|(state, n)| (*state, *n))
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many passes per column.
    pub fn repeats(&self) -> usize {
        self.repeats
    }
}

/// One row: its name, and its item in each group.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The case, with its arm where one group holds several.
    pub label: String,
    /// One for each group; absent where the arm has no response to this case.
    pub items: Vec<Option<u32>>,
}

/// The rows of a grid.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    /// Names of the groups of columns: the arms, when they answered the same cases; else one without a name.
    pub groups: Vec<String>,
    /// In the order of the plan.
    pub rows: Vec<Row>,
    /// Columns that the longest label fills, at most 28.
    pub label_width: usize,
}

impl Sheet {
    /// A row per item for one arm; a row per case with a group per arm, when several arms answered the same cases.
    pub fn new(items: &[RunItem], arms: &[String]) -> Self {
        let mut places: HashMap<(&str, u32), usize> = HashMap::new();
        let mut rows: Vec<Row> = Vec::new();
        let by_arm: HashMap<&str, usize> =
            arms.iter().enumerate().map(|(i, arm)| (arm.as_str(), i)).collect();
        for item in items {
            let key = (item.case_id.as_str(), item.repeat);
            let at = *places.entry(key).or_insert_with(|| {
                rows.push(Row { label: label(item), items: vec![None; arms.len().max(1)] });
                rows.len() - 1
            });
            let group = by_arm.get(item.arm.as_str()).copied().unwrap_or(0);
            rows[at].items[group] = Some(item.ord);
        }
        if arms.len() > 1 && rows.len() < items.len() {
            return Self::of(arms.to_vec(), rows);
        }
        let several = arms.len() > 1;
        let one = |item: &RunItem| Row {
            label: if several { format!("{} · {}", label(item), item.arm) } else { label(item) },
            items: vec![Some(item.ord)],
        };
        Self::of(vec![String::new()], items.iter().map(one).collect())
    }

    fn of(groups: Vec<String>, rows: Vec<Row>) -> Self {
        let widest = rows.iter().map(|r| text::width(&text::escape_line(&r.label))).max().unwrap_or(0);
        Self { groups, rows, label_width: widest.clamp(8, 28) }
    }

    /// The change of a row from its first to its last arm, over the criteria that both have; only with two arms.
    pub fn change(&self, row: &Row, board: &Board) -> Option<f64> {
        let [Some(a), Some(b)] = row.items[..] else { return None };
        let both: Vec<f64> =
            board.together().filter_map(|c| Some(board.score(b, c)? - board.score(a, c)?)).collect();
        let scale = board.together.as_ref().map_or(&Scale::OneToFive, |(_, scale)| scale);
        scale.difference(crate::core::stats::mean::mean(&both)?)
    }
}

fn label(item: &RunItem) -> String {
    if item.repeat == 0 { item.case_id.clone() } else { format!("{} #{}", item.case_id, item.repeat + 1) }
}

/// How rows are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// As planned.
    #[default]
    Planned,
    /// Lowest scores first.
    Lowest,
    /// The second arm's greatest loss against the first one first.
    Drop,
    /// Passes, or judge and people, farthest apart first.
    Disagreement,
}

impl Sort {
    /// The one that follows; `Drop` only where there are two arms.
    pub fn next(self, two_arms: bool) -> Self {
        match self {
            Self::Planned => Self::Lowest,
            Self::Lowest if two_arms => Self::Drop,
            Self::Lowest | Self::Drop => Self::Disagreement,
            Self::Disagreement => Self::Planned,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Planned => "as planned",
            Self::Lowest => "lowest first",
            Self::Drop => "largest drop first",
            Self::Disagreement => "most disagreement first",
        }
    }
}

/// Scores by people, by item and criterion.
pub type Human = HashMap<(u32, u32), Vec<u8>>;

/// Collects the scores of reviews in force: of each person the last, which may come after a blind one.
pub fn human(reviews: &[ReviewInfo]) -> Human {
    let mut last: BTreeMap<(u32, u32, &str), (i64, u8)> = BTreeMap::new();
    for info in reviews {
        let review = &info.review;
        let place = (review.item, review.criterion, review.reviewer.as_str());
        if let Some(score) = review.score.filter(|_| last.get(&place).is_none_or(|(id, _)| *id < info.id)) {
            last.insert(place, (info.id, score));
        }
    }
    let mut human = Human::new();
    for ((item, criterion, _), (_, score)) in last {
        human.entry((item, criterion)).or_default().push(score);
    }
    human
}

/// How far people are from the judge on a cell; `None` where one of them has not scored it.
pub fn gap(board: &Board, human: &Human, item: u32, criterion: usize) -> Option<f64> {
    let scores = human.get(&(item, u32::try_from(criterion).ok()?))?;
    let people = scores.iter().map(|s| f64::from(*s)).sum::<f64>() / scores.len() as f64;
    Some((people - board.score(item, criterion)?).abs())
}

/// The rows to show, in order. Ties keep the order of the plan.
pub fn order(sheet: &Sheet, board: &Board, human: &Human, sort: Sort, failures_only: bool) -> Vec<u32> {
    let failing = |row: &Row| {
        row.items.iter().flatten().any(|item| {
            (0..board.columns()).any(|c| board.passes(*item, c).iter().any(|f| matches!(f, Face::Failed(_))))
        })
    };
    let mut rows: Vec<(u32, f64)> = sheet
        .rows
        .iter()
        .enumerate()
        .filter(|(_, row)| !failures_only || failing(row))
        .map(|(at, row)| (at as u32, weight(sheet, row, board, human, sort)))
        .collect();
    rows.sort_by(|a, b| a.1.total_cmp(&b.1));
    rows.into_iter().map(|(at, _)| at).collect()
}

/// Small comes first.
fn weight(sheet: &Sheet, row: &Row, board: &Board, human: &Human, sort: Sort) -> f64 {
    let cells = || row.items.iter().flatten().flat_map(|item| (0..board.columns()).map(move |c| (*item, c)));
    match sort {
        Sort::Planned => 0.0,
        Sort::Lowest => {
            let of_one_scale =
                |item: &u32| board.together().filter_map(|c| board.score(*item, c)).collect::<Vec<_>>();
            let scores: Vec<f64> = row.items.iter().flatten().flat_map(of_one_scale).collect();
            crate::core::stats::mean::mean(&scores).unwrap_or(f64::INFINITY)
        }
        Sort::Drop => sheet.change(row, board).unwrap_or(f64::INFINITY),
        Sort::Disagreement => {
            let apart = |(item, c)| board.spread(item, c).max(gap(board, human, item, c).unwrap_or(0.0));
            -cells().map(apart).fold(0.0, f64::max)
        }
    }
}

/// The columns answered by scores; where there are none, those of pass or fail. `None` where all are answered by scores.
fn together(run: &RunInfo) -> Option<(Vec<usize>, Scale)> {
    let scales: Vec<Scale> = (0..).zip(&run.criteria).map(|(column, _)| run.scale(column)).collect();
    if scales.iter().all(Scale::is_scores) {
        return None;
    }
    let scale = if scales.iter().any(Scale::is_scores) { Scale::OneToFive } else { Scale::PassFail };
    Some((scales.iter().enumerate().filter(|(_, s)| **s == scale).map(|(at, _)| at).collect(), scale))
}

/// Board and rows of a run as stored.
pub fn assemble(run: &RunInfo, items: &[RunItem], cells: &[Cell]) -> (Board, Sheet) {
    let mut board = Board::new(items.len(), run.criteria.len(), run.spec.repeats.max(1) as usize);
    board.imported = run.imported;
    board.together = together(run);
    for cell in cells {
        board.put(cell);
    }
    (board, Sheet::new(items, &run.arms))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn item(ord: u32, case: &str, arm: &str) -> RunItem {
        RunItem {
            ord,
            case_id: case.into(),
            arm: arm.into(),
            set_id: 1,
            repeat: 0,
            cluster: None,
            tags: Vec::new(),
        }
    }

    pub fn scored(item: u32, criterion: u32, repeat: u32, score: u8) -> Cell {
        Cell { item, criterion, repeat, state: VerdictState::Scored, score: Some(score), flagged: false }
    }

    #[test]
    fn every_key_has_a_place_of_its_own_and_none_outside() {
        let board = Board::new(7, 3, 2);
        let mut seen = std::collections::HashSet::new();
        for item in 0..7 {
            for criterion in 0..3 {
                for repeat in 0..2 {
                    assert!(seen.insert(board.index(item, criterion, repeat).unwrap()));
                }
            }
        }
        assert_eq!(seen.len(), board.planned());
        for (item, criterion, repeat) in [(7, 0, 0), (0, 3, 0), (0, 0, 2), (u32::MAX, 0, 0)] {
            assert_eq!(board.index(item, criterion, repeat), None);
        }
    }

    #[test]
    fn the_tally_follows_every_change() {
        let mut board = Board::new(2, 1, 2);
        board.set(0, Face::InFlight);
        assert_eq!((board.done(), board.in_flight()), (0, 1));
        board.put(&scored(0, 0, 0, 4));
        let failed = Cell { state: VerdictState::Truncated, score: None, ..scored(0, 0, 1, 0) };
        board.put(&failed);
        assert_eq!((board.done(), board.in_flight()), (2, 0));
        assert_eq!(board.failed().collect::<Vec<_>>(), [(VerdictState::Truncated, 1)]);
        assert_eq!(board.score(0, 0), Some(4.0), "a failure is no number");
        // A retry that succeeds takes the failure's place.
        board.set(1, Face::InFlight);
        board.put(&scored(0, 0, 1, 2));
        assert_eq!(board.failed().count(), 0);
        assert_eq!((board.done(), board.score(0, 0)), (2, Some(3.0)));
        assert_eq!(board.passes(9, 0), []);
        // What has a state comes out as it went in; what is asked for or planned does not.
        let mut board = Board::new(2, 3, 2);
        let put = [scored(0, 0, 1, 4), scored(0, 2, 0, 1), Cell { item: 1, criterion: 1, ..failed }];
        put.iter().for_each(|cell| board.put(cell));
        board.set(0, Face::InFlight);
        assert_eq!(board.cells(), put);
    }

    #[test]
    fn rows_are_items_for_one_arm_and_cases_for_several() {
        let one = Sheet::new(&[item(0, "a", "x"), item(1, "b", "x")], &["x".into()]);
        assert_eq!((one.rows.len(), one.groups.len()), (2, 1));
        let items = [item(0, "a", "x"), item(1, "b", "x"), item(2, "a", "y")];
        let two = Sheet::new(&items, &["x".into(), "y".into()]);
        assert_eq!(two.groups, ["x", "y"]);
        assert_eq!(two.rows[0].items, [Some(0), Some(2)]);
        assert_eq!(two.rows[1].items, [Some(1), None]);
        // Arms that share no case stand below each other, each row naming its arm.
        let apart = Sheet::new(&[item(0, "a", "x"), item(1, "b", "y")], &["x".into(), "y".into()]);
        assert_eq!(apart.groups.len(), 1);
        assert_eq!(apart.rows[1].label, "b · y");
    }

    #[test]
    fn orders_keep_the_plan_among_equals_and_unscored_rows_come_last() {
        let items: Vec<RunItem> = (0..4).map(|i| item(i, &format!("c{i}"), "x")).collect();
        let sheet = Sheet::new(&items, &["x".into()]);
        let mut board = Board::new(4, 1, 2);
        for (i, a, b) in [(0, 4, 4), (1, 2, 2), (3, 1, 5)] {
            board.put(&scored(i, 0, 0, a));
            board.put(&scored(i, 0, 1, b));
        }
        let mut people = Human::new();
        let by = |sort, people: &Human| order(&sheet, &board, people, sort, false);
        assert_eq!(by(Sort::Planned, &people), [0, 1, 2, 3]);
        assert_eq!(by(Sort::Lowest, &people), [1, 3, 0, 2]);
        assert_eq!(by(Sort::Disagreement, &people), [3, 0, 1, 2]);
        people.insert((1, 0), vec![5]);
        assert_eq!(by(Sort::Disagreement, &people), [3, 1, 0, 2]);
        assert_eq!(gap(&board, &people, 1, 0), Some(3.0));
        assert!(order(&sheet, &board, &people, Sort::Planned, true).is_empty());
        board.put(&Cell { state: VerdictState::Refused, score: None, ..scored(2, 0, 0, 0) });
        assert_eq!(order(&sheet, &board, &people, Sort::Planned, true), [2]);
    }

    #[test]
    fn the_largest_drop_comes_first_with_two_arms() {
        let items = [item(0, "a", "x"), item(1, "b", "x"), item(2, "a", "y"), item(3, "b", "y")];
        let sheet = Sheet::new(&items, &["x".into(), "y".into()]);
        let mut board = Board::new(4, 1, 1);
        for (i, score) in [(0, 4), (1, 5), (2, 4), (3, 2)] {
            board.put(&scored(i, 0, 0, score));
        }
        assert_eq!(order(&sheet, &board, &Human::new(), Sort::Drop, false), [1, 0]);
        assert_eq!(sheet.change(&sheet.rows[1], &board), Some(-3.0));
        // Nothing is averaged across scales; a change of passes is a share.
        board.together = Some((vec![0], Scale::PassFail));
        let first = board
            .score(sheet.rows[1].items[1].unwrap(), 0)
            .zip(board.score(sheet.rows[1].items[0].unwrap(), 0));
        assert_eq!(sheet.change(&sheet.rows[1], &board), first.map(|(b, a)| (b - a) / 4.0));
        board.together = Some((vec![], Scale::PassFail));
        assert_eq!(sheet.change(&sheet.rows[1], &board), None);
    }
}
