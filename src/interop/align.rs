//! Which rows of a file a prompt's history holds already.
//!
//! ```text
//! history  r1 A   r2 B   r3 C          a row is known by its key (name, digest, settings, date, author, message,
//! file        A      B      C   D      occurrence), or because it continues the match backwards from the newest
//!          known  known  known new     revision; after the first new row only keys count, so that order is kept
//! ```

use crate::core::digest::{Digest, RowDigest};
use crate::core::prompt::PromptName;
use crate::store::{NewRevision, RevisionInfo};
use std::collections::{HashMap, HashSet};

/// What makes a row the same row when its file is imported again, but for how often it occurred.
pub fn row_key(
    name: &str,
    digest: &Digest,
    settings: &Digest,
    times: (Option<&str>, Option<&str>, Option<&str>),
) -> Digest {
    let (created_at, author, message) = times;
    RowDigest::new("assize.row.1")
        .text(name)
        .bytes(digest.as_bytes())
        .bytes(settings.as_bytes())
        .maybe(created_at, RowDigest::text)
        .maybe(author, RowDigest::text)
        .maybe(message, RowDigest::text)
        .finish()
}

/// The key of the `count`-th (from 0) row with the same contents.
pub fn origin(key: &Digest, count: i64) -> Digest {
    RowDigest::new("assize.origin.1").bytes(key.as_bytes()).int(count).finish()
}

/// Gives each row the key that makes it known when its source is imported again; a row that repeats the one before it of the
/// same prompt is left out, its labels go to that one. With how many were left out.
///
/// # Errors
/// When a row's settings cannot be written as JSON.
pub fn keyed(rows: Vec<NewRevision>) -> Result<(Vec<NewRevision>, usize), serde_json::Error> {
    let mut out: Vec<NewRevision> = Vec::with_capacity(rows.len());
    let mut newest: HashMap<PromptName, usize> = HashMap::new();
    let mut seen: HashMap<Digest, i64> = HashMap::new();
    let mut repeated = 0;
    for mut row in rows {
        let before = newest.get(&row.name).and_then(|at| out.get_mut(*at));
        if let Some(before) = before
            && before.template == row.template
            && before.settings == row.settings
        {
            before.labels.append(&mut row.labels);
            repeated += 1;
            continue;
        }
        if row.origin.is_none() {
            let times = (row.created_at.as_deref(), row.author.as_deref(), row.message.as_deref());
            let settings = row.settings.digest(&row.template)?;
            let key = row_key(row.name.as_str(), &row.template.digest(), &settings, times);
            let count = seen.entry(key).or_insert(0);
            row.origin = Some(origin(&key, *count));
            *count += 1;
        }
        newest.insert(row.name.clone(), out.len());
        out.push(row);
    }
    Ok((out, repeated))
}

/// Which of `rows` (all of one prompt, in order) are in `history` (oldest first) already.
///
/// # Errors
/// When a row's settings cannot be written as JSON.
pub fn known(history: &[RevisionInfo], rows: &[&NewRevision]) -> Result<Vec<bool>, serde_json::Error> {
    let mut counts: HashMap<Digest, i64> = HashMap::new();
    let mut origins: HashSet<Digest> = HashSet::new();
    for info in history {
        let times = (Some(info.created_at.as_str()), info.author.as_deref(), info.message.as_deref());
        let key = row_key(info.name.as_str(), &info.digest, &info.settings_digest, times);
        let count = counts.entry(key).or_insert(0);
        origins.insert(origin(&key, *count));
        *count += 1;
    }
    let settings = rows.iter().map(|r| r.settings.digest(&r.template)).collect::<Result<Vec<_>, _>>()?;
    let mut continues = vec![false; rows.len()];
    let mut next = history.len();
    for (flag, digest) in continues.iter_mut().zip(&settings).rev() {
        let before = next.checked_sub(1).and_then(|i| history.get(i));
        if before.is_some_and(|info| info.settings_digest == *digest) {
            *flag = true;
            next -= 1;
        }
    }
    let mut ordered = true;
    Ok(rows
        .iter()
        .zip(continues)
        .map(|(row, continues)| {
            let by_key = row.origin.is_some_and(|o| origins.contains(&o));
            let is_known = by_key || (ordered && continues);
            ordered &= is_known;
            is_known
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::prompt::{Settings, Syntax, Template, TemplateKind};

    fn revision(seq: u32, text: &str) -> RevisionInfo {
        let template = Template::text(text);
        RevisionInfo {
            name: "p".parse().unwrap(),
            seq,
            digest: template.digest(),
            settings_digest: Settings::default().digest(&template).unwrap(),
            kind: TemplateKind::Text,
            syntax: Syntax::Jinja,
            config: Default::default(),
            parent: None,
            author: None,
            message: None,
            created_at: format!("2026-01-0{seq}T00:00:00Z"),
            metadata: Default::default(),
            tags: vec![],
            labels: vec![],
            bytes: 1,
        }
    }

    fn flags(history: &str, rows: &str) -> String {
        let history: Vec<_> = (1..).zip(history.chars()).map(|(i, c)| revision(i, &c.to_string())).collect();
        let rows: Vec<_> = rows
            .chars()
            .map(|c| NewRevision::new("p".parse().unwrap(), Template::text(c.to_string())))
            .collect();
        let known = known(&history, &rows.iter().collect::<Vec<_>>()).unwrap();
        known.into_iter().map(|k| if k { 'k' } else { 'n' }).collect()
    }

    #[test]
    fn a_file_continues_what_was_registered_by_hand() {
        assert_eq!(flags("", "ABA"), "nnn");
        assert_eq!(flags("ABA", "ABA"), "kkk");
        assert_eq!(flags("A", "AB"), "kn");
        assert_eq!(flags("AB", "AB"), "kk");
        assert_eq!(flags("ABC", "ABCD"), "kkkn");
        assert_eq!(flags("B", "AB"), "nn", "B must come after A, so it is added again");
        assert_eq!(flags("A", "BA"), "nn");
    }

    #[test]
    fn rows_of_an_export_are_known_by_their_keys_wherever_they_stand() {
        let history = [revision(1, "A"), revision(2, "B"), revision(3, "C")];
        let mut row = NewRevision::new("p".parse().unwrap(), Template::text("A"));
        row.created_at = Some("2026-01-01T00:00:00Z".into());
        let settings = row.settings.digest(&row.template).unwrap();
        let key = row_key("p", &row.template.digest(), &settings, (row.created_at.as_deref(), None, None));
        row.origin = Some(origin(&key, 0));
        assert_eq!(known(&history, &[&row]).unwrap(), [true]);
    }
}
