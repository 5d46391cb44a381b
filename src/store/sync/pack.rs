//! A pack: some records of one writer, in that writer's order, in a file that is named by the digest of its bytes and never
//! changes. A file that is not whole has another digest, and is left alone until it is.
//!
//! ```text
//! "assize pack 1\n" | length of the head | head as JSON | length unpacked | LZ4 block of records
//! ```

use super::record::{PackReader, SyncRecord, write};
use crate::core::digest::{Digest, RowDigest};
use serde::{Deserialize, Serialize};

const MAGIC: &[u8] = b"assize pack 1\n";
/// Records are put into a pack until they are this long; the last one may be longer by far.
pub(super) const LENGTH: usize = 8 << 20;
/// Nothing longer is unpacked.
const LONGEST: usize = 600 << 20;

/// Whose records a pack holds, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub writer: String,
    /// Numbers of its first and last record.
    pub from: i64,
    pub to: i64,
    /// The writer's chain before the first and after the last.
    pub before: Digest,
    pub after: Digest,
}

/// The chain of a writer's records with one more.
pub(super) fn chained(before: &Digest, kind: u8, id: &[u8]) -> Digest {
    RowDigest::new("assize.record.1").bytes(before.as_bytes()).int(i64::from(kind)).bytes(id).finish()
}

/// The beginning of each writer's chain.
pub(super) fn start(writer: &str) -> Digest {
    RowDigest::new("assize.writer.1").text(writer).finish()
}

/// A pack's bytes and its name.
pub(super) fn made(head: &Head, records: &[SyncRecord]) -> (String, Vec<u8>) {
    let mut plain = Vec::new();
    records.iter().for_each(|record| write(record, &mut plain));
    let text = serde_json::to_vec(head).unwrap_or_default();
    let mut bytes = MAGIC.to_vec();
    for (length, part) in [(text.len(), text), (plain.len(), lz4_flex::block::compress(&plain))] {
        bytes.extend((length as u64).to_le_bytes());
        bytes.extend(part);
    }
    (format!("{}.pack", Digest::of(&bytes).hex()), bytes)
}

/// Reads a pack; nothing where it is not whole, or where a record does not fit its id.
pub(super) fn read(name: &str, bytes: &[u8]) -> Option<(Head, Vec<SyncRecord>)> {
    (name.strip_suffix(".pack")? == Digest::of(bytes).hex()).then_some(())?;
    let length = |bytes: &[u8]| usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok();
    let (size, rest) = bytes.strip_prefix(MAGIC)?.split_at_checked(8)?;
    let (head, rest) = rest.split_at_checked(length(size)?)?;
    let (size, block) = rest.split_at_checked(8)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    // LZ4 makes at most 255 bytes of one.
    let size = length(size)?;
    (size <= LONGEST && size / 255 <= block.len()).then_some(())?;
    let plain = lz4_flex::block::decompress(block, size).ok()?;
    let (mut reader, mut records, mut chain) = (PackReader(&plain), Vec::new(), head.before);
    while !reader.0.is_empty() {
        let record = reader.record().filter(SyncRecord::fits)?;
        chain = chained(&chain, record.kind.number(), &record.id);
        records.push(record);
    }
    let count = head.to.checked_sub(head.from)?.checked_add(1)?;
    (usize::try_from(count).ok()? == records.len() && chain == head.after && head.from > 0)
        .then_some((head, records))
}

#[cfg(test)]
mod tests {
    use super::super::record::RecordKind;
    use super::*;
    use rusqlite::types::Value;

    #[test]
    fn a_pack_is_read_whole_or_not_at_all() {
        let record = |text: &str| SyncRecord {
            kind: RecordKind::Body,
            id: Digest::of(text).as_bytes().to_vec(),
            values: Some(vec![Value::Blob(text.as_bytes().to_vec())]),
        };
        let records = vec![record("one"), record("two")];
        let before = start("w");
        let after = records.iter().fold(before, |chain, r| chained(&chain, r.kind.number(), &r.id));
        let head = Head { writer: "w".into(), from: 1, to: 2, before, after };
        let (name, bytes) = made(&head, &records);
        assert_eq!(read(&name, &bytes), Some((head.clone(), records.clone())));
        for cut in 0..bytes.len() {
            assert_eq!(read(&name, &bytes[..cut]), None, "cut at {cut}");
            let mut flipped = bytes.clone();
            flipped[cut] ^= 1;
            assert_eq!(read(&name, &flipped), None, "flipped at {cut}");
            // Also one that is named by its damaged bytes: panics nowhere, and holds no record that does not fit its id.
            let named = format!("{}.pack", Digest::of(&flipped).hex());
            if let Some((_, records)) = read(&named, &flipped) {
                assert!(records.iter().all(SyncRecord::fits));
            }
        }
        // The twin: a record under an id that is not its own.
        let lie =
            vec![SyncRecord { id: Digest::of("one").as_bytes().to_vec(), ..record("two") }, record("two")];
        let after = lie.iter().fold(before, |chain, r| chained(&chain, r.kind.number(), &r.id));
        let (name, bytes) = made(&Head { after, ..head }, &lie);
        assert_eq!(read(&name, &bytes), None);
    }
}
