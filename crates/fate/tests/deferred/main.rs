//! Deferreds keep their promises, on virtual time: D1 to D7 and D10. Combinators are in `combine`, locks and queues in
//! `primitives`; `conformance` tries random programs against a model and against Twisted.

mod awaiting;
mod cancelling;
mod dropping;
mod firing;
mod links;
mod pausing;
mod rig;
mod timeouts;
mod unheard;
