//! Bodies: templates, subjects and responses by the sha256 of their exact bytes, each stored once, the longer ones packed.
//!
//! ```text
//! text --digest--> known? nothing to do
//!             \--> short, or hardly smaller when packed? bytes = the text itself, unpacked = NULL
//!                  else: bytes = LZ4 block + the first 8 bytes of the block's sha256, unpacked = length of the text
//! ```
//! Packing takes some 4 us for 2 KB and unpacking 1 us, and real prompts come to 0.6 of their size. The digest is of the
//! text, so what is read can be held against it whatever lies in between; the block's own digest is for `fsck`, since
//! one block in a damaged state may still unpack to the same text.

use super::Result;
use crate::core::digest::Digest;
use rusqlite::{Connection, Row, params};

/// A shorter text stays as it is: it gains little, and can be found in the file with other tools.
const SHORT: usize = 512;
/// A longer text stays as it is too, and nothing longer is unpacked: a small block of somebody else's may say that it unpacks
/// to more than there is memory. No import takes in a larger file.
const LONG: usize = 512 << 20;
/// What proves that a block is as it was written.
const PROOF: usize = 8;

/// A body as it lies in the file.
pub(super) struct StoredBody {
    bytes: Vec<u8>,
    /// Length of the text, when `bytes` are packed.
    unpacked: Option<i64>,
}

/// The text packed; `None` where that saves less than an eighth.
fn packed(text: &[u8]) -> Option<Vec<u8>> {
    if !(SHORT..=LONG).contains(&text.len()) {
        return None;
    }
    let mut block = lz4_flex::block::compress(text);
    let proof = Digest::of(&block);
    block.extend(proof.as_bytes().iter().take(PROOF));
    (block.len() <= text.len() - text.len() / 8).then_some(block)
}

/// Reads the columns `bytes` and `unpacked`, the second right after the first.
pub(super) fn stored_at(row: &Row, at: usize) -> rusqlite::Result<StoredBody> {
    Ok(StoredBody { bytes: row.get(at)?, unpacked: row.get(at + 1)? })
}

impl StoredBody {
    /// The text; what is wrong with it where it cannot be read.
    pub(super) fn text(self) -> std::result::Result<Vec<u8>, &'static str> {
        const WRONG: &str = "it cannot be unpacked";
        let Some(length) = self.unpacked else { return Ok(self.bytes) };
        let block = self.bytes.len().checked_sub(PROOF).and_then(|end| self.bytes.get(..end)).ok_or(WRONG)?;
        // LZ4 makes at most 255 bytes of one: a damaged length must not ask for memory without end.
        let length = usize::try_from(length).ok().filter(|n| *n / 255 <= block.len()).ok_or(WRONG)?;
        if length > LONG {
            return Err("it says that it is larger than any text that this program packs");
        }
        let text = lz4_flex::block::decompress(block, length).map_err(|_| WRONG)?;
        if text.len() == length { Ok(text) } else { Err(WRONG) }
    }

    /// What `fsck` says of the body with this digest, if anything is wrong.
    fn fault(self, named: &[u8]) -> Option<&'static str> {
        if self.unpacked.is_some() {
            let (block, proof) = self.bytes.split_at(self.bytes.len().saturating_sub(PROOF));
            if Digest::of(block).as_bytes().get(..PROOF) != Some(proof) {
                return Some("its packed bytes are not those that were written");
            }
        }
        match self.text() {
            Ok(text) if Digest::of(&text).as_bytes() == named => None,
            Ok(_) => Some("its bytes do not fit its digest"),
            Err(why) => Some(why),
        }
    }
}

/// Stores a body once; its digest.
pub(super) fn put_body(conn: &Connection, text: &[u8]) -> Result<Digest> {
    let digest = Digest::of(text);
    let packed = packed(text);
    let unpacked = packed.as_ref().map(|_| text.len() as i64);
    conn.prepare_cached(
        "INSERT INTO body (digest, bytes, unpacked) VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO NOTHING",
    )?
    .execute(params![digest.as_bytes(), packed.as_deref().unwrap_or(text), unpacked])?;
    Ok(digest)
}

/// Stores the tombstone of a body that was never here.
pub(super) fn put_tombstone(conn: &Connection, digest: &[u8]) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO body (digest, bytes, forgotten) VALUES (?1, x'', 1) ON CONFLICT (digest) DO NOTHING",
    )?
    .execute([digest])?;
    Ok(())
}

/// Leaves a tombstone in the place of a body.
pub(super) fn forget_body(conn: &Connection, digest: &Digest) -> Result<()> {
    conn.execute(
        "UPDATE body SET bytes = x'', unpacked = NULL, forgotten = 1 WHERE digest = ?1",
        [digest.as_bytes()],
    )?;
    Ok(())
}

/// The text in the columns `bytes` and `unpacked`; nothing where it is damaged, which `fsck` tells of the body itself.
pub(super) fn text_at(row: &Row, at: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(stored_at(row, at)?.text().unwrap_or_default())
}

/// As [`text_at`], with what is wrong where it cannot be read.
pub(super) fn text_of(row: &Row, at: usize) -> rusqlite::Result<std::result::Result<Vec<u8>, &'static str>> {
    Ok(stored_at(row, at)?.text())
}

/// For `fsck`, of a row of digest, bytes, unpacked: what is wrong with the body.
pub(super) fn fault_of(row: &Row) -> rusqlite::Result<Option<&'static str>> {
    let named: Vec<u8> = row.get(0)?;
    Ok(stored_at(row, 1)?.fault(&named))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stored(text: &[u8]) -> StoredBody {
        match packed(text) {
            Some(bytes) => StoredBody { bytes, unpacked: Some(text.len() as i64) },
            None => StoredBody { bytes: text.to_vec(), unpacked: None },
        }
    }

    fn prose() -> String {
        (0..60).map(|n| format!("Line {n}: answer in one sentence, and say where it is from.\n")).collect()
    }

    #[test]
    fn prose_is_packed_and_what_would_not_shrink_stays_as_it_is() {
        let long = prose();
        let row = stored(long.as_bytes());
        assert!(row.unpacked.is_some() && row.bytes.len() < long.len() / 2, "{}", row.bytes.len());
        assert_eq!(row.text().unwrap(), long.as_bytes());
        let noise: Vec<u8> =
            (0..64_u32).flat_map(|n| Digest::of(n.to_le_bytes()).as_bytes().to_vec()).collect();
        for text in [&noise[..], &long.as_bytes()[..SHORT - 1], b""] {
            assert_eq!(stored(text).unpacked, None);
        }
    }

    #[test]
    fn every_flipped_bit_of_a_packed_body_is_told_and_never_read_as_its_text() {
        let long = prose();
        let named = Digest::of(&long);
        let sound = || stored(long.as_bytes());
        assert_eq!(sound().fault(named.as_bytes()), None);
        for bit in 0..sound().bytes.len() * 8 {
            let mut row = sound();
            row.bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(row.fault(named.as_bytes()).is_some(), "bit {bit}");
        }
        for bit in 0..63 {
            let row = sound();
            let unpacked = row.unpacked.map(|n| n ^ (1 << bit));
            assert!(
                StoredBody { unpacked, ..row }.fault(named.as_bytes()).is_some(),
                "bit {bit} of the length"
            );
        }
        for unpacked in [None, Some(-1), Some(0), Some(i64::MAX)] {
            assert!(StoredBody { unpacked, ..sound() }.fault(named.as_bytes()).is_some(), "{unpacked:?}");
        }
        for bytes in [vec![], vec![0; PROOF - 1], vec![0; PROOF]] {
            assert!(StoredBody { bytes, unpacked: Some(10) }.text().is_err());
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(pieces in prop::collection::vec((any::<Vec<u8>>(), 1..40_usize), 0..12)) {
            let text: Vec<u8> = pieces.iter().flat_map(|(bytes, n)| bytes.repeat(*n)).collect();
            let row = stored(&text);
            prop_assert!(row.bytes.len() <= text.len());
            prop_assert_eq!(row.text().unwrap(), text);
        }

        #[test]
        fn any_bytes_are_unpacked_or_refused(bytes in any::<Vec<u8>>(), unpacked in any::<Option<i64>>()) {
            let _ = StoredBody { bytes, unpacked }.text();
        }
    }
}
