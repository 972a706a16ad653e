//! The event loop, which handles one event after the other, as in netifd.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mape_ubus::Message;

use crate::bus::Bus;
use crate::netifd::Netifd;
use crate::process::{Processes, Task};

/// An event of the loop.
#[derive(Debug)]
pub(crate) enum Event {
    Connected(UnixStream),
    Received(u32, Message),
    Gone(u32),
    /// A network device of the machine changed.
    Links,
    /// A process ended, with this exit status.
    Ended(Task, i32),
}

/// The paths of socket, configuration and scripts.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) socket: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) handlers: PathBuf,
    pub(crate) hotplug: Option<PathBuf>,
    pub(crate) dry: bool,
    /// netifd does not exist before `ubus call stand-in start`.
    pub(crate) later: bool,
}

/// Serves until it is killed. Like the real netifd it does not clean up then.
pub(crate) fn serve(options: &Options) -> anyhow::Result<()> {
    let _ = std::fs::remove_file(&options.socket);
    let listener = UnixListener::bind(&options.socket)
        .with_context(|| options.socket.display().to_string())?;
    let (sender, events) = mpsc::channel();
    let mut bus = Bus::new(sender.clone());
    let mut netifd = Netifd::new(options, Processes::new(sender.clone()));
    let links = sender.clone();
    netifd.system.watch_links(move || drop(links.send(Event::Links)));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = sender.send(Event::Connected(stream));
        }
    });
    if !options.later {
        netifd.start();
    }
    loop {
        let wait = netifd
            .next_due()
            .map_or(Duration::from_secs(3600), |due| due.saturating_duration_since(Instant::now()));
        match events.recv_timeout(wait) {
            Ok(Event::Connected(stream)) => drop(bus.connected(stream)),
            Ok(Event::Received(client, message)) => bus.received(&mut netifd, client, &message),
            Ok(Event::Gone(client)) => bus.gone(client),
            Ok(Event::Links) => netifd.links_changed(),
            Ok(Event::Ended(task, code)) => netifd.process_ended(task, code),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        netifd.do_due();
    }
}
