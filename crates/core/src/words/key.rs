//! The name of a thing that comes and goes.

/// Names a thing in its place, and no other that was or will be there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// Which place.
    pub index: u32,
    /// Which use of it.
    pub generation: u32,
}
