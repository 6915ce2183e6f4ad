//! Machine: the reactor owns the parts and has no algorithm; the turn is the algorithm and owns nothing. Each other file
//! is one thing that the reactor can do.

pub mod belongings;
pub mod children;
pub mod ending;
pub mod fault;
pub mod living;
pub mod operations;
pub mod reactor;
pub mod report;
pub mod tasks;
pub mod turn;
mod until;
pub mod watch;
