//! Numbered places for things that come and go, each use of a place told from the next by its generation.
//!
//! Chunks of `N` places each: growing copies nothing, the first line of a thing is the first line of its place, and chunks
//! that are empty are given back while more than `SPARE_BYTES` of places lie idle beyond as many as are in use. The
//! generations lie apart from the things, so that asking "is this still the one I knew?" stays in the cache.
//!
//! # Invariants
//! - S1 A place's generation grows whenever the thing in it changes hands (`remove`, `renew`); a chunk made anew starts
//!   beyond every generation of those given back. So a [`Key`] names one thing for ever, or until 2^31 changes.
//! - S2 `open` names every chunk that has a free place once, and may still name chunks that were given back.
//! - S3 `empty` names every chunk that has nothing in it once, and may still name chunks that were filled again; a chunk
//!   is `listed` while it is named there.

use super::prefetch::prefetch;
use crate::words::key::Key;

/// Bytes of places that may lie idle, beyond as many places as are in use, before chunks are given back.
const SPARE_BYTES: usize = 1 << 20;

/// A table of things with keys.
pub struct Slots<T, const N: usize = 256> {
    chunks: Vec<Option<Chunk<T, N>>>,
    open: Vec<u32>,
    empty: Vec<u32>,
    missing: Vec<u32>,
    live: usize,
    places: usize,
    oldest: u32,
}

struct Chunk<T, const N: usize> {
    /// Has room for `N`, and never moves; those that were never used are not there yet.
    slots: Vec<Slot<T>>,
    generations: Box<[u32; N]>,
    /// The first free slot, `N` if there is none; the number of slots, if it was never used.
    free: u32,
    live: u32,
    listed: bool,
}

enum Slot<T> {
    Vacant { next: u32 },
    Full(T),
}

impl<T, const N: usize> Chunk<T, N> {
    /// Puts a thing into the first free slot, of which there is one. Gives its number.
    #[inline]
    fn fill(&mut self, thing: T) -> u32 {
        let within = self.free;
        self.live += 1;
        match self.slots.get_mut(within as usize) {
            Some(slot) => {
                if let Slot::Vacant { next } = *slot {
                    self.free = next;
                }
                *slot = Slot::Full(thing);
            }
            None => {
                self.slots.push(Slot::Full(thing));
                self.free += 1;
            }
        }
        within
    }
}

impl<T, const N: usize> Slots<T, N> {
    const SPARE: usize = SPARE_BYTES / size_of::<Slot<T>>();

    /// An empty table, without memory.
    pub const fn new() -> Slots<T, N> {
        Slots {
            chunks: Vec::new(),
            open: Vec::new(),
            empty: Vec::new(),
            missing: Vec::new(),
            live: 0,
            places: 0,
            oldest: 0,
        }
    }

    /// How many things are in the table.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether nothing is in the table.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Puts a thing into a free place.
    ///
    /// # Panics
    /// If four thousand million things are in the table.
    #[inline]
    pub fn insert(&mut self, thing: T) -> Key {
        loop {
            let Some(&number) = self.open.last() else {
                self.add_chunk();
                continue;
            };
            let Some(chunk) = self.chunks[number as usize].as_mut().filter(|chunk| (chunk.free as usize) < N) else {
                self.open.pop();
                continue;
            };
            let within = chunk.fill(thing);
            let generation = chunk.generations[within as usize];
            self.live += 1;
            if chunk.free as usize >= N {
                self.open.pop();
            }
            return Key { index: number * N as u32 + within, generation };
        }
    }

    #[cold]
    fn add_chunk(&mut self) {
        let (slots, generations) = (Vec::with_capacity(N), Box::new([self.oldest; N]));
        let chunk = Chunk { slots, generations, free: 0, live: 0, listed: false };
        let number = self.missing.pop().unwrap_or_else(|| self.add_number());
        self.chunks[number as usize] = Some(chunk);
        self.open.push(number);
        self.places += N;
    }

    /// A number for one more chunk, and room for it in every list: they allocate here or never.
    fn add_number(&mut self) -> u32 {
        self.chunks.push(None);
        for list in [&mut self.open, &mut self.empty, &mut self.missing] {
            list.reserve(self.chunks.len() - list.len());
        }
        u32::try_from((self.chunks.len() - 1) * N).expect("fewer than 2^32 things are alive") / N as u32
    }

    /// Takes a thing out, whatever its generation.
    #[inline]
    pub fn remove(&mut self, index: u32) -> Option<T> {
        let slot = self.slot_mut(index)?;
        match std::mem::replace(slot, Slot::Vacant { next: 0 }) {
            Slot::Full(thing) => {
                self.free(index);
                Some(thing)
            }
            vacant => {
                *slot = vacant;
                None
            }
        }
    }

    /// Drops a thing in its place, whatever its generation.
    #[inline]
    pub fn discard(&mut self, index: u32) {
        if let Some(slot @ Slot::Full(_)) = self.slot_mut(index) {
            *slot = Slot::Vacant { next: 0 };
            self.free(index);
        }
    }

    #[inline]
    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<T>> {
        let chunk = self.chunks.get_mut(index as usize / N)?.as_mut()?;
        chunk.slots.get_mut(index as usize % N)
    }

    /// Enters a place that was just vacated among the free ones.
    #[inline]
    fn free(&mut self, index: u32) {
        let (number, within) = (index / N as u32, index as usize % N);
        let Some(chunk) = &mut self.chunks[number as usize] else { return };
        let was_full = chunk.free as usize >= N;
        chunk.slots[within] = Slot::Vacant { next: chunk.free };
        chunk.generations[within] = chunk.generations[within].wrapping_add(1);
        chunk.free = within as u32;
        chunk.live -= 1;
        self.live -= 1;
        if was_full {
            self.open.push(number);
        }
        if chunk.live == 0 && !std::mem::replace(&mut chunk.listed, true) {
            self.empty.push(number);
        }
        if self.has_too_many_places() {
            self.give_back();
        }
    }

    /// Takes out the thing with this key, if it is still there.
    pub fn remove_key(&mut self, key: Key) -> Option<T> {
        if self.is_current(key) { self.remove(key.index) } else { None }
    }

    #[inline]
    fn has_too_many_places(&self) -> bool {
        self.places - self.live > self.live + Self::SPARE && !self.empty.is_empty()
    }

    /// Gives chunks that are empty back, until no more places are idle than may be.
    #[cold]
    fn give_back(&mut self) {
        while self.has_too_many_places()
            && let Some(number) = self.empty.pop()
        {
            let place = &mut self.chunks[number as usize];
            if let Some(chunk) = place.take_if(|chunk| chunk.live == 0) {
                self.missing.push(number);
                self.places -= N;
                self.retire(&chunk.generations);
            } else if let Some(chunk) = place {
                chunk.listed = false;
            }
        }
    }

    /// Lets chunks made from now on start beyond these generations, which were counted in a circle.
    fn retire(&mut self, generations: &[u32; N]) {
        let beyond = |generation: &u32| generation.wrapping_add(1).wrapping_sub(self.oldest).cast_signed();
        let newest = generations.iter().map(beyond).max().unwrap_or(0).max(0);
        self.oldest = self.oldest.wrapping_add_signed(newest);
    }

    /// The thing in a place, whatever its generation.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        let chunk = self.chunks.get(index as usize / N)?.as_ref()?;
        match chunk.slots.get(index as usize % N)? {
            Slot::Full(thing) => Some(thing),
            Slot::Vacant { .. } => None,
        }
    }

    /// The thing in a place, whatever its generation.
    #[inline]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        match self.slot_mut(index)? {
            Slot::Full(thing) => Some(thing),
            Slot::Vacant { .. } => None,
        }
    }

    /// The thing with this key, if it is still there.
    #[inline]
    pub fn get_key_mut(&mut self, key: Key) -> Option<&mut T> {
        if self.is_current(key) { self.get_mut(key.index) } else { None }
    }

    /// The thing with this key, if it is still there.
    pub fn get_key(&self, key: Key) -> Option<&T> {
        if self.is_current(key) { self.get(key.index) } else { None }
    }

    /// Whether the place is still in the same use as when the key was made.
    #[inline]
    pub fn is_current(&self, key: Key) -> bool {
        match self.chunks.get(key.index as usize / N) {
            Some(Some(chunk)) => chunk.generations[key.index as usize % N] == key.generation,
            _ => false,
        }
    }

    /// The thing in a place, whatever its generation, with the means to make every key to it stale.
    #[inline]
    pub fn get_with_generation(&mut self, index: u32) -> Option<(&mut T, &mut u32)> {
        let Chunk { slots, generations, .. } = self.chunks.get_mut(index as usize / N)?.as_mut()?;
        match slots.get_mut(index as usize % N)? {
            Slot::Full(thing) => Some((thing, &mut generations[index as usize % N])),
            Slot::Vacant { .. } => None,
        }
    }

    /// Makes every key to this place stale but the one returned; the thing stays.
    #[inline]
    pub fn renew(&mut self, index: u32) -> Option<Key> {
        let chunk = self.chunks.get_mut(index as usize / N)?.as_mut()?;
        let generation = &mut chunk.generations[index as usize % N];
        *generation = generation.wrapping_add(1);
        Some(Key { index, generation: *generation })
    }

    /// Asks the processor to fetch the thing in a place.
    #[inline]
    pub fn prefetch(&self, index: u32) {
        if let Some(Some(chunk)) = self.chunks.get(index as usize / N)
            && let Some(slot) = chunk.slots.get(index as usize % N)
        {
            prefetch(slot);
        }
    }

    /// All things with their keys, by place.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.iter_from(0)
    }

    /// The things in the places from `first` on, with their keys, by place.
    pub fn iter_from(&self, first: u32) -> impl Iterator<Item = (Key, &T)> {
        let chunks = self.chunks.iter().enumerate().skip(first as usize / N);
        let things = chunks.flat_map(|(number, chunk)| {
            chunk.iter().filter(|chunk| chunk.live > 0).flat_map(move |chunk| {
                chunk.slots.iter().enumerate().filter_map(move |(within, slot)| match slot {
                    Slot::Full(thing) => {
                        let index = (number * N + within) as u32;
                        Some((Key { index, generation: chunk.generations[within] }, thing))
                    }
                    Slot::Vacant { .. } => None,
                })
            })
        });
        things.filter(move |(key, _)| key.index >= first)
    }
}

impl<T, const N: usize> Default for Slots<T, N> {
    fn default() -> Slots<T, N> {
        Slots::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_one_thing_for_ever() {
        let mut slots: Slots<u32, 4> = Slots::new();
        let first = slots.insert(1);
        assert_eq!(slots.remove_key(first), Some(1));
        let second = slots.insert(2);
        assert_eq!(first.index, second.index);
        assert_eq!((slots.get_key(first), slots.get_key(second)), (None, Some(&2)));
        assert_eq!(slots.remove_key(first), None);
        let third = slots.renew(second.index).unwrap();
        assert_eq!((slots.get_key(second), slots.get_key(third)), (None, Some(&2)));
    }

    #[test]
    fn memory_follows_the_things_that_are_live() {
        type Wide = Slots<[u64; 8], 64>;
        let mut slots = Wide::new();
        let keys: Vec<Key> = (0..100_000).map(|number| slots.insert([number; 8])).collect();
        for key in &keys[10..] {
            slots.remove_key(*key);
        }
        assert!(slots.places <= 2 * slots.live + Wide::SPARE + 64, "{} places for {}", slots.places, slots.live);
        let again: Vec<Key> = (0..100_000).map(|number| slots.insert([number; 8])).collect();
        assert!(keys[10..].iter().all(|key| slots.get_key(*key).is_none()), "keys of chunks given back stay dead");
        assert!((0..).zip(&again).all(|(number, key)| slots.get_key(*key) == Some(&[number; 8])));
        assert_eq!(slots.iter().count(), 100_010);
    }

    #[test]
    fn a_walk_may_begin_anywhere() {
        let mut slots: Slots<u32, 4> = Slots::new();
        let keys: Vec<Key> = (0..100).map(|number| slots.insert(number)).collect();
        for key in keys.iter().filter(|key| key.index % 3 > 0) {
            slots.remove(key.index);
        }
        for first in 0..110 {
            let from: Vec<u32> = slots.iter_from(first).map(|(key, _)| key.index).collect();
            assert_eq!(from, (first..100).filter(|index| index % 3 == 0).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn a_generation_that_went_round_does_not_make_keys_come_again() {
        let mut slots: Slots<[u64; 8], 64> = Slots::new();
        slots.oldest = u32::MAX - 1;
        let mut keys: Vec<Key> = Vec::new();
        for _ in 0..5 {
            let round: Vec<Key> = (0..100_000).map(|number| slots.insert([number; 8])).collect();
            assert!(keys.iter().all(|key| !slots.is_current(*key)));
            for key in &round {
                slots.remove_key(*key);
            }
            keys.extend(round);
        }
        assert!(slots.oldest < 10);
    }
}
