//! What hyper has run beside a connection of HTTP/2: a task for each stream.
//!
//! That of a request ends when its response is given to hyper, whether it has left or not; that of a stream which
//! [carries something else](super::upgrade) when whoever speaks over it is gone, or the other side is. So the line knows which streams
//! are still somebody's here.
//!
//! # Cost
//! A task is a little larger than hyper has made it.

use super::line::Line;
use fate::HyperExecutor;
use hyper::rt::Executor;
use std::rc::{Rc, Weak};

/// Runs the tasks of a line.
#[derive(Clone)]
pub(super) struct Runner {
    executor: HyperExecutor,
    line: Weak<Line>,
}

impl Runner {
    pub fn of(line: &Rc<Line>) -> Runner {
        Runner { executor: HyperExecutor::new(line.fate()), line: Rc::downgrade(line) }
    }
}

impl<F: Future<Output: 'static> + 'static> Executor<F> for Runner {
    fn execute(&self, future: F) {
        let running = Running::on(self.line.clone());
        self.executor.execute(async move {
            let output = future.await;
            drop(running);
            output
        });
    }
}

/// A task that is not over.
struct Running(Weak<Line>);

impl Running {
    fn on(line: Weak<Line>) -> Running {
        line.upgrade().iter().for_each(|line| line.run(true));
        Running(line)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.upgrade().iter().for_each(|line| line.run(false));
    }
}
