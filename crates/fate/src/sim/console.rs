//! What a script types on a host's standard input, and what the host prints.

use super::Sim;
use fate_core::Standard;

impl Sim {
    /// Types a line on a host's standard input: it is there at once, for whoever reads it.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use std::time::Duration;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// let lines = fate.stdin_lines(|fate, line| assert_eq!((line.as_str(), fate.now().as_nanos()), ("tea", 5_000_000_000)));
    /// sim.run_until(Duration::from_secs(5))?;
    /// sim.type_line("here", "tea");
    /// sim.end_input("here");
    /// sim.run()?;
    /// # drop(lines);
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn type_line(&mut self, host: &str, line: &str) {
        self.type_bytes(host, format!("{line}\n").as_bytes());
    }

    /// Types bytes on a host's standard input. What is typed after its [end](Sim::end_input) is not there.
    ///
    /// ```
    /// use fate::sim::Sim;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.type_bytes("here", &[0xff]);
    /// fate.clone().spawn(async move {
    ///     let mut bytes = [0];
    ///     fate.stdin()?.read_exact(&mut bytes).await?;
    ///     assert_eq!(bytes, [0xff]);
    ///     fate::Ok(())
    /// });
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn type_bytes(&mut self, host: &str, bytes: &[u8]) {
        self.world.type_in(self.number(host), bytes);
    }

    /// Ends a host's standard input, as Ctrl-D does: whoever reads it finds the end, once everything else was read. It never
    /// ends by itself.
    ///
    /// ```
    /// use fate::sim::Sim;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.end_input("here");
    /// fate.clone().spawn(async move {
    ///     assert_eq!(fate.stdin()?.read_line(80).await?, None);
    ///     fate::Ok(())
    /// });
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn end_input(&mut self, host: &str) {
        self.world.end_input(self.number(host));
    }

    /// What a host has written to its standard output so far, also by children that share it.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use futures_lite::io::AsyncWriteExt;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// fate.clone().spawn(async move {
    ///     fate.stdout()?.write_all(b"twinkle, twinkle").await?;
    ///     fate::Ok(())
    /// });
    /// sim.run()?;
    /// assert_eq!(sim.printed("here"), "twinkle, twinkle");
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn printed(&self, host: &str) -> String {
        self.shown(host, Standard::Output)
    }

    /// What a host has written to its standard error so far, also by children that share it.
    ///
    /// ```
    /// use fate::{ChildOptions, Plug, sim::Sim};
    /// use std::process::Command;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.program("here", "cook", |child| async move { child.complain("more pepper!").await.map_err(fate::Failure::from) });
    /// fate.spawn_child_with(Command::new("cook"), ChildOptions::default().stderr(Plug::AsSet)).add_callback(drop);
    /// sim.run()?;
    /// assert_eq!(sim.complained("here"), "more pepper!");
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn complained(&self, host: &str) -> String {
        self.shown(host, Standard::Error)
    }

    fn shown(&self, host: &str, standard: Standard) -> String {
        String::from_utf8_lossy(&self.world.printed(self.number(host), standard)).into_owned()
    }
}
