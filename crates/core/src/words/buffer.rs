//! Bytes that were received, in memory that goes back to where it came from.
//!
//! A driver owns the memory it receives into: a shelf of spare buffers, or a ring that the kernel picks from. A [`Buffer`]
//! lends the bytes of one reception to the machine, and returns the memory when it is dropped. Such memory is scarce, so
//! no buffer outlives the turn that delivered it: what is kept longer is copied.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

/// The bytes of one reception.
pub struct Buffer(Storage);

enum Storage {
    Shelved { memory: Box<[u8]>, length: usize, shelf: Rc<Shelf> },
    Lent { lender: Rc<dyn Lender>, number: u16, length: u32 },
}

/// Memory that is lent by number.
pub trait Lender {
    /// The first `length` bytes of a buffer that is lent out.
    fn bytes(&self, number: u16, length: u32) -> &[u8];

    /// A buffer comes back. No slice of it is left.
    fn take_back(&self, number: u16);
}

/// Buffers of one size that lie idle, the latest used on top: what is in the cache is used first.
#[derive(Debug)]
pub struct Shelf {
    size: usize,
    most: usize,
    idle: RefCell<Vec<Box<[u8]>>>,
}

impl Shelf {
    /// A shelf for buffers of `size` bytes, of which at most `most` are kept idle.
    pub fn new(size: usize, most: usize) -> Rc<Shelf> {
        Rc::new(Shelf { size, most, idle: RefCell::default() })
    }

    /// Memory to receive into.
    pub fn take(&self) -> Box<[u8]> {
        self.idle.borrow_mut().pop().unwrap_or_else(|| vec![0; self.size].into())
    }

    /// Memory that was not used after all.
    pub fn put(&self, memory: Box<[u8]>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.most {
            idle.push(memory);
        }
    }
}

impl Buffer {
    /// The first `length` bytes of memory from a shelf.
    ///
    /// # Panics
    /// If the memory is shorter.
    pub fn shelved(memory: Box<[u8]>, length: usize, shelf: &Rc<Shelf>) -> Buffer {
        assert!(length <= memory.len(), "what was received lies within the buffer");
        Buffer(Storage::Shelved { memory, length, shelf: shelf.clone() })
    }

    /// The first `length` bytes of a lender's buffer.
    pub fn lent(lender: Rc<dyn Lender>, number: u16, length: u32) -> Buffer {
        Buffer(Storage::Lent { lender, number, length })
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Storage::Shelved { memory, length, .. } => &memory[..*length],
            Storage::Lent { lender, number, length } => lender.bytes(*number, *length),
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        match &mut self.0 {
            Storage::Shelved { memory, shelf, .. } => shelf.put(std::mem::take(memory)),
            Storage::Lent { lender, number, .. } => lender.take_back(*number),
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_back_to_its_shelf_and_is_used_again() {
        let shelf = Shelf::new(8, 1);
        let memory = shelf.take();
        let address = memory.as_ptr();
        let buffer = Buffer::shelved(memory, 3, &shelf);
        assert_eq!(buffer.len(), 3);
        drop(buffer);
        let again = shelf.take();
        assert_eq!(again.as_ptr(), address);
    }

    #[test]
    fn a_shelf_keeps_no_more_than_it_was_told_to() {
        let shelf = Shelf::new(8, 1);
        let (first, second) = (shelf.take(), shelf.take());
        shelf.put(first);
        shelf.put(second);
        assert_eq!(shelf.idle.borrow().len(), 1);
    }
}
