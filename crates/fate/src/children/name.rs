//! What a child is called in reports.

use fate_core::Process;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// `uname (process 12)`
pub(crate) struct Name {
    program: OsString,
    process: Process,
}

impl Name {
    pub fn new(program: OsString, process: Process) -> Name {
        Name { program, process }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Path::new(&self.program).file_name().unwrap_or(&self.program);
        write!(f, "{} (process {})", name.to_string_lossy(), self.process.0)
    }
}
