//! Descriptors passed over Unix connections (unix(7), `SCM_RIGHTS`).

use super::stream::UnixStream;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

impl UnixStream {
    /// Sends bytes, and descriptors with the first of them, after all that was written before. The other side has
    /// duplicates of its own: these may be closed when this is done.
    ///
    /// # Errors
    /// `InvalidInput` if there are no bytes, or more descriptors than the system passes at a time (253 on Linux);
    /// `Unsupported` under simulation; what else the kernel says.
    ///
    /// # Cancellation
    /// Dropping the future before it is done leaves all of it unsent.
    ///
    /// # Examples
    /// On a real kernel:
    /// ```
    /// use fate::Fate;
    /// use std::{fs::File, io::{Read, Write}, os::{fd::AsFd, unix::net::UnixStream}};
    ///
    /// let fate = Fate::new()?;
    /// let (here, there) = UnixStream::pair()?;
    /// let (here, there) = (fate.adopt_unix_stream(here.into())?, fate.adopt_unix_stream(there.into())?);
    /// fate.run_until(async {
    ///     let (mut far_end, near_end) = UnixStream::pair()?;
    ///     here.send_with_descriptors(b"for you", &[near_end.as_fd()]).await?;
    ///     drop(near_end);
    ///
    ///     let mut words = [0; 16];
    ///     let (length, descriptors) = there.receive_with_descriptors(&mut words).await?;
    ///     assert_eq!((&words[..length], descriptors.len()), (&b"for you"[..], 1));
    ///     for descriptor in descriptors {
    ///         UnixStream::from(descriptor).write_all(b"it works")?;
    ///     }
    ///     let mut answer = String::new();
    ///     far_end.read_to_string(&mut answer)?; // to the end: no other copy is open
    ///     assert_eq!(answer, "it works");
    ///     fate::Ok(())
    /// })?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub async fn send_with_descriptors(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.connection().pass(bytes, descriptors).await
    }

    /// Waits for bytes, and gives how many came with the descriptors that came with them; no bytes at the end. Descriptors
    /// that you drop are closed.
    ///
    /// They come with the bytes that they were sent with and are lost, closed, if those are read in another way. So read from
    /// such a connection with this alone, from one task. What was received before, by a read that came earlier, is given
    /// first, without descriptors.
    ///
    /// # Errors
    /// `InvalidInput` if there is no room for bytes; `Unsupported` under simulation; what else the kernel says.
    ///
    /// # Cancellation
    /// Dropping the future loses nothing.
    pub async fn receive_with_descriptors(&self, into: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        self.connection().take_passed(into).await
    }
}
