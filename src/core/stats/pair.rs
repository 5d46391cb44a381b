//! What two arms got on the same case.

/// What both arms got on one case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Score of A (mean of its repeats); `None` where no verdict was scored.
    pub a: Option<f64>,
    /// Score of B.
    pub b: Option<f64>,
    /// The source the case shares with others, if it shares one.
    pub cluster: Option<u32>,
}
