//! Whole commands, timed in turn: A B A B, so that a machine that slows down slows both.

use std::process::{Command, Stdio};
use std::time::Instant;

/// Milliseconds of one run.
pub fn once(command: &mut Command) -> f64 {
    let begun = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let took = begun.elapsed().as_secs_f64() * 1e3;
    // diff tells a difference by 1.
    assert!(status.code().is_some_and(|c| c <= 1), "{command:?}: {status}");
    took
}

/// The value below which a share of the values lie.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Medians in milliseconds of several commands, each run `n` times in turn after one that does not count.
pub fn in_turn(n: usize, commands: &mut [Command]) -> Vec<f64> {
    let mut times = vec![Vec::new(); commands.len()];
    for round in 0..=n {
        for (command, times) in commands.iter_mut().zip(&mut times) {
            let took = once(command);
            if round > 0 {
                times.push(took);
            }
        }
    }
    times.iter().map(|t| median(t)).collect()
}
