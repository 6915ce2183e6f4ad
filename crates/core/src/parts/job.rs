//! A closure of any type in four words, or in a box if it is longer.
//!
//! The handler of a fuse lies in the fuse's own cell: fetching the cell fetches the handler, and lighting allocates
//! nothing. A capture of 24 bytes fits inside.
//!
//! # Invariants
//! - J1 While `table` is there, `words` hold a whole closure of the table's type.

#![allow(unsafe_code, reason = "the closure is written to and moved out of untyped words")]

use super::closure::{Of, Table, Word};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};

/// Words that a closure may take without being boxed.
const ROOM: usize = 3;

/// A closure `FnOnce(&C)`, or none.
pub struct Job<C: ?Sized + 'static> {
    table: Option<&'static Table<C, ()>>,
    words: [Word; ROOM],
    closure: PhantomData<*mut fn(&C)>,
}

impl<C: ?Sized> Job<C> {
    /// No closure.
    pub const NONE: Job<C> = Job { table: None, words: [MaybeUninit::uninit(); ROOM], closure: PhantomData };

    /// Keeps a closure.
    #[inline]
    pub fn new<F: FnOnce(&C) + 'static>(closure: F) -> Job<C> {
        if const { Of::<F>::fits(ROOM) } {
            Job::inline(closure)
        } else {
            let boxed = Box::new(closure);
            Job::inline(move |context: &C| boxed(context))
        }
    }

    #[inline]
    fn inline<F: FnOnce(&C) + 'static>(closure: F) -> Job<C> {
        let mut job = Job { table: Some(Of::<F>::table()), ..Job::NONE };
        // SAFETY: the closure fits `ROOM` words and their alignment (`new` saw to it; a boxed one takes one word). J1 holds.
        unsafe { job.words.as_mut_ptr().cast::<F>().write(closure) };
        job
    }

    /// Whether there is a closure.
    #[inline]
    pub fn is_some(&self) -> bool {
        self.table.is_some()
    }

    /// Takes the closure out, leaving none.
    #[inline]
    pub fn take(&mut self) -> Job<C> {
        std::mem::replace(self, Job::NONE)
    }

    /// Calls the closure, if there is one.
    #[inline]
    pub fn call(self, context: &C) {
        let mut job = ManuallyDrop::new(self);
        if let Some(table) = job.table {
            // SAFETY: C1, by J1; the job is not dropped afterwards.
            unsafe { (table.call)(job.words.as_mut_ptr(), context) };
        }
    }
}

impl<C: ?Sized> Drop for Job<C> {
    #[inline]
    fn drop(&mut self) {
        if let Some(discard) = self.table.take().and_then(|table| table.discard) {
            // SAFETY: C1, by J1; `table` is gone, so nobody reads the words again.
            unsafe { discard(self.words.as_mut_ptr()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn a_closure_runs_once_or_is_dropped_once() {
        let count = Rc::new(Cell::new(0));
        for size in [false, true] {
            let (held, padding) = (count.clone(), [0u64; 10]);
            let job: Job<u32> = match size {
                false => Job::new(move |by| held.set(held.get() + by)),
                true => Job::new(move |by| held.set(held.get() + by + padding[3] as u32)),
            };
            let mut slot = job;
            assert!(slot.is_some());
            slot.take().call(&5);
            assert!(!slot.is_some());
        }
        assert_eq!(count.get(), 10);
        let held = count.clone();
        drop(Job::<u32>::new(move |_| held.set(99)));
        assert_eq!((count.get(), Rc::strong_count(&count)), (10, 1));
    }
}
