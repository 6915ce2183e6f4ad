//! The one file that knows which drivers there are.

#[cfg(target_os = "linux")]
mod standby;

use crate::builder::DriverChoice;
use fate_core::Driver;
use fate_poll::PollDriver;
use std::env;
use std::io;

pub use fate_sim::Event;
pub(crate) use fate_sim::{Descriptor, Disposition, HostNumber, LinkNumber, Newborn, World};

/// Overrides [`DriverChoice::Best`].
const VARIABLE: &str = "FATE_DRIVER";

/// The driver that was asked for, by the program or, if it left the choice open, by the environment.
pub(crate) fn open(choice: DriverChoice) -> io::Result<Box<dyn Driver>> {
    match choice {
        DriverChoice::Best => match env::var(VARIABLE) {
            Ok(name) => open(named(&name)?),
            Err(_) => Ok(best()),
        },
        DriverChoice::Uring => uring(),
        DriverChoice::Poll => Ok(Box::new(PollDriver::new())),
    }
}

fn named(name: &str) -> io::Result<DriverChoice> {
    match name {
        "uring" => Ok(DriverChoice::Uring),
        "poll" => Ok(DriverChoice::Poll),
        _ => {
            let message = format!("{VARIABLE}={name}: there is no such driver; there are: uring, poll");
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
    }
}

#[cfg(target_os = "linux")]
fn best() -> Box<dyn Driver> {
    let poll = PollDriver::new();
    let (clocks, mark) = (poll.clocks(), poll.mark());
    Box::new(standby::Standby::new(
        Box::new(poll),
        Box::new(move || {
            let mut uring = fate_uring::UringDriver::sharing(clocks, mark);
            uring.open()?;
            Ok(Box::new(uring))
        }),
    ))
}

#[cfg(target_os = "linux")]
fn uring() -> io::Result<Box<dyn Driver>> {
    Ok(Box::new(fate_uring::UringDriver::new()))
}

#[cfg(not(target_os = "linux"))]
fn best() -> Box<dyn Driver> {
    Box::new(PollDriver::new())
}

#[cfg(not(target_os = "linux"))]
fn uring() -> io::Result<Box<dyn Driver>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "io_uring is Linux's alone"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::standby::{Better, Standby};
    use super::*;
    use fate_core::Until;
    use std::cell::Cell;
    use std::collections::VecDeque;
    use std::rc::Rc;

    fn look(driver: &mut Standby, until: &Until) {
        driver.exchange(&mut Vec::new(), &mut VecDeque::new(), until).unwrap();
    }

    fn simulated(name: &str) -> Box<dyn Driver> {
        Box::new(World::new(1).host(name))
    }

    /// L6: a program may fork before it runs, and what it has by then is its child's too.
    #[test]
    fn the_better_driver_is_tried_at_the_first_need_of_the_kernel_and_once() {
        let tried = Rc::new(Cell::new(0));
        let count = tried.clone();
        let better: Better = Box::new(move || {
            count.set(count.get() + 1);
            Ok(simulated("better"))
        });
        let mut driver = Standby::new(Box::new(PollDriver::new()), better);
        look(&mut driver, &Until::NOW);
        drop((driver.time(), driver.network(), driver.random()));
        assert_eq!((tried.get(), driver.name()), (0, "poll"));
        assert!(driver.note().is_some());
        driver.ringer().unwrap();
        look(&mut driver, &Until::NOW);
        assert_eq!((tried.get(), driver.name(), driver.note()), (1, "sim", None));
    }

    /// O2.
    #[test]
    fn what_stands_in_for_the_better_driver_says_why() {
        let better: Better = Box::new(|| Err(io::Error::other("the dormouse is asleep")));
        let mut driver = Standby::new(Box::new(PollDriver::new()), better);
        driver.ringer().unwrap();
        look(&mut driver, &Until::NOW);
        assert_eq!((driver.name(), driver.note().unwrap()), ("poll", "poll stands in: the dormouse is asleep".into()));
    }

    #[test]
    fn a_driver_that_does_not_exist_is_an_error_that_says_which_do() {
        let error = named("kqueue").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("uring, poll"), "{error}");
    }
}
