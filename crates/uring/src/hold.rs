//! Where cargoes lie that the kernel may take a while to send.
//!
//! # Invariants
//! - H1 A cargo stays in its place until it is unloaded.
//!
//! # Cost
//! No allocation once warm: places are used again.

use crate::cargo::Cargo;

/// Everything that is being sent, but for what is sent quietly.
#[derive(Default)]
pub(crate) struct Hold {
    places: Vec<Option<Cargo>>,
    vacant: Vec<u32>,
}

impl Hold {
    /// Keeps a cargo until it is unloaded, and says where.
    pub fn stow(&mut self, cargo: Cargo) -> u32 {
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() as u32 - 1
        });
        self.places[place as usize] = Some(cargo);
        place
    }

    /// What lies in a place.
    ///
    /// # Panics
    /// If there is nothing.
    pub fn cargo(&self, place: u32) -> &Cargo {
        self.places[place as usize].as_ref().expect("a send has its cargo")
    }

    /// Takes out what lies in a place.
    ///
    /// # Panics
    /// If there is nothing.
    pub fn unload(&mut self, place: u32) -> Cargo {
        let cargo = self.places[place as usize].take().expect("a send has its cargo");
        self.vacant.push(place);
        cargo
    }
}
