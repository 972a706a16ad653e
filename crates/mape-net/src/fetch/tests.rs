use super::tool::{BAD_CERTIFICATE, NO_ANSWER};
use super::*;
use crate::executable::executable;
use std::fs;

use mape_provision::{Event, Machine, Mode, Next, Scheme, UserUrl};

fn request(url: &str) -> HttpRequest {
    let mode = Mode::Url(UserUrl::new(url).unwrap());
    let prefixes = vec!["240b:10:3261:6400::/56".parse().unwrap()];
    let mut machine = Machine::new(mode, prefixes, None, None).unwrap();
    let Next::Get(request) = machine.step(0, 0, Event::Wake).next else { unreachable!() };
    request
}

/// A directory with a program that does what the text says.
struct Program(PathBuf);

impl Program {
    fn new(name: &str, text: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("mape-fetch-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("program"), format!("{text}\n")).unwrap();
        Self(directory)
    }

    /// Runs the text as a shell script in the place of the command.
    fn get(&self, tool: Tool) -> HttpReply {
        let mut command = Command::new("/bin/sh");
        command.arg(self.0.join("program"));
        let ended = run(command, "", REQUEST_TIMEOUT).unwrap();
        match tool {
            Tool::Curl => curl::reply(&ended),
            Tool::Uclient => {
                let own = ["2001:db8:a::/48".parse().unwrap()];
                uclient::reply(&ended, Scheme::Https, |it| may_be_led_to(it, &own))
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fetcher(tool: Tool) -> Fetcher {
    Fetcher { tool, program: "/bin/false".into(), authority: None, until: None }
}

fn answer(status: u16, location: Option<&str>, body: &[u8]) -> HttpReply {
    HttpReply::Answer { status, location: location.map(str::to_owned), body: body.to_vec() }
}

fn words(command: &Command) -> String {
    let words: Vec<_> = command.arguments().iter().map(|word| word.to_str().unwrap()).collect();
    words.join(" ")
}

/// `uclient-fetch` prints the URL first, and nothing else if it is stopped early.
#[test]
fn a_url_stays_out_of_the_log() {
    let downloading = "Downloading 'https://vne.example.jp/r?token=secret'\n";
    assert_eq!(last_line(downloading), None);
    let failed = format!("Connection error\n{downloading}\n");
    assert_eq!(last_line(&failed).as_deref(), Some("Connection error"));
}

#[test]
fn curl_is_bound_and_hides_the_url() {
    let mut fetcher = fetcher(Tool::Curl);
    fetcher.authority = Some("/etc/ca.pem".to_owned());
    let request = request("https://vne.example.jp:444/r?pass=secret");
    let addresses = ["2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()];
    let source = Some("240b:10:3261:6400::1".parse().unwrap());
    let (command, input) = curl::command(&fetcher.call(), &request, &addresses, source);
    let arguments = words(&command);
    assert!(
        arguments.starts_with("-q ")
            && !arguments.contains("secret")
            && !arguments.contains("--insecure")
    );
    for part in [
        " --ipv6 ",
        " --noproxy * ",
        "--proto =http,https",
        " --interface host!240b:10:3261:6400::1 ",
        " --resolve vne.example.jp:444:[2001:db8::1],[2001:db8::2] ",
        " --cacert /etc/ca.pem ",
    ] {
        assert!(arguments.contains(part), "{part} not in {arguments}");
    }
    assert_eq!(input, "url = \"https://vne.example.jp:444/r?pass=secret\"\n");
    let arguments = words(&uclient::command(&fetcher.call(), &request));
    assert!(arguments.starts_with("-6 -O - ") && arguments.contains(" -T 89 "), "{arguments}");
    assert!(arguments.contains("--ca-certificate=/etc/ca.pem"));
    assert!(arguments.ends_with(" https://vne.example.jp:444/r?pass=secret"));
    assert!(!arguments.contains("--no-check-certificate"));
}

#[test]
fn a_certificate_goes_unchecked_only_where_the_standard_says_so() {
    let fetcher = fetcher(Tool::Uclient);
    // A URL with http has none.
    let plain = request("http://vne.example.jp/");
    assert!(words(&uclient::command(&fetcher.call(), &plain)).contains("--no-check-certificate"));
    let (command, _) = curl::command(&fetcher.call(), &plain, &[], None);
    assert!(words(&command).contains("--insecure") && !words(&command).contains("--resolve"));
}

#[test]
fn what_curl_prints_is_read() {
    let program = Program::new(
        "curl",
        r#"printf 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n\r\n{"a":1}\r\n\r\n'"#,
    );
    assert_eq!(program.get(Tool::Curl), answer(200, None, b"{\"a\":1}\r\n\r\n"));
    let program = Program::new("curl307", r"printf 'HTTP/1.1 307 X\r\nLOCATION:  /b?c \r\n\r\n'");
    assert_eq!(program.get(Tool::Curl), answer(307, Some("/b?c"), b""));
    for (code, reply) in
        [(60, BAD_CERTIFICATE), (77, BAD_CERTIFICATE), (6, NO_ANSWER), (28, NO_ANSWER)]
    {
        let text = format!(r"printf 'HTTP/1.1 200 OK\r\n\r\nhalf'; exit {code}");
        assert_eq!(Program::new("curlbad", &text).get(Tool::Curl), reply, "{code}");
    }
    for text in
        ["", "echo nonsense", r"printf 'HTTP/1.1 abc\r\n\r\n'", r"printf 'HTTP/1.1 200 OK\r\n'"]
    {
        assert_eq!(Program::new("curlodd", text).get(Tool::Curl), NO_ANSWER, "{text}");
    }
}

#[test]
fn a_password_is_in_no_list_of_processes() {
    let request = request("https://[2001:db8::1]/rules?user=u&pass=S3cret");
    let home = Program::new("password", "");
    let ran = home.0.join("ran");
    executable(
        &home.0.join("fetch"),
        &format!("#!/bin/sh\necho \"$*\" >>{}\ncat >/dev/null\n", ran.display()),
    );
    let get = |tool| {
        let fetcher = Fetcher { program: home.0.join("fetch"), ..fetcher(tool) };
        fetcher.get(&request, &Resolvers::default()).reply
    };
    assert_eq!(get(Tool::Uclient), HttpReply::Failed(HttpFailure::ShowsPassword));
    assert!(!ran.exists());
    get(Tool::Curl);
    assert!(!fs::read_to_string(&ran).unwrap().contains("S3cret"));
}

#[test]
fn what_uclient_fetch_says_is_read() {
    const TO: &str = "echo 'Downloading x' >&2; echo 'Connecting to 2001:db8::1:443' >&2;";
    let said =
        |name: &str, text: &str| Program::new(name, &format!("{TO} {text}")).get(Tool::Uclient);
    assert_eq!(
        said("ok", "printf '{}'; echo 'Download completed (2 bytes)' >&2"),
        answer(200, None, b"{}")
    );
    assert_eq!(said("404", "echo 'HTTP error 404' >&2; exit 8"), answer(404, None, b""));
    assert_eq!(
        said("cert", "echo 'Connection error: Invalid SSL certificate' >&2; exit 5"),
        BAD_CERTIFICATE
    );
    assert_eq!(said("off", "echo 'Connection error: Connection failed' >&2; exit 4"), NO_ANSWER);
    let moved =
        "echo 'Redirected to /r?x=1 on b.example' >&2; echo 'Connecting to 2001:db8::2:80' >&2;";
    // What came from where it went by itself is not taken.
    assert_eq!(
        said("moved", &format!("{moved} printf '{{\"order\":[]}}'")),
        answer(307, Some("https://b.example/r?x=1"), b"")
    );
    for to in ["::1:443", "127.0.0.1:443", "fe80::1:443", "fd00::1:443", "2001:db8:a::1:443", "x"] {
        let text = format!("echo 'Connecting to {to}' >&2; printf '{{}}'");
        assert_eq!(said("self", &text), NO_ANSWER, "{to}");
    }
}

#[test]
fn too_much_and_too_late_end() {
    let endless = Program::new("endless", r"printf 'HTTP/1.1 200 OK\r\n\r\n'; yes 2>/dev/null");
    let HttpReply::Answer { body, .. } = endless.get(Tool::Curl) else { panic!("no answer") };
    assert_eq!(body.len(), MAX_BODY + 1);
    let late = Program::new("late", r"printf 'HTTP/1.1 200 OK\r\n\r\n{}'; exec sleep 1000");
    let mut command = Command::new("/bin/sh");
    command.arg(late.0.join("program"));
    let ended = run(command, "", Duration::from_millis(300)).unwrap();
    assert_eq!(curl::reply(&ended), NO_ANSWER);
}

#[test]
fn no_request_lasts_longer_than_the_deadline() {
    let request = request("https://[2001:db8::1]/");
    let allowed = |fetcher: &Fetcher| {
        let arguments = words(&curl::command(&fetcher.call(), &request, &[], None).0);
        let (_, after) = arguments.split_once("--max-time ").unwrap();
        after.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    // One was seen to answer after 32 seconds.
    assert_eq!(allowed(&fetcher(Tool::Curl)), 89);
    let soon = Instant::now() + Duration::from_secs(10);
    assert!((1..=9).contains(&allowed(&fetcher(Tool::Curl).until(soon))));

    let slow = Program::new("slow", "");
    executable(&slow.0.join("fetch"), "#!/bin/sh\nsleep 2; printf '{}'\n");
    let program = || Fetcher { program: slow.0.join("fetch"), ..fetcher(Tool::Uclient) };
    let near = |fetcher: Fetcher| fetcher.get_near("http://a.example/");
    assert_eq!(near(program()), Some(b"{}".to_vec()));
    let over = Instant::now();
    assert_eq!(near(program().until(over)), None);
    assert_eq!(program().until(over).get(&request, &Resolvers::default()).reply, NO_ANSWER);
}

/// The user may name a server inside by its address; a redirect may not, whatever it is asked with.
#[test]
fn a_redirect_into_our_own_network_is_not_followed() {
    let own = vec!["2001:db8:a::/48".parse().unwrap()];
    let resolvers = Resolvers { own, ..Resolvers::default() };
    let is_refused = |tool, request: &HttpRequest| {
        let said = fetcher(tool).get(request, &resolvers).said;
        said.is_some_and(|said| said.contains("network of the router's own"))
    };
    let redirected = |to: &str| {
        let mode = Mode::Url(UserUrl::new("https://[2001:db8:a::1]/").unwrap());
        let prefixes = vec!["240b:10:3261:6400::/56".parse().unwrap()];
        let mut machine = Machine::new(mode, prefixes, None, None).unwrap();
        machine.step(0, 0, Event::Wake);
        let reply = Event::Http(answer(307, Some(to), b""));
        let Next::Get(request) = machine.step(0, 0, reply).next else { panic!("{to}") };
        request
    };
    for tool in [Tool::Curl, Tool::Uclient] {
        for url in ["https://[2001:db8:a::1]/", "https://[fd00::1]/", "https://[2001:db8:b::1]/"] {
            assert!(!is_refused(tool, &request(url)), "{url}");
        }
        assert!(!is_refused(tool, &redirected("/cgi-bin/luci")));
        assert!(!is_refused(tool, &redirected("https://[2001:db8:b::1]/")));
        assert!(is_refused(tool, &redirected("https://[2001:db8:a::2]/cgi-bin/luci")));
    }
}

#[test]
fn a_name_that_leads_home_is_not_asked() {
    let fetched =
        fetcher(Tool::Curl).get(&request("https://vne.example.jp/"), &Resolvers::default());
    assert_eq!(fetched.reply, NO_ANSWER);
    assert!(fetched.said.unwrap().contains("no IPv6 address"));
}
