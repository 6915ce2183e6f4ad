//! How a closure of any type lies in plain words of memory.
//!
//! Three structures keep closures without boxing them: a fuse's cell ([`super::job`]), the ready queue and the steps of a
//! Deferred ([`super::flat`]). They share this table of what can be done with a closure whose type was forgotten.
//!
//! # Invariants
//! - C1 The words that a table is used with hold a valid closure of the table's type, written at an address aligned for
//!   `u64`, and `call` or `discard` is used on them once in all: either of them moves the closure out.

#![allow(unsafe_code, reason = "a closure is read back from words whose type was forgotten")]

use std::mem::{MaybeUninit, needs_drop};

/// One word of storage. Closures that need more alignment than this are boxed.
pub(super) type Word = MaybeUninit<u64>;

/// What can be done with a closure `FnOnce(&C) -> R` whose type was forgotten.
pub(super) struct Table<C: ?Sized + 'static, R: 'static> {
    /// How many words the closure takes.
    pub words: usize,
    /// Moves the closure out of the words, then calls it: by then the words may be reused.
    pub call: unsafe fn(*mut Word, &C) -> R,
    /// Moves the closure out of the words and drops it: by then the words may be reused. `None` if dropping does nothing.
    pub discard: Option<unsafe fn(*mut Word)>,
}

/// Carries a closure's type to its table.
pub(super) struct Of<F>(F);

impl<F> Of<F> {
    /// Words that a closure of this type takes.
    pub const WORDS: usize = size_of::<F>().div_ceil(size_of::<Word>());

    /// Whether a closure of this type can lie in `limit` words.
    pub const fn fits(limit: usize) -> bool {
        Self::WORDS <= limit && align_of::<F>() <= align_of::<Word>()
    }
}

impl<F> Of<F> {
    /// The table of this closure's type.
    pub const fn table<C: ?Sized + 'static, R: 'static>() -> &'static Table<C, R>
    where
        F: FnOnce(&C) -> R,
    {
        const {
            let discard: Option<unsafe fn(*mut Word)> = if needs_drop::<F>() { Some(discard::<F>) } else { None };
            &Table { words: Self::WORDS, call: call::<F, C, R>, discard }
        }
    }
}

unsafe fn call<F: FnOnce(&C) -> R, C: ?Sized, R>(words: *mut Word, context: &C) -> R {
    // SAFETY: C1: the words hold an `F` that nobody moves out again.
    let closure = unsafe { words.cast::<F>().read() };
    closure(context)
}

unsafe fn discard<F>(words: *mut Word) {
    // SAFETY: C1: the words hold an `F` that nobody moves out again.
    drop(unsafe { words.cast::<F>().read() });
}
