//! Several writes as one: all of them or none; or none in any case, to see what they would do.

use super::file::BUSY;
use super::{Result, Store, StoreError};

impl Store {
    /// Carries out `work`, whose writes are one transaction: where it fails, none of them is kept.
    ///
    /// # Errors
    /// What `work` says; that the registry cannot be written.
    pub fn together<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.within(true, work)
    }

    /// Carries out `work` and takes all of its writes back, to see what it would do.
    ///
    /// # Errors
    /// As [`Store::together`].
    pub fn rehearse<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.within(false, work)
    }

    fn within<T, E: From<StoreError>>(
        &mut self,
        keep: bool,
        work: impl FnOnce(&mut Self) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.begin_group(BUSY)?;
        let done = work(self);
        if keep && done.is_ok() {
            self.commit_group()?;
        } else {
            self.abandon_group()?;
        }
        done
    }

    /// Takes back what was written since the group began.
    fn abandon_group(&mut self) -> Result<()> {
        let stands = self.has_group();
        self.in_group = false;
        if stands {
            self.conn.execute_batch("ROLLBACK")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::prompt::Template;
    use crate::store::NewRevision;

    fn register(store: &mut Store, name: &str) -> Result<()> {
        store.register(NewRevision::new(name.parse().unwrap(), Template::text("x"))).map(|_| ())
    }

    #[test]
    fn all_or_nothing_or_nothing_at_all() {
        let mut store = Store::in_memory().unwrap();
        let count = |store: &Store| store.list(&Default::default()).unwrap().len();
        let failed: Result<()> = store.together(|store| {
            register(store, "a")?;
            Err(StoreError::Invalid("no".into()))
        });
        assert_eq!((failed.is_err(), count(&store)), (true, 0));
        let seen: Result<usize> = store.rehearse(|store| {
            register(store, "a")?;
            Ok(count(store))
        });
        assert_eq!((seen.unwrap(), count(&store)), (1, 0));
        let done: Result<()> = store.together(|store| {
            register(store, "a")?;
            register(store, "b")
        });
        assert_eq!((done.is_ok(), count(&store)), (true, 2));
        register(&mut store, "c").unwrap();
        assert_eq!(count(&store), 3);
        assert!(store.fsck().unwrap().faults.is_empty());
    }
}
