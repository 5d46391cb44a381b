//! Chat prompts compared message by message.

use super::rows::Diff;
use super::words::Bag;

/// Two messages that stand for each other, or one that stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageDiff {
    /// The left message's role; absent when the message was added.
    pub role_left: Option<String>,
    /// The right message's role; absent when the message was removed.
    pub role_right: Option<String>,
    /// Their texts compared; a missing message is an empty text.
    pub diff: Diff,
}

impl MessageDiff {
    /// Whether role and text are the same.
    pub fn is_equal(&self) -> bool {
        self.role_left == self.role_right && self.diff.is_equal()
    }
}

/// Above this many pairs of messages they are compared in their order, one by one.
const MAX_PAIRS: usize = 40_000;
/// Messages of unlike roles are the same message only when their texts are at least this alike.
const SAME_TEXT: f32 = 0.6;
/// What an equal role is worth beside the texts' similarity, 0 to 1.
const SAME_ROLE: f32 = 0.3;

/// Compares two chats, given as (role, text). Messages pair up in order, by role and by how alike their
/// texts are; each message is in exactly one result.
pub fn diff_messages(left: &[(&str, &str)], right: &[(&str, &str)]) -> Vec<MessageDiff> {
    let make = |left: Option<&(&str, &str)>, right: Option<&(&str, &str)>| MessageDiff {
        role_left: left.map(|message| message.0.to_owned()),
        role_right: right.map(|message| message.0.to_owned()),
        diff: Diff::new(left.map_or("", |message| message.1), right.map_or("", |message| message.1)),
    };
    let mut out = Vec::new();
    let (mut i, mut j) = (0, 0);
    let pairs = if left.len() * right.len() <= MAX_PAIRS { pair(left, right) } else { in_order(left, right) };
    for (next_left, next_right) in pairs.into_iter().chain([(left.len(), right.len())]) {
        out.extend(left.iter().take(next_left).skip(i).map(|message| make(Some(message), None)));
        out.extend(right.iter().take(next_right).skip(j).map(|message| make(None, Some(message))));
        if let (Some(a), Some(b)) = (left.get(next_left), right.get(next_right)) {
            out.push(make(Some(a), Some(b)));
        }
        (i, j) = (next_left + 1, next_right + 1);
    }
    out
}

fn in_order(left: &[(&str, &str)], right: &[(&str, &str)]) -> Vec<(usize, usize)> {
    (0..left.len().min(right.len())).map(|i| (i, i)).collect()
}

/// The in-order pairing with the greatest sum of scores.
fn pair(left: &[(&str, &str)], right: &[(&str, &str)]) -> Vec<(usize, usize)> {
    let bags = |side: &[(&str, &str)]| side.iter().map(|message| Bag::new(message.1)).collect::<Vec<_>>();
    let (left_bags, right_bags) = (bags(left), bags(right));
    let score = |i: usize, j: usize| -> f32 {
        let (Some(a), Some(b)) = (left.get(i), right.get(j)) else { return 0.0 };
        let alike = match (left_bags.get(i), right_bags.get(j)) {
            (Some(a), Some(b)) => a.similarity(b),
            _ => 0.0,
        };
        match a.0 == b.0 {
            true => SAME_ROLE + alike,
            false if alike >= SAME_TEXT => alike,
            false => 0.0,
        }
    };
    let columns = right.len() + 1;
    let mut best = vec![0f32; (left.len() + 1) * columns];
    let at = |best: &[f32], i: usize, j: usize| best.get(i * columns + j).copied().unwrap_or(0.0);
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            let skip = at(&best, i + 1, j).max(at(&best, i, j + 1));
            let sum = at(&best, i + 1, j + 1) + score(i, j);
            if let Some(cell) = best.get_mut(i * columns + j) {
                *cell = skip.max(sum);
            }
        }
    }
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        let here = score(i, j);
        if here > 0.0 && at(&best, i, j) <= at(&best, i + 1, j + 1) + here {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if at(&best, i, j) <= at(&best, i + 1, j) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}
