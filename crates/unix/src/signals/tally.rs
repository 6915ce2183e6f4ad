//! What the process knows of each signal: how often it came, how many hear it, and what was done with it before.
//!
//! All of it is atomic, for a handler may interrupt anything. What it means for the action of the system is in `registry`.

use super::action::Former;
use fate_core::{Hearing, Signal};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::SeqCst};

static TALLIES: [Tally; 65] = [const { Tally::new() }; 65];

/// One signal.
pub(super) struct Tally {
    /// How many Fates hear it, each way.
    each: AtomicU32,
    first: AtomicU32,
    /// How often it came, while somebody heard each; and while some heard the first alone.
    comings: AtomicU32,
    first_comings: AtomicU32,
    /// The first was told, and from then on the default is in force, until the last who heard the first has left.
    is_spent: AtomicBool,
    /// The handler was put in place, and not taken out again by us.
    is_ours: AtomicBool,
    /// What was done before.
    former: AtomicPtr<Former>,
    /// The arrival for which what was there before is being called.
    calling: AtomicPtr<libc::siginfo_t>,
}

/// To whom an arrival was told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Each,
    First,
    /// The first was told already.
    TooLate,
    Nobody,
}

impl Tally {
    const fn new() -> Tally {
        Tally {
            each: AtomicU32::new(0),
            first: AtomicU32::new(0),
            comings: AtomicU32::new(0),
            first_comings: AtomicU32::new(0),
            is_spent: AtomicBool::new(false),
            is_ours: AtomicBool::new(false),
            former: AtomicPtr::new(std::ptr::null_mut()),
            calling: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    pub fn of(signal: Signal) -> &'static Tally {
        Tally::numbered(signal.number())
    }

    /// That of the signal with this number.
    pub fn numbered(number: i32) -> &'static Tally {
        &TALLIES[number as usize]
    }

    /// Every signal that there may be.
    pub fn all() -> impl Iterator<Item = (Signal, &'static Tally)> {
        (1..).map_while(Signal::new).map(|signal| (signal, Tally::of(signal)))
    }

    /// How often it came, for those who hear it in this way.
    pub fn comings(&self, hearing: Hearing) -> u32 {
        match hearing {
            Hearing::Each => self.comings.load(SeqCst),
            Hearing::First => self.first_comings.load(SeqCst),
        }
    }

    /// For the handler: counts an arrival, and has those told who are to be.
    pub fn count(&self, tell: impl Fn(Hearing)) -> Told {
        if self.each.load(SeqCst) > 0 {
            self.comings.fetch_add(1, SeqCst);
            tell(Hearing::Each);
            Told::Each
        } else if self.first.load(SeqCst) == 0 {
            Told::Nobody
        } else if self.is_spent.swap(true, SeqCst) {
            Told::TooLate
        } else {
            self.first_comings.fetch_add(1, SeqCst);
            tell(Hearing::First);
            Told::First
        }
    }

    /// For the handler: an arrival for which what was there before is to be called, unless it is what calls us. Its address is
    /// that of no other arrival, as long as that is being handled.
    pub fn begin_calling(&self, arrival: *mut libc::siginfo_t) -> bool {
        let is_under_way = self.calling.swap(arrival, SeqCst) == arrival;
        if is_under_way {
            self.end_calling();
        }
        !is_under_way
    }

    pub fn end_calling(&self) {
        self.calling.store(std::ptr::null_mut(), SeqCst);
    }

    /// How many Fates hear it.
    pub fn hearers(&self) -> u32 {
        self.each.load(SeqCst) + self.first.load(SeqCst)
    }

    fn who_hear(&self, hearing: Hearing) -> &AtomicU32 {
        match hearing {
            Hearing::Each => &self.each,
            Hearing::First => &self.first,
        }
    }

    /// One more hears it.
    pub fn enter(&self, hearing: Hearing) {
        self.who_hear(hearing).fetch_add(1, SeqCst);
    }

    /// One less hears it.
    pub fn leave(&self, hearing: Hearing) {
        self.who_hear(hearing).fetch_sub(1, SeqCst);
    }

    /// Whoever was told of the first has left: the next one is a first again. No handler is under way that could tell one.
    pub fn renew(&self) {
        self.is_spent.store(false, SeqCst);
    }

    /// Whether some Fate hears it.
    pub fn is_heard(&self) -> bool {
        self.hearers() > 0
    }

    pub fn is_heard_by(&self, hearing: Hearing) -> bool {
        self.who_hear(hearing).load(SeqCst) > 0
    }

    pub fn is_spent(&self) -> bool {
        self.is_spent.load(SeqCst)
    }

    pub fn is_ours(&self) -> bool {
        self.is_ours.load(SeqCst)
    }

    pub fn set_ours(&self, is_ours: bool) {
        self.is_ours.store(is_ours, SeqCst);
    }

    /// What was done before; nothing but the default if that is nowhere.
    pub fn former(&self) -> *mut Former {
        self.former.load(SeqCst)
    }

    pub fn set_former(&self, former: *mut Former) {
        self.former.store(former, SeqCst);
    }

    /// Nobody hears it: the process that did is another one.
    pub fn forget(&self) {
        self.each.store(0, SeqCst);
        self.first.store(0, SeqCst);
        self.is_spent.store(false, SeqCst);
        self.is_ours.store(false, SeqCst);
        self.end_calling();
    }
}
