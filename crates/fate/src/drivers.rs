//! The one file that knows which drivers there are.

use crate::builder::DriverChoice;
use fate_core::Driver;
use std::env;
use std::io;

pub use fate_sim::Event;
pub(crate) use fate_sim::{HostNumber, World};

/// Overrides [`DriverChoice::Best`].
const VARIABLE: &str = "FATE_DRIVER";

/// The driver that was asked for, by the program or, if it left the choice open, by the environment.
pub(crate) fn open(choice: DriverChoice) -> io::Result<Box<dyn Driver>> {
    match choice {
        DriverChoice::Best => match env::var(VARIABLE) {
            Ok(name) if name != "poll" => Err(unknown(&name)),
            _ => open(DriverChoice::Poll),
        },
        DriverChoice::Poll => Ok(Box::new(fate_poll::PollDriver::new())),
    }
}

fn unknown(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{VARIABLE}={name}: there is no such driver; there is: poll"))
}
