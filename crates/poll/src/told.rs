//! What is told to the machine in one exchange, and whether it is worth returning for.

use fate_core::{Completion, Event, Key};
use std::collections::VecDeque;

/// The inbox of one exchange.
pub(crate) struct Told<'a> {
    inbox: &'a mut VecDeque<Completion>,
    is_news: bool,
}

impl<'a> Told<'a> {
    /// An exchange begins: nothing was told.
    pub fn new(inbox: &'a mut VecDeque<Completion>) -> Told<'a> {
        Told { inbox, is_news: false }
    }

    /// Something happened that somebody waits for.
    #[inline]
    pub fn tell(&mut self, key: Key, event: Event) {
        self.is_news = true;
        self.mention(key, event);
    }

    /// Something happened that is told when there is something else to tell.
    #[inline]
    pub fn mention(&mut self, key: Key, event: Event) {
        self.inbox.push_back(Completion { key, event });
    }

    /// Whether something was told that ends the wait.
    pub fn is_news(&self) -> bool {
        self.is_news
    }
}
