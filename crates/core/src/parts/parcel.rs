//! A value of any type in three words, or in a box if it is longer.
//!
//! The value on its way through the steps of a Deferred changes its type at each step; a parcel lets it lie in the same
//! place all the way. Who takes the value out must say the type that was put in.
//!
//! # Invariants
//! - P1 The words hold a whole value of the type that `new` was called with, boxed if it does not fit.

#![allow(unsafe_code, reason = "a value is written to and moved out of untyped words")]

use super::closure::{Of, Word};
use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit, needs_drop};

/// Words that a value may take without being boxed.
const ROOM: usize = 3;

/// A value whose type was forgotten.
pub struct Parcel {
    table: &'static Table,
    words: [Word; ROOM],
    anything: PhantomData<*mut ()>,
}

/// What is known of a forgotten type.
struct Table {
    kind: fn() -> TypeId,
    /// `None` if dropping does nothing.
    discard: Option<unsafe fn(*mut Word)>,
}

/// The table of a `T` that was packed as a `P`.
const fn table<P, T: 'static>() -> &'static Table {
    const {
        let discard: Option<unsafe fn(*mut Word)> = if needs_drop::<P>() { Some(discard::<P>) } else { None };
        &Table { kind: TypeId::of::<T>, discard }
    }
}

impl Parcel {
    /// Packs a value.
    #[inline]
    pub fn new<T: 'static>(value: T) -> Parcel {
        if const { Of::<T>::fits(ROOM) } {
            Parcel::pack::<T, T>(value)
        } else {
            Parcel::pack::<Box<T>, T>(Box::new(value))
        }
    }

    #[inline]
    fn pack<P: 'static, T: 'static>(value: P) -> Parcel {
        let mut words = [MaybeUninit::uninit(); ROOM];
        // SAFETY: a `P` fits the words and their alignment: `new` saw to it.
        unsafe { words.as_mut_ptr().cast::<P>().write(value) };
        Parcel { table: table::<P, T>(), words, anything: PhantomData }
    }

    /// Whether the value is plain data: it holds nothing that dropping would let go of, be it memory or an error.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.table.discard.is_none()
    }

    /// Whether the value is a `T`.
    #[inline]
    pub fn is<T: 'static>(&self) -> bool {
        let own = if const { Of::<T>::fits(ROOM) } { table::<T, T>() } else { table::<Box<T>, T>() };
        std::ptr::eq(self.table, own) || (self.table.kind)() == TypeId::of::<T>()
    }

    /// Takes the value out.
    ///
    /// # Panics
    /// If the value is not a `T`.
    #[inline]
    pub fn open<T: 'static>(self) -> T {
        let mut parcel = ManuallyDrop::new(self);
        assert!(parcel.is::<T>(), "a parcel was opened as what it is not");
        let words = parcel.words.as_mut_ptr();
        if const { Of::<T>::fits(ROOM) } {
            // SAFETY: P1, and the type was compared; the parcel is not dropped afterwards.
            unsafe { words.cast::<T>().read() }
        } else {
            // SAFETY: as above; a type that does not fit was boxed.
            *unsafe { words.cast::<Box<T>>().read() }
        }
    }
}

unsafe fn discard<P>(words: *mut Word) {
    // SAFETY: P1, for `pack` chose the table for a `P`; the caller does not read the words again.
    drop(unsafe { words.cast::<P>().read() });
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if let Some(discard) = self.table.discard {
            // SAFETY: P1; the parcel is gone after this.
            unsafe { discard(self.words.as_mut_ptr()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn what_was_packed_comes_out() {
        assert_eq!(Parcel::new(7u8).open::<u8>(), 7);
        assert_eq!(Parcel::new([7u64; 50]).open::<[u64; 50]>(), [7; 50]);
        assert_eq!(Parcel::new(String::from("tea")).open::<String>(), "tea");
        let token = Rc::new(());
        drop(Parcel::new(token.clone()));
        drop(Parcel::new((token.clone(), [0u64; 9])));
        assert_eq!(Rc::strong_count(&token), 1);
    }

    #[test]
    #[should_panic(expected = "what it is not")]
    fn a_wrong_type_is_refused() {
        Parcel::new(7u8).open::<u16>();
    }
}
