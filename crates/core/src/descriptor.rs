//! File descriptors of the caller's: files, pipes, sockets and terminals, blocking or not, read and written
//! within a call's limits.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::store::sys;

/// Reads what is there, waiting for it if there is nothing yet; 0 is the end.
pub(crate) fn read(fd: BorrowedFd<'_>, room: &mut [u8], context: &Context, doing: &str) -> Result<usize> {
    loop {
        // Asked first, so that a blocking descriptor does not keep the call beyond its limits either.
        if context.is_limited() {
            wait(fd, PollFlags::IN, context, doing)?;
        }
        match rustix::io::read(fd, &mut *room) {
            Ok(count) => {
                context.read(count);
                return Ok(count);
            }
            Err(Errno::INTR) => {}
            Err(errno) if errno == Errno::AGAIN || errno == Errno::WOULDBLOCK => {
                wait(fd, PollFlags::IN, context, doing)?;
            }
            Err(errno) => return Err(failure("read from", errno)),
        }
    }
}

/// Writes some of the data, waiting until the descriptor takes any; gives how many bytes it took.
pub(crate) fn write(fd: BorrowedFd<'_>, data: &[u8], context: &Context, doing: &str) -> Result<usize> {
    loop {
        if context.is_limited() {
            wait(fd, PollFlags::OUT, context, doing)?;
        }
        match sys::write(fd, at_once(data, context)) {
            Ok(count) => {
                context.written(count);
                return Ok(count);
            }
            Err(Errno::INTR) => {}
            Err(errno) if errno == Errno::AGAIN || errno == Errno::WOULDBLOCK => {
                wait(fd, PollFlags::OUT, context, doing)?;
            }
            Err(errno) => return Err(failure("write to", errno)),
        }
    }
}

/// As much as a ready descriptor takes without waiting (PIPE_BUF, by POSIX), if the call must not wait beyond
/// its limits.
fn at_once<'a>(data: &'a [u8], context: &Context) -> &'a [u8] {
    if context.is_limited() { &data[..data.len().min(libc::PIPE_BUF)] } else { data }
}

/// Waits until the descriptor is ready, or has failed or ended, which the call after this tells.
fn wait(fd: BorrowedFd<'_>, events: PollFlags, context: &Context, doing: &str) -> Result<()> {
    loop {
        context.check(doing)?;
        let timeout = context.longest_wait().map(|longest| longest.max(Duration::from_millis(1)));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut [PollFd::from_borrowed_fd(fd, events)], timeout.as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(failure("wait for", errno)),
        }
    }
}

fn failure(what: &str, errno: Errno) -> Error {
    let status = if errno == Errno::NOSPC || errno == Errno::DQUOT { Status::NoSpace } else { Status::Io };
    let message = format!("cannot {what} the descriptor: {}", std::io::Error::from(errno));
    Error::new(status, message).with_errno(errno.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{CallOptions, CancelToken};
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    fn free() -> Context {
        Context::default()
    }

    #[test]
    fn what_is_there_is_read_and_the_end_is_zero() {
        let (mut one, other) = UnixStream::pair().unwrap();
        one.write_all(b"abc").unwrap();
        let mut room = [0; 8];
        assert_eq!(read(other.as_fd(), &mut room, &free(), "reading").unwrap(), 3);
        drop(one);
        assert_eq!(read(other.as_fd(), &mut room, &free(), "reading").unwrap(), 0);
    }

    #[test]
    fn a_descriptor_that_does_not_block_is_waited_for_within_the_limits() {
        let (one, other) = UnixStream::pair().unwrap();
        other.set_nonblocking(true).unwrap();
        one.set_nonblocking(true).unwrap();
        let over = CallOptions { deadline: Some(Duration::from_millis(1)), ..CallOptions::default() };
        let mut room = [0; 8];
        let error = read(other.as_fd(), &mut room, &Context::start(&over), "reading lines").unwrap_err();
        assert_eq!(error.status(), Status::Deadline, "{error}");
        let token = CancelToken::new();
        token.cancel();
        let cancelled = CallOptions { cancel: Some(token), ..CallOptions::default() };
        let error = read(other.as_fd(), &mut room, &Context::start(&cancelled), "reading lines").unwrap_err();
        assert_eq!(error.status(), Status::Cancelled, "{error}");
        let full = vec![0; 8 << 20];
        let mut sent = 0;
        let error = loop {
            match write(one.as_fd(), &full, &Context::start(&over), "writing lines") {
                Ok(count) => sent += count,
                Err(error) => break error,
            }
        };
        assert_eq!(error.status(), Status::Deadline, "{error}");
        let taken = std::thread::spawn(move || {
            other.set_nonblocking(false).unwrap();
            let mut all = Vec::new();
            let mut other = other;
            other.read_to_end(&mut all).unwrap();
            all.len()
        });
        let mut rest = 1 << 20;
        while rest > 0 {
            rest -= write(one.as_fd(), &full[..rest], &free(), "writing lines").unwrap();
        }
        drop(one);
        assert_eq!(taken.join().unwrap(), sent + (1 << 20));
    }

    #[test]
    fn a_closed_pipe_is_an_error_and_no_signal() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let error = write(writer.as_fd(), b"x", &free(), "writing").unwrap_err();
        assert_eq!((error.status(), error.errno()), (Status::Io, Some(libc::EPIPE)), "{error}");
    }
}
