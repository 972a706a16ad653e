//! The daemon behind the socket.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use serde_json::json;

use crate::machine::{Handler, Machine, UP, two};

fn start() -> Machine {
    let machine = Machine::start(&two(), &Handler { setup: UP, ..Handler::default() });
    machine.until_up("x");
    machine
}

#[test]
fn what_is_not_there() {
    let machine = start();
    assert_eq!(machine.call("missing", "status", &json!({})), Err(4));
    assert_eq!(machine.call("network", "nothing", &json!({})), Err(3));
    assert_eq!(machine.call("network.interface.x", "nothing", &json!({})), Err(3));
    assert_eq!(machine.call("network.device", "nothing", &json!({})), Err(3));
}

#[test]
fn many_clients_and_much_data() {
    let machine = start();
    let data =
        json!({"firewall": vec![json!({"type": "nat", "proto": ["tcp", "udp"], "n": 1.5}); 2000]});
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = machine.client().unwrap();
                for _ in 0..3 {
                    client.call("network.interface.x", "set_data", &data).unwrap();
                    let status = client.call("network.interface.x", "status", &json!({})).unwrap();
                    assert_eq!(status["data"]["firewall"], data["firewall"]);
                }
            });
        }
    });
}

#[test]
fn an_invalid_client_harms_no_other() {
    let machine = start();
    let socket = machine.directory.join("socket");
    for nonsense in [&[0xff; 40][..], &[0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4], &[0, 4, 0]] {
        UnixStream::connect(&socket).unwrap().write_all(nonsense).unwrap();
    }
    assert_eq!(machine.status("x")["up"], true);
}
