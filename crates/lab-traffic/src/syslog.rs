//! Writes the messages to `/dev/log` into a file, on a machine without a system log.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use crate::Result;
use crate::args::Args;

/// Larger than what any logger sends.
const LONGEST: usize = 65_536;

/// Appends every message sent to the socket `--socket` to `--file`, each with the seconds since the
/// start of the machine in front. Ends only when killed.
pub(crate) fn syslog(args: &Args) -> Result<()> {
    let (path, file): (PathBuf, PathBuf) = (args.required("socket")?, args.required("file")?);
    // Left over from an earlier one.
    let _ = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path)?;
    let mut file = File::options().create(true).append(true).open(file)?;
    let mut buffer = vec![0; LONGEST];
    loop {
        let length = socket.recv(&mut buffer)?;
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
        let uptime = std::fs::read_to_string("/proc/uptime")?;
        let seconds = uptime.split(' ').next().unwrap_or_default();
        for line in text.trim_end_matches(['\0', '\n']).lines() {
            writeln!(file, "{seconds} {line}")?;
        }
    }
}
