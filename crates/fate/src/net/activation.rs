//! Sockets that whoever started this process has opened for it: socket activation (sd_listen_fds(3)).
//!
//! Three variables of the environment say so: `LISTEN_PID`, for whom they are; `LISTEN_FDS`, how many, from number 3 on; and
//! `LISTEN_FDNAMES`, what they are called. They are left as they are: an environment cannot be changed safely while other
//! threads may read it, and children are not who `LISTEN_PID` names.

use super::inherited;
use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

/// The most that are believed.
const MOST: u32 = 4096;

/// What one is called if the names are not told.
const UNNAMED: &str = "unknown";

/// A descriptor that was opened for this process.
#[derive(Debug)]
#[non_exhaustive]
pub struct Activated {
    /// What whoever opened it calls it; `unknown` if no names were told.
    pub name: String,
    /// The descriptor, which is closed when another program is executed. See [`Fate::adopt_tcp_listener`] and its kin.
    ///
    /// [`Fate::adopt_tcp_listener`]: crate::Fate::adopt_tcp_listener
    pub descriptor: OwnedFd,
}

/// Gives the descriptors that were opened for this process by whoever started it, in the order in which they were named:
/// the first time, and none from then on.
///
/// None is given if none was opened, or if they were opened for another process, of which this one is a child.
///
/// # Errors
/// [`BadActivation`] if a variable does not say what it must, or a descriptor is not open. Nothing was taken then.
///
/// # Examples
/// ```
/// use fate::{Fate, activation};
///
/// let fate = Fate::new()?;
/// let listener = match activation()?.into_iter().find(|activated| activated.name == "web") {
///     Some(activated) => fate.adopt_tcp_listener(activated.descriptor)?,
///     None => fate.listen_tcp("127.0.0.1:0")?,
/// };
/// # drop(listener);
/// # Ok::<(), fate::Failure>(())
/// ```
pub fn activation() -> Result<Vec<Activated>, BadActivation> {
    let names = names(|variable| std::env::var_os(variable), std::process::id())?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let count = u32::try_from(names.len()).unwrap_or(MOST);
    let descriptors = inherited::take(count).map_err(|error| BadActivation(Bad::NotOpen(error)))?;
    Ok(names.into_iter().zip(descriptors).map(|(name, descriptor)| Activated { name, descriptor }).collect())
}

/// What was said of descriptors for this process is not so.
#[derive(Debug)]
pub struct BadActivation(Bad);

#[derive(Debug)]
enum Bad {
    Malformed { variable: &'static str, value: OsString },
    NotOpen(io::Error),
}

impl BadActivation {
    /// Whether a variable is malformed; else a descriptor is not open.
    pub fn is_malformed(&self) -> bool {
        matches!(self.0, Bad::Malformed { .. })
    }
}

impl fmt::Display for BadActivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Bad::Malformed { variable, value } => write!(f, "{variable} does not say what it must: {value:?}"),
            Bad::NotOpen(_) => f.write_str("a descriptor that should have been opened for this process is not open"),
        }
    }
}

impl Error for BadActivation {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Bad::Malformed { .. } => None,
            Bad::NotOpen(error) => Some(error),
        }
    }
}

/// What the descriptors for the process `own` are called.
fn names(environment: impl Fn(&str) -> Option<OsString>, own: u32) -> Result<Vec<String>, BadActivation> {
    let read = |variable: &'static str| {
        let value = environment(variable);
        value.map(|value| value.into_string().map_err(|value| malformed(variable, value))).transpose()
    };
    let number = |variable: &'static str| {
        let value = read(variable)?;
        value.map(|value| value.parse::<u32>().map_err(|_| malformed(variable, value.into()))).transpose()
    };
    if number("LISTEN_PID")? != Some(own) {
        return Ok(Vec::new());
    }
    let count = match number("LISTEN_FDS")? {
        None => return Ok(Vec::new()),
        Some(count) if count > MOST => return Err(malformed("LISTEN_FDS", count.to_string().into())),
        Some(count) => count as usize,
    };
    match read("LISTEN_FDNAMES")? {
        None => Ok(vec![UNNAMED.into(); count]),
        Some(names) if names.is_empty() && count == 0 => Ok(Vec::new()),
        Some(names) if names.split(':').count() == count => Ok(names.split(':').map(String::from).collect()),
        Some(names) => Err(malformed("LISTEN_FDNAMES", names.into())),
    }
}

fn malformed(variable: &'static str, value: OsString) -> BadActivation {
    BadActivation(Bad::Malformed { variable, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    const OWN: u32 = 4711;

    /// What process `OWN` finds if its variables say this; an empty one is not set.
    fn told(pid: &str, fds: &str, fd_names: &str) -> Result<Vec<String>, String> {
        let find = |variable: &str| {
            let value = match variable {
                "LISTEN_PID" => pid,
                "LISTEN_FDS" => fds,
                _ => fd_names,
            };
            (!value.is_empty()).then(|| OsString::from(value))
        };
        names(find, OWN).map_err(|error| error.to_string())
    }

    /// N8.
    #[test]
    fn descriptors_have_the_names_that_were_told_in_their_order() {
        assert_eq!(told("4711", "3", "web:log:web").unwrap(), ["web", "log", "web"]);
        assert_eq!(told("4711", "2", ":").unwrap(), ["", ""]);
        assert_eq!(told("4711", "2", "").unwrap(), ["unknown", "unknown"]);
    }

    /// N8.
    #[test]
    fn nothing_is_there_if_nothing_was_opened_or_it_was_for_another() {
        let none = Vec::<String>::new();
        assert_eq!(told("", "", "").unwrap(), none);
        assert_eq!(told("", "2", "a:b").unwrap(), none);
        assert_eq!(told("4711", "", "").unwrap(), none);
        assert_eq!(told("4711", "0", "").unwrap(), none);
        assert_eq!(told("4712", "2", "a:b").unwrap(), none);
        assert_eq!(told("4712", "many", "a:b").unwrap(), none, "what is said to another is none of our business");
    }

    /// E4, N8.
    #[test]
    fn a_variable_that_does_not_say_what_it_must_is_named() {
        for pid in ["x", "-4711", "4711 ", "99999999999"] {
            assert_eq!(told(pid, "1", "").unwrap_err(), format!("LISTEN_PID does not say what it must: {pid:?}"));
        }
        for count in ["-1", "two", "1.0", "4097", "99999999999999999999"] {
            assert_eq!(
                told("4711", count, "").unwrap_err(),
                format!("LISTEN_FDS does not say what it must: {count:?}")
            );
        }
        for names in ["a", "a:b:c"] {
            let error = told("4711", "2", names).unwrap_err();
            assert_eq!(error, format!("LISTEN_FDNAMES does not say what it must: {names:?}"));
        }
    }

    /// E4.
    #[test]
    fn a_variable_may_hold_any_bytes() {
        let odd = |_: &str| Some(OsString::from_vec(vec![0xff, b'1']));
        assert!(names(odd, OWN).unwrap_err().is_malformed());
    }
}
