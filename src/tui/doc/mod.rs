//! What screens show, worked out from the registry: no state of a screen, nothing that draws.

pub mod diff;
