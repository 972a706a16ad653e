//! Waiting for sockets, until a time.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};

use crate::Result;

/// The most sockets of one call.
const EVENTS: usize = 128;

/// The sockets of an [`Epoll`] that have something, until a time.
pub(crate) struct Ready {
    deadline: Instant,
    events: [EpollEvent; EVENTS],
}

impl Ready {
    /// For as long as `limit`.
    pub(crate) fn within(limit: Duration) -> Self {
        Self { deadline: Instant::now() + limit, events: [EpollEvent::empty(); EVENTS] }
    }

    /// Waits for the next ones; `None` when the time is up.
    pub(crate) fn next(&mut self, epoll: &Epoll) -> Result<Option<&[EpollEvent]>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        // At least a millisecond: less would spin.
        let timeout = EpollTimeout::try_from(left.max(Duration::from_millis(1)))?;
        let count = match epoll.wait(&mut self.events, timeout) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        Ok(self.events.get(..count))
    }
}
