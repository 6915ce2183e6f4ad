//! Closures of any type in a row, first in, first out, without a box for each.
//!
//! One growing buffer of words; each entry is a pointer to its closure's table (`closure.rs`) and then the closure
//! itself. This is the ready queue, the steps of a Deferred, the handlers that share a fuse, and what the door holds for
//! the loop. Calling moves the closure out first, so the closure may push to the very queue it came from.
//!
//! ```text
//!     words   | consumed | table | capture… | table | capture… |  spare  |
//!                        ^ head                                ^ end
//! ```
//!
//! # Invariants
//! - F1 From `head` to the end of `words` lie whole entries: a table, then the closure that it speaks of.
//! - F2 Entries before `head` were moved out; nobody reads them again.
//!
//! # Cost
//! A push writes the closure and one word; it allocates only when the buffer grows, which it does by doubling. When the
//! consumed half is the larger one the rest is moved down instead, so a queue that feeds itself does not grow.

#![allow(unsafe_code, reason = "entries are written to and moved out of untyped words")]

use super::closure::{Of, Table, Word};
use std::cell::RefCell;
use std::marker::PhantomData;

/// Closures longer than this are boxed, so that moving the buffer stays cheap.
const LONGEST: usize = 32;

/// Words that a queue makes room for at first: two or three short closures.
const FIRST: usize = 12;

/// An empty queue gives back memory beyond this many words, by halves.
const KEPT: usize = 8 * 1024;

/// A queue of closures `FnOnce(&C) -> R` of any type.
pub struct Flat<C: ?Sized + 'static, R: 'static = ()> {
    words: Vec<Word>,
    head: usize,
    /// The most words held since the queue was last empty.
    peak: usize,
    closures: PhantomData<*mut fn(&C) -> R>,
}

impl<C: ?Sized + 'static, R: 'static> Flat<C, R> {
    /// A queue with nothing in it, and no memory.
    pub const fn new() -> Flat<C, R> {
        Flat { words: Vec::new(), head: 0, peak: 0, closures: PhantomData }
    }

    /// Whether nothing is queued.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head == self.words.len()
    }

    /// Appends a closure.
    #[inline]
    pub fn push<F: FnOnce(&C) -> R + 'static>(&mut self, closure: F) {
        if const { Of::<F>::fits(LONGEST) } {
            self.write(closure);
        } else {
            let boxed = Box::new(closure);
            self.write(move |context: &C| boxed(context));
        }
    }

    #[inline]
    fn write<F: FnOnce(&C) -> R + 'static>(&mut self, closure: F) {
        let needed = 1 + const { Of::<F>::WORDS };
        if self.words.capacity() - self.words.len() < needed {
            self.make_room(needed);
        }
        let end = self.words.len();
        // SAFETY: `end` is within the capacity, so the pointer stays in the buffer.
        let entry = unsafe { self.words.as_mut_ptr().add(end) };
        // SAFETY: there is room for one word, and a reference is no larger or more aligned than a word.
        unsafe { entry.cast::<&'static Table<C, R>>().write(Of::<F>::table()) };
        // SAFETY: there is room for `needed` words.
        let capture = unsafe { entry.add(1) };
        // SAFETY: the closure takes `needed - 1` words and asks for no more alignment than a word has (`push` saw to it).
        unsafe { capture.cast::<F>().write(closure) };
        // SAFETY: a `MaybeUninit` needs no initialising, and the words are within the capacity. F1 holds.
        unsafe { self.words.set_len(end + needed) };
    }

    #[cold]
    fn make_room(&mut self, needed: usize) {
        if self.head > self.words.len() / 2 {
            self.words.drain(..self.head);
            self.head = 0;
        }
        self.words.reserve(needed.max(FIRST));
    }

    /// Moves everything that `other` holds to the end of this queue.
    pub fn append(&mut self, other: &mut Flat<C, R>) {
        if self.is_empty() {
            return std::mem::swap(self, other);
        }
        self.make_room(other.words.len() - other.head);
        self.words.extend_from_slice(&other.words[other.head..]);
        other.head = other.words.len();
        other.rewind();
    }

    /// Calls the first closure in the queue, which is no longer in it by then and not borrowed either: the closure may
    /// push to it. `None` if it is empty.
    #[inline]
    pub fn run_next(queue: &RefCell<Flat<C, R>>, context: &C) -> Option<R> {
        let (table, capture) = queue.borrow_mut().pop()?;
        // SAFETY: C1, by F1: `pop` gave the words of a whole entry away (F2), and nothing has touched them since, for
        // `call` moves the closure out before it runs any code that could reach this queue.
        Some(unsafe { (table.call)(capture, context) })
    }

    /// Drops the first closure without calling it. Says whether there was one.
    pub fn discard_next(queue: &RefCell<Flat<C, R>>) -> bool {
        let Some((table, capture)) = queue.borrow_mut().pop() else {
            return false;
        };
        if let Some(discard) = table.discard {
            // SAFETY: as in `run_next`.
            unsafe { discard(capture) };
        }
        true
    }

    /// Takes the first entry out of the queue. Its words stay as they are until the queue is touched again.
    #[inline]
    fn pop(&mut self) -> Option<(&'static Table<C, R>, *mut Word)> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: `head` is less than the length.
        let entry = unsafe { self.words.as_mut_ptr().add(self.head) };
        // SAFETY: F1: a table lies at `head`.
        let table = unsafe { entry.cast::<&'static Table<C, R>>().read() };
        self.head += 1 + table.words;
        if self.is_empty() {
            self.rewind();
        }
        // SAFETY: F1: the closure follows its table; for one without captures this is at most the end of the buffer.
        Some((table, unsafe { entry.add(1) }))
    }

    /// Starts again at the front of the buffer. Keeps its memory, which the entry just popped still lies in, unless
    /// nothing has used most of it for a while.
    #[inline]
    fn rewind(&mut self) {
        self.peak = self.peak.max(self.head);
        self.words.clear();
        self.head = 0;
    }

    /// Gives memory back that a burst left behind: half of it a call, as long as the queue has used less than a quarter
    /// since the last call. Does nothing unless the queue is empty.
    pub fn relax(&mut self) {
        if self.is_empty() && self.words.capacity() > KEPT {
            if self.peak < self.words.capacity() / 4 {
                self.words.shrink_to(self.words.capacity() / 2);
            }
            self.peak = 0;
        }
    }
}

impl<C: ?Sized + 'static, R: 'static> Default for Flat<C, R> {
    fn default() -> Flat<C, R> {
        Flat::new()
    }
}

/// Drops what was never called.
impl<C: ?Sized + 'static, R: 'static> Drop for Flat<C, R> {
    fn drop(&mut self) {
        let rest = Rest(self);
        while let Some((table, capture)) = rest.0.pop() {
            if let Some(discard) = table.discard {
                // SAFETY: as in `run_next`; the queue is ours alone.
                unsafe { discard(capture) };
            }
        }
    }
}

/// What is still to be dropped if dropping something panics.
struct Rest<'a, C: ?Sized + 'static, R: 'static>(&'a mut Flat<C, R>);

impl<C: ?Sized, R> Drop for Rest<'_, C, R> {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            drop(std::mem::take(self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    type Log = RefCell<Vec<u32>>;

    fn run_all(queue: &RefCell<Flat<Log>>, log: &Log) {
        while Flat::run_next(queue, log).is_some() {}
    }

    #[test]
    fn closures_of_all_sizes_run_in_order() {
        let (queue, log) = (RefCell::new(Flat::new()), Log::default());
        for round in 0..100u32 {
            let large = [round; 100];
            let aligned = Aligned(round);
            queue.borrow_mut().push(move |log: &Log| log.borrow_mut().push(large[99]));
            queue.borrow_mut().push(|_: &Log| {});
            queue.borrow_mut().push(move |log: &Log| log.borrow_mut().push({ aligned }.0));
        }
        run_all(&queue, &log);
        let expected: Vec<u32> = (0..100).flat_map(|round| [round, round]).collect();
        assert_eq!(*log.borrow(), expected);
    }

    #[derive(Clone, Copy)]
    #[repr(align(64))]
    struct Aligned(u32);

    #[test]
    fn a_queue_that_feeds_itself_does_not_grow() {
        type Queue = RefCell<Flat<()>>;
        fn feed(queue: &Rc<Queue>, left: u32) {
            if left > 0 {
                let again = queue.clone();
                queue.borrow_mut().push(move |()| feed(&again, left - 1));
            }
        }
        let queue = Rc::new(Queue::default());
        for _ in 0..3 {
            feed(&queue, 100_000);
        }
        while Flat::run_next(&queue, &()).is_some() {}
        assert!(queue.borrow().words.capacity() < 64);
    }

    #[test]
    fn what_is_never_called_is_dropped_once() {
        let token = Rc::new(());
        let mut queue: Flat<(), ()> = Flat::new();
        let mut other = Flat::new();
        for _ in 0..10 {
            let (held, large) = (token.clone(), (token.clone(), [0u64; 100]));
            queue.push(move |()| drop(held));
            other.push(move |()| drop(large));
        }
        queue.append(&mut other);
        assert!(other.is_empty());
        let queue = RefCell::new(queue);
        assert!(Flat::discard_next(&queue));
        assert_eq!(Rc::strong_count(&token), 20);
        drop(queue);
        assert_eq!(Rc::strong_count(&token), 1);
    }

    #[test]
    fn memory_of_a_burst_is_given_back() {
        let queue = RefCell::new(Flat::<()>::new());
        for number in 0..1_000_000u64 {
            queue.borrow_mut().push(move |()| assert!(number < 1_000_000));
        }
        while Flat::run_next(&queue, &()).is_some() {}
        for _ in 0..32 {
            queue.borrow_mut().push(|()| {});
            while Flat::run_next(&queue, &()).is_some() {}
            queue.borrow_mut().relax();
        }
        assert!(queue.borrow().words.capacity() <= KEPT);
    }
}
