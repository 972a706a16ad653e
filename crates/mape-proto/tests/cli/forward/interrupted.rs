//! Concurrent calls, and calls that fail or are killed.

use std::os::unix::process::ExitStatusExt as _;

use super::*;

/// A flash that is full or cannot be written: nothing of it comes back later.
#[test]
fn what_cannot_be_committed_is_taken_back() {
    let Some(router) = Router::new("full", "config defaults\n") else { return };
    router.call("add nas:443 --name web");
    let before = router.read("etc/config/firewall");
    let full = router.root.join("uci");
    let script = format!(
        "#!/bin/sh\ncase $* in *' commit '*) echo 'uci: I/O error' >&2; exit 1 ;; esac\nexec {} \"$@\"\n",
        Router::uci()
    );
    executable(&full, &script);
    for words in ["add nas:22 --name ssh", "remove web"] {
        let called = router.call_with(full.to_str().unwrap(), words);
        assert_eq!(called.status, ExitStatus::Failed);
        assert!(
            called.err.contains("uci: I/O error") && called.err.contains("df /etc"),
            "{}",
            called.err
        );
        assert_eq!(router.read("tmp/.uci/firewall"), "", "{words}");
        assert_eq!(router.list().len(), 1, "{words}");
    }
    assert_eq!(router.read("etc/config/firewall"), before);
    assert_eq!(router.call("add nas:22 --name ssh").status, ExitStatus::Fine);
}

/// Of changes made at the same time none is lost, and none is committed by another.
#[test]
fn many_at_once() {
    let Some(router) = Router::new("many", "config defaults\n") else { return };
    let at_once = |words: &(dyn Fn(usize) -> String + Sync)| {
        std::thread::scope(|scope| {
            let call = |number| {
                let router = &router;
                scope.spawn(move || router.call(&words(number)))
            };
            let calls: Vec<_> = (0..6).map(call).collect();
            for called in calls {
                let called = called.join().unwrap();
                assert_eq!((called.status, called.err.as_str()), (ExitStatus::Fine, ""));
            }
        });
    };
    at_once(&|number| format!("add nas:{} --port {}", 22 + number, 5700 + number));
    assert_eq!(router.list().len(), 6);
    assert!(router.list().iter().all(|it| it["state"] == "published"));
    at_once(&|number| format!("remove {}", 5700 + number));
    assert_eq!(router.call("list").out, "no forward\n");
}

/// Killed when its changes are written and not committed, a call leaves nothing for others to
/// commit.
#[test]
fn killed_before_the_commit() {
    let Some(router) = Router::new("uncommitted", "config defaults\n") else { return };
    assert_eq!(router.call("add nas:443 --name web --port 9801").err, "");
    let before = router.read("etc/config/firewall");
    let killer = router.root.join("uci");
    let script = format!(
        "#!/bin/sh\n{} \"$@\" || exit\ncase $* in *' batch') kill -9 $PPID ;; esac\n",
        Router::uci()
    );
    executable(&killer, &script);
    for words in ["add nas:22 --name ssh --port 5700", "remove web"] {
        let status = router.start(killer.to_str().unwrap(), words).wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{words}: it was not killed: {status}");
        router.settle();
        assert_eq!(router.read("tmp/.uci/firewall"), "", "{words}: staged for others");
        assert_eq!(router.load().status, ExitStatus::Fine, "{words}");
        assert_eq!(router.read("etc/config/firewall"), before, "{words}");
        assert!(rules_in_force().contains(WEB) && router.list().len() == 1, "{words}");
    }
    assert_eq!(router.call("remove web").err, "");
}

/// Killed at any moment, `add` and `remove` leave nothing half done. `MAPE_KILLS` says how often.
#[test]
fn killed_at_any_moment() {
    let Some(router) = Router::new("killed", "config defaults\n") else { return };
    let kills = std::env::var("MAPE_KILLS").map_or(10, |text| text.parse().unwrap());
    let start = |words: &str| router.start(&Router::uci(), words);
    let is_configured = || router.read("etc/config/firewall").contains("mape_forward");
    let is_published = || rules_in_force().contains(WEB);
    let mut random = 88_172_645_463_325_252_u64;
    let (mut cut, mut done) = (0, 0);
    // How long a call takes on this machine: some are to end before they are killed.
    let begun = std::time::Instant::now();
    assert!(start("add nas:443 --name web --port 9801").wait().unwrap().success());
    let whole = u64::try_from(begun.elapsed().as_millis()).unwrap() * 3 / 2;
    for number in 0..kills {
        let adds = !is_configured();
        let words = if adds { "add nas:443 --name web --port 9801" } else { "remove web" };
        let mut child = start(words);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(std::time::Duration::from_millis(random % whole));
        let _ = child.kill();
        let status = child.wait().unwrap();
        router.settle();
        assert_eq!(router.read("tmp/.uci/firewall"), "", "nothing is staged for others");
        let list = router.list();
        assert_eq!(
            list.iter().any(|it| it["state"] == "published"),
            is_published(),
            "{number}: {list:?}"
        );
        if status.success() {
            done += 1;
            assert_eq!((is_configured(), is_published()), (adds, adds), "{number}");
        } else {
            cut += 1;
        }
        let config = router.read("etc/config/firewall");
        assert_eq!(config.contains("mape_forward"), config.contains("9801"), "{config}");
        // The next event, or the next call, brings it in line.
        assert_eq!(router.load().status, ExitStatus::Fine, "{number}");
        assert_eq!(is_configured(), is_published(), "{number}");
        assert_eq!(router.list().len(), usize::from(is_configured()), "{number}");
    }
    eprintln!("{cut} cut off, {done} done");
    assert!(cut > 0);
}
