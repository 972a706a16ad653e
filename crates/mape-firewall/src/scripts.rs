//! Event scripts of plain Linux: the executable files of one directory.
//!
//! They get the argument and the variables that `hotplug-call` passes on a router. Each has a time
//! limit, so that no script holds up the line for long.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mape_system::files;
use mape_system::program::{Command, End, Program};

/// Time limit of one script. Longer work belongs into the background.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The number of files that are run.
const MAX_FILES: usize = 32;
/// Parts of the names of files that package managers leave beside a changed one.
const LEFT_OVERS: [&str; 4] = [".dpkg-", ".apk-", ".rpm", ".pacnew"];

/// Runs the scripts in the directory for an event of this kind (`iface`). The variables describe
/// it. Does nothing without the directory.
pub fn announce(directory: &Path, kind: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(directory);
    command.arg(kind);
    for (name, value) in variables {
        command.env(name, value);
    }
    run(&command);
}

/// Runs the scripts in the directory that the command names as its program, in the order of their
/// names. Returns whether all of them ended by themselves.
pub(crate) fn run(command: &Command) -> bool {
    run_within(TIMEOUT, command)
}

fn run_within(timeout: Duration, command: &Command) -> bool {
    let mut all_ended = true;
    for script in scripts(Path::new(command.program())) {
        let ended = Program::new(command.with_program(&script), timeout).silent().run();
        let file = script.display();
        match ended.map(|ended| ended.end) {
            Ok(End::Exit(0) | End::Unseen) => {}
            Ok(end) => {
                all_ended &= !matches!(end, End::Deadline(_));
                log::warn!("the event script {file} {end}");
            }
            Err(error) => log::warn!("the event script {file} cannot be run: {error}"),
        }
    }
    all_ended
}

/// The executable files, ordered by name.
fn scripts(directory: &Path) -> Vec<PathBuf> {
    let mut found = files::paths(directory);
    found.retain(|path| is_script(path));
    found.truncate(MAX_FILES);
    found
}

fn is_script(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    !name.starts_with('.')
        && name.chars().all(is_plain)
        && !LEFT_OVERS.iter().any(|part| name.contains(part))
        && fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executable::executable;
    use crate::scratch::Scratch;

    #[test]
    fn the_executable_files_run_in_order_and_a_slow_one_is_killed() {
        let root = std::env::temp_dir().join(format!("mape-scripts-{}", std::process::id()));
        let directory = root.join("d");
        fs::create_dir_all(&directory).unwrap();
        let root = Scratch::of(root);
        let log = root.join("ran");
        let says = |name: &str, rest: &str| {
            let text = format!(
                "#!/bin/sh\necho {name} $1 $ACTION $INTERFACE >>{}\n{rest}\n",
                log.display()
            );
            executable(&directory.join(name), &text);
        };
        let mut command = Command::new(&directory);
        command.arg("iface").env("ACTION", "ifup").env("INTERFACE", "wan");
        let ran = |timeout: u64| {
            let all_ended = run_within(Duration::from_secs(timeout), &command);
            (all_ended, root.ran())
        };
        assert_eq!(ran(9), (true, String::new()));
        for name in ["20-b", "10-a", "30-c.dpkg-old", ".hidden", "40-d~"] {
            says(name, "exit 3");
        }
        fs::write(directory.join("50-e"), "not executable").unwrap();
        fs::create_dir(directory.join("60-f")).unwrap();
        assert_eq!(ran(9), (true, "10-a iface ifup wan\n20-b iface ifup wan\n".to_owned()));
        // One that hangs costs its time, and the others run.
        says("10-a", "sleep 30");
        assert_eq!(ran(2), (false, "10-a iface ifup wan\n20-b iface ifup wan\n".to_owned()));
        // What it starts in the background goes on.
        says("10-a", &format!("(sleep 1; echo later >>{}) &", log.display()));
        assert!(ran(9).0);
        let later = || fs::read_to_string(&log).is_ok_and(|text| text.contains("later"));
        for _ in 0..600 {
            if later() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(later());
        announce(&root.join("none"), "iface", &[("ACTION", "ifup")]);
    }
}
