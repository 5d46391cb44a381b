//! The calls an application needs: register a prompt, get a version, over any storage.
//! (in work)
