use super::*;

/// Runs shell text as a test script of this name. Returns whether it passed, how often it ran, and
/// its output.
fn twice(name: &str, script: &str) -> (bool, usize, String) {
    let directory = std::env::temp_dir().join(format!("mape-twice-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (file, ran) = (directory.join("test.sh"), directory.join("ran"));
    let scripts = root().join("tests/vm");
    let text = format!(
        ". {}/check.sh\necho run >>{ran}\nruns=$(wc -l <{ran})\n{script}\ncheck_finish\n",
        scripts.display(),
        ran = ran.display(),
    );
    std::fs::write(&file, text).unwrap();
    let output = Command::new("sh").arg(scripts.join("twice.sh")).arg(&file).output().unwrap();
    let runs = std::fs::read_to_string(&ran).unwrap().lines().count();
    std::fs::remove_dir_all(&directory).unwrap();
    (output.status.success(), runs, String::from_utf8(output.stdout).unwrap())
}

#[test]
fn what_was_late_has_a_second_chance() {
    let (passed, runs, text) = twice("late", "check 'up: in 5 s' \"$runs\" -eq 2");
    assert_eq!((passed, runs), (true, 2));
    let mut log = Log::new("test");
    text.lines().for_each(|line| log.add(line));
    let unsteady = log.unsteady();
    assert_eq!(unsteady.len(), 2, "{unsteady:?}");
    assert!(unsteady[0].ends_with("FAIL  up: in 5 s: 1, expected -eq 2"), "{unsteady:?}");
    let (passed, runs, text) = twice("fine", "check fine 0 -eq 0");
    assert_eq!((passed, runs), (true, 1));
    let mut log = Log::new("test");
    text.lines().for_each(|line| log.add(line));
    assert_eq!(log.unsteady(), Vec::<String>::new());
}

#[test]
fn no_more_than_a_second_one_and_none_for_a_wrong_packet() {
    let (passed, runs, _) = twice("later", "check 'up: in 5 s' 6 -le 5");
    assert_eq!((passed, runs), (false, 2));
    for text in ["v6plus netdev: violations", "wrong packets"] {
        let (passed, runs, _) = twice("wrong", &format!("check '{text}' 1 -eq 0"));
        assert_eq!((passed, runs), (false, 1), "{text}");
    }
    let (passed, runs, _) = twice("cannot", "exit 77");
    assert_eq!((passed, runs), (false, 1));
}
