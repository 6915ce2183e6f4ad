//! P1, S1, I1, V1, V2: children, signals and standard streams of a simulated host, without the machine.

mod calls;
mod children;
mod pipes;
mod rig;
mod signals;
mod standard;
