//! One cell of a table: many worlds on all cores, the same ones whatever the number of cores.

use assize::core::stats::bounded::Ends;
use assize::core::stats::rng::Rng;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What one world came to.
#[derive(Clone, Copy, Default)]
pub struct World {
    /// What the interval should hold.
    pub truth: f64,
    /// Ends that no interval may pass.
    pub scale: Ends,
    /// Our interval; `None` where it is refused.
    pub ours: Option<Ends>,
    /// The plain method's.
    pub twin: Option<Ends>,
    /// Whether a gate at exactly the true drop passes: ours, and by the plain method's lower limit.
    pub passed: Option<(bool, bool)>,
}

/// Sums over the worlds of one cell.
#[derive(Default, Clone, Copy, Debug)]
pub struct Cell {
    worlds: usize,
    given: usize,
    held: usize,
    held_twin: usize,
    width: f64,
    width_twin: f64,
    gated: usize,
    passed: usize,
    passed_twin: usize,
    /// Intervals of ours that leave the scale or have no width.
    pub wrong: usize,
}

fn share(hits: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| hits as f64 / of as f64)
}

impl Cell {
    fn add(&mut self, world: &World) {
        let holds = |(lo, hi): Ends| lo <= world.truth + 1e-9 && world.truth <= hi + 1e-9;
        self.worlds += 1;
        if let Some((lo, hi)) = world.ours {
            self.given += 1;
            self.held += usize::from(holds((lo, hi)));
            self.width += hi - lo;
            let outside = lo < world.scale.0 - 1e-9 || hi > world.scale.1 + 1e-9;
            self.wrong += usize::from(outside || hi - lo < 1e-9);
        }
        if let Some((lo, hi)) = world.twin {
            self.held_twin += usize::from(holds((lo, hi)));
            self.width_twin += hi - lo;
        }
        if let Some((ours, twin)) = world.passed {
            self.gated += 1;
            self.passed += usize::from(ours);
            self.passed_twin += usize::from(twin);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.given += other.given;
        self.held += other.held;
        self.held_twin += other.held_twin;
        self.width += other.width;
        self.width_twin += other.width_twin;
        self.gated += other.gated;
        self.passed += other.passed;
        self.passed_twin += other.passed_twin;
        self.wrong += other.wrong;
    }

    /// Intervals given, and how many of them hold the truth.
    pub fn counts(&self) -> (usize, usize) {
        (self.given, self.held)
    }

    /// Of the intervals given, the share that holds the truth; `None` where all were refused.
    pub fn held(&self) -> Option<f64> {
        share(self.held, self.given)
    }

    /// Of all worlds, the share in which the plain method's interval holds it; none is a miss.
    pub fn held_twin(&self) -> f64 {
        share(self.held_twin, self.worlds).unwrap_or_default()
    }

    /// Share of worlds without an interval.
    pub fn refused(&self) -> f64 {
        1.0 - share(self.given, self.worlds).unwrap_or_default()
    }

    /// Mean width.
    pub fn width(&self) -> f64 {
        self.width / self.given.max(1) as f64
    }

    /// Mean width over that of the plain method.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.width() / (self.width_twin / self.worlds as f64))
            .filter(|r| r.is_finite() && self.given > 0)
    }

    /// Share of gates that pass; `None` where there was none.
    pub fn passed(&self) -> Option<f64> {
        share(self.passed, self.gated)
    }

    /// The same by the plain method's lower limit.
    pub fn passed_twin(&self) -> Option<f64> {
        share(self.passed_twin, self.gated)
    }
}

/// Worlds drawn together from one seed.
const BLOCK: usize = 10;

/// `worlds` of them from `seed`, rounded up to whole blocks.
pub fn run(worlds: usize, seed: u64, draw: impl Fn(&mut Rng) -> World + Sync) -> Cell {
    let blocks = worlds.div_ceil(BLOCK);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(vec![Cell::default(); blocks]));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let block = next.fetch_add(1, Ordering::Relaxed);
                    if block >= blocks {
                        break;
                    }
                    let mut rng = Rng::seeded(seed.wrapping_mul(1_000_003).wrapping_add(block as u64));
                    let mut cell = Cell::default();
                    (0..BLOCK).for_each(|_| cell.add(&draw(&mut rng)));
                    if let Some(place) = done.lock().ok().as_mut().and_then(|d| d.get_mut(block)) {
                        *place = cell;
                    }
                }
            });
        }
    });
    let mut total = Cell::default();
    done.into_inner().unwrap_or_default().iter().for_each(|cell| total.merge(cell));
    total
}
