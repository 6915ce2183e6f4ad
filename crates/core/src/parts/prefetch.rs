//! Asking the processor for a line of memory before it is needed.

#![allow(unsafe_code, reason = "the prefetch instruction takes a raw pointer")]

/// Starts fetching the line that `place` lies on. A hint: does nothing where there is no such instruction.
#[inline]
pub(super) fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: prefetching has no effect that a program could observe, whatever the address; this one is valid.
        unsafe { _mm_prefetch(std::ptr::from_ref(place).cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
