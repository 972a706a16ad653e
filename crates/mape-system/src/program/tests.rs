use std::fs::File;
use std::os::fd::AsFd as _;

use nix::fcntl::{Flock, FlockArg};

use super::*;

const SOON: Duration = Duration::from_millis(400);
const LATE: Duration = Duration::from_secs(20);

/// A shell script in the place of a program.
fn script(text: &str, deadline: Duration) -> Program<'_> {
    let mut command = Command::new("sh");
    command.args(&["-c", text]);
    Program::new(command, deadline)
}

/// How it ends, and that it does not take longer than that.
fn within(limit: Duration, program: Program<'_>) -> Ended {
    let start = Instant::now();
    let ended = program.run().unwrap();
    assert!(start.elapsed() < limit, "{ended:?} after {:?}", start.elapsed());
    ended
}

/// Seconds of a sleep that no other run of these tests has.
fn long(number: u8) -> String {
    format!("73{number}{}", std::process::id())
}

/// Whether a process with this word in its command line stays. A zombie has none, and a killed one
/// that is no child of this process goes a moment later.
fn is_left(word: &str) -> bool {
    let is_seen = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut lines = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
        lines.any(|line| String::from_utf8_lossy(&line).split('\0').any(|it| it == word))
    };
    let until = Instant::now() + Duration::from_secs(2);
    while is_seen() {
        if Instant::now() > until {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn programs_are_distinguished_by_how_they_end() {
    let output = |text: &str| script(text, LATE).output();
    assert_eq!(output("echo good; echo bad >&2").unwrap(), b"good\n");
    let refused = |text: &str, status: i32, words: &str| match output(text).unwrap_err() {
        ProgramError::Refused { status: found, said } => {
            assert_eq!((found, said.text().as_str()), (status, words));
        }
        error => panic!("{error:?}"),
    };
    refused("echo; echo ' no rule '; echo >&2; echo ' no hook ' >&2; exit 1", 1, "no hook");
    refused("exit 2", 2, "exit status: 2");
    let error = output("kill -9 $$").unwrap_err();
    assert!(matches!(error, ProgramError::Stopped(End::Signal(9))), "{error:?}");
    assert_eq!(error.to_string(), "it was killed by signal 9");
    let missing = Program::new(Command::new("/nowhere/nft"), LATE).output().unwrap_err();
    assert!(matches!(&missing, ProgramError::NotStarted(error)
        if error.kind() == io::ErrorKind::NotFound));
}

#[test]
fn a_program_has_this_environment_with_the_changes() {
    let mut command = Command::new("sh");
    command.arg("-c").args(&["echo \"$NEW, $HOME\"; env | grep -c ^HOME=; echo \"$PATH\""]);
    command.env("NEW", "a b=c").env("HOME", "/elsewhere");
    let output = Program::new(command, LATE).output().unwrap();
    let path = std::env::var("PATH").unwrap();
    assert_eq!(String::from_utf8(output).unwrap(), format!("a b=c, /elsewhere\n1\n{path}\n"));
}

#[test]
fn a_word_that_no_program_can_get_is_an_error() {
    let mut command = Command::new("true");
    command.arg("a\0b");
    let error = Program::new(command, LATE).output().unwrap_err();
    assert!(matches!(&error, ProgramError::NotStarted(error)
        if error.kind() == io::ErrorKind::InvalidInput));
}

/// Rust's start code ignores `SIGPIPE`, and a shell cannot undo that.
#[test]
fn a_program_ends_at_a_broken_pipe() {
    let ended = within(LATE / 2, script("kill -PIPE $$; exit 7", LATE));
    assert_eq!(ended.end, End::Signal(13));
}

#[test]
fn a_program_that_hangs_is_killed_with_what_it_started() {
    let [one, two, three] = [1, 2, 3].map(long);
    let ended = within(LATE / 2, script(&format!("echo begun; sleep {one}; :"), SOON));
    assert_eq!((ended.end, ended.stdout.as_slice()), (End::Deadline(SOON), &b"begun\n"[..]));
    let words = ended.success().unwrap_err().to_string();
    assert_eq!(words, "it did not end within 0.4 seconds and was killed");
    assert!(!is_left(&one));
    // A signal that can be caught would not do.
    let text = format!("trap '' TERM INT HUP; sleep {two}; sleep {three}");
    within(LATE / 2, script(&text, SOON));
    assert!(!is_left(&two) && !is_left(&three));
}

#[test]
fn a_program_that_closes_its_output_and_stays_is_killed() {
    let [one, two] = [4, 5].map(long);
    let ended = within(LATE / 2, script(&format!("exec >&- 2>&-; sleep {one}; :"), SOON));
    assert_eq!(ended.end, End::Deadline(SOON));
    assert!(!is_left(&one));
    // The same without any output.
    let ended = within(LATE / 2, script(&format!("sleep {two}; :"), SOON).silent());
    assert_eq!(ended.end, End::Deadline(SOON));
    assert!(!is_left(&two));
}

#[test]
fn a_program_that_prints_for_ever_is_killed() {
    for text in ["yes", "yes >&2"] {
        let ended = within(LATE / 2, script(text, LATE).printing(100_000));
        assert_eq!(ended.end, End::TooLong(100_000), "{text}");
        assert_eq!(ended.stdout.len().max(ended.stderr.len()), 100_000, "{text}");
    }
    // As much as is allowed is allowed.
    let ended = within(LATE / 2, script("head -c 100000 /dev/zero", LATE).printing(100_000));
    assert_eq!((ended.end, ended.stdout.len()), (End::Exit(0), 100_000));
}

/// As a script of the user's does, whose daemon keeps the pipe.
#[test]
fn what_a_program_leaves_behind_is_not_waited_for() {
    let ended = within(LATE / 2, script("sleep 12 & echo done; exit 3", LATE));
    assert_eq!((ended.end, ended.stdout.as_slice()), (End::Exit(3), &b"done\n"[..]));
    // Printing, it is heard no longer than the limit.
    let ended = within(LATE / 2, script("timeout 12 yes & exit 0", LATE).printing(1000));
    assert!(matches!(ended.end, End::Exit(0) | End::TooLong(1000)), "{:?}", ended.end);
}

#[test]
fn much_input_and_much_output_block_neither_side() {
    let input = b"0123456789abcde\n".repeat(40_000);
    let echoed = script("cat", LATE).reading(&input).printing(input.len()).output().unwrap();
    assert!(echoed == input);
    // It prints more than a pipe holds before it reads anything.
    let text = "head -c 300000 /dev/zero; cat >/dev/null; echo end >&2";
    let ended = within(LATE / 2, script(text, LATE).reading(&input));
    assert_eq!((ended.end, ended.stdout.len()), (End::Exit(0), 300_000));
    assert_eq!(ended.stderr, b"end\n");
    // What is not read is no error: the program's status says more.
    let ended = within(LATE / 2, script("exit 4", LATE).reading(&input));
    assert_eq!(ended.end, End::Exit(4));
    let ended = within(LATE / 2, script("exec <&-; sleep 7306; :", SOON).reading(&input));
    assert_eq!(ended.end, End::Deadline(SOON));
    // Without input it is at the end of one at once.
    assert_eq!(script("cat", LATE).output().unwrap(), b"");
}

#[test]
fn a_program_has_the_lock_only_on_request() {
    let path = std::env::temp_dir().join(format!("mape-program-{}", std::process::id()));
    let lock = Flock::lock(File::create(&path).unwrap(), FlockArg::LockExclusive).unwrap();
    let has_it = |program: Program<'_>| {
        let files = String::from_utf8(program.output().unwrap()).unwrap();
        files.lines().any(|file| file == path.to_str().unwrap())
    };
    let files = "for file in /proc/$$/fd/*; do readlink $file; done; :";
    assert!(!has_it(script(files, LATE)));
    assert!(has_it(script(files, LATE).holding(Some(lock.as_fd()))));
    assert!(!has_it(script(files, LATE)), "the next one has it too");
    std::fs::remove_file(&path).unwrap();
}
