//! One GET, by a program of the router: `curl` where it is installed, else `uclient-fetch`.
//!
//! A TLS library is larger than the rest of this program (docs/decisions/0005-https-by-curl.md).

use std::io;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mape_provision::{HttpFailure, HttpReply, HttpRequest, MAX_BODY, Url, may_be_led_to};
use mape_system::program::{Command, End, Program};

use super::Resolvers;

mod curl;
mod tool;
mod uclient;

use tool::{Call, Ended};

/// Where the programs are on a router.
const DIRECTORIES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// Longest head of an answer, in bytes.
const MAX_HEAD: usize = 1 << 14;
/// Output that is read of a program, in bytes: one more than the longest body that is taken.
const MAX_PRINTED: usize = MAX_BODY + 1 + MAX_HEAD;
/// Limit of a request to a home gateway in front of the router.
const LAN_TIMEOUT: Duration = Duration::from_secs(6);
/// Limit of a request. A rule server was seen to answer after 32 seconds, and only procd waits for
/// the call.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

/// The program that speaks HTTP and TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetcher {
    tool: Tool,
    program: PathBuf,
    /// A file with the certificate of an authority that the user trusts for this, PEM.
    authority: Option<String>,
    /// When all requests together have to be over.
    until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Curl,
    Uclient,
}

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The reply that the provisioning machine gets.
    pub reply: HttpReply,
    /// The last line of standard error, for the log. It has no URL: one may hold a password.
    pub said: Option<String>,
}

impl Fetcher {
    /// Returns the program to use; `None` where neither is installed.
    #[must_use]
    pub fn find(authority: Option<String>) -> Option<Self> {
        let tools = [(Tool::Curl, "curl"), (Tool::Uclient, "uclient-fetch")];
        let programs = tools.into_iter().flat_map(|(tool, name)| {
            DIRECTORIES.map(|directory| (tool, Path::new(directory).join(name)))
        });
        let (tool, program) = programs.into_iter().find(|(_, program)| program.exists())?;
        Some(Self { tool, program, authority, until: None })
    }

    /// Returns curl; `None` where it is not installed.
    pub(crate) fn curl(authority: Option<String>) -> Option<Self> {
        Self::find(authority).filter(|found| found.tool == Tool::Curl)
    }

    /// Asks for this URL at this address, from `source`, with one more line in the head. The
    /// certificate is verified, and nothing is followed.
    pub(crate) fn tell(
        &self,
        url: &Url,
        header: &str,
        address: Ipv6Addr,
        source: Ipv6Addr,
    ) -> HttpReply {
        let (command, input) =
            curl::command_for(&self.call(), url, (true, header), &[address], Some(source));
        run(command, &input, self.timeout()).map_or(tool::NO_ANSWER, |ended| curl::reply(&ended))
    }

    /// Returns a fetcher whose requests are over by `until`.
    #[must_use]
    pub fn until(self, until: Instant) -> Self {
        Self { until: Some(until), ..self }
    }

    /// What the program is called with. Its own limit ends first, as its message says more than the
    /// fact that it was stopped.
    fn call(&self) -> Call<'_> {
        let seconds = self.timeout().as_secs().saturating_sub(1).max(1);
        Call { program: &self.program, authority: self.authority.as_deref(), seconds }
    }

    /// Returns the limit of the next request.
    fn timeout(&self) -> Duration {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(REQUEST_TIMEOUT, |left| left.min(REQUEST_TIMEOUT))
    }

    /// Returns a page of a home gateway in front of the router, over IPv4. No certificate is
    /// verified: the answer is only used to detect the gateway.
    pub(super) fn get_near(&self, url: &str) -> Option<Vec<u8>> {
        let mut command = Command::new(&self.program);
        command.args(match self.tool {
            Tool::Curl => {
                &["-q", "--silent", "--ipv4", "--noproxy", "*", "--max-time", "5", "--fail"]
            }
            Tool::Uclient => &["-4", "-q", "-O", "-", "-T", "5", "-Y", "off"],
        });
        command.arg(url);
        let ended = run(command, "", LAN_TIMEOUT.min(self.timeout())).ok()?;
        (ended.code == Some(0)).then_some(ended.out)
    }

    /// Sends the request, over IPv6, and follows nothing.
    ///
    /// The name is looked up here, so that a resolver cannot send the router to itself or into its
    /// own network.
    #[must_use]
    pub fn get(&self, request: &HttpRequest, resolvers: &Resolvers) -> Fetched {
        let failed = |said: &str| Fetched {
            reply: HttpReply::Failed(HttpFailure::NoAnswer),
            said: Some(said.to_owned()),
        };
        // uclient-fetch takes a URL as an argument only, which every user of the machine can read.
        if self.tool == Tool::Uclient && request.has_password() {
            let reply = HttpReply::Failed(HttpFailure::ShowsPassword);
            return Fetched { reply, said: None };
        }
        let host = request.url().host();
        let may_go_to = |address: Ipv6Addr| request.may_go_to(address, &resolvers.own);
        let mut addresses: Vec<Ipv6Addr> = Vec::new();
        match host.parse() {
            Ok(address) if may_go_to(address) => {}
            Ok(_) => return failed("its address is in a network of the router's own"),
            Err(_) => {
                addresses = resolvers.aaaa(host);
                if addresses.is_empty() {
                    return failed("its name has no IPv6 address that may be asked");
                }
            }
        }
        let (command, input) = match self.tool {
            Tool::Curl => curl::command(&self.call(), request, &addresses, resolvers.source),
            Tool::Uclient => (uclient::command(&self.call(), request), String::new()),
        };
        let ended = match run(command, &input, self.timeout()) {
            Ok(ended) => ended,
            Err(error) => return failed(&format!("{}: {error}", self.program.display())),
        };
        let reply = match self.tool {
            Tool::Curl => curl::reply(&ended),
            Tool::Uclient => {
                let expected = |address| match host.parse::<Ipv6Addr>() {
                    Ok(_) => may_go_to(address),
                    Err(_) => may_be_led_to(address, &resolvers.own),
                };
                uclient::reply(&ended, request.url().scheme(), expected)
            }
        };
        let said = matches!(reply, HttpReply::Failed(_)).then(|| last_line(&ended.words)).flatten();
        Fetched { reply, said }
    }
}

fn last_line(words: &str) -> Option<String> {
    let line = words.lines().rfind(|line| !line.trim().is_empty() && !line.contains("://"))?;
    Some(line.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// Runs the program to its end, or until its output is too long or `timeout` is over.
fn run(command: Command, input: &str, timeout: Duration) -> io::Result<Ended> {
    let program = Program::new(command, timeout).reading(input.as_bytes()).printing(MAX_PRINTED);
    let ended = program.run()?;
    let cut = ended.stdout.len() == MAX_PRINTED;
    let code = match ended.end {
        End::Exit(code) => Some(code),
        _ => None,
    };
    let words = String::from_utf8_lossy(&ended.stderr).into_owned();
    Ok(Ended { code, out: ended.stdout, words, cut })
}

#[cfg(test)]
mod tests;
