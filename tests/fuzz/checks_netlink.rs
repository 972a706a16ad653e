//! What must hold for any bytes that come over a netlink socket. Used by the fuzz target and, with
//! the seeds and the crashers ever found, by an ordinary test of `mape-proto`.

use mape_kernel::conntrack::Entry;
use mape_kernel::netlink::{Message, Messages};
use mape_kernel::nft_state::{Part, Rule, read_indexes};

pub fn ctnetlink(bytes: &[u8]) -> Option<Entry> {
    let mut last = entry(bytes);
    let mut count = 0;
    for received in Messages::new(bytes) {
        count += 1;
        if let Ok(Message::Item { attributes, .. }) = received.map(|received| received.message) {
            last = entry(attributes).or(last);
            let _ = Rule::read(attributes);
            let _ = Part::of_elements(1, attributes);
            // A handle, which firewall4 changes in each reload, changes no hash.
            if let (Ok(rule), 0) = (Part::of_rule(1, attributes), attributes.len() % 4) {
                let handle = [&[12, 0, 3, 0][..], &[7; 8]].concat();
                for other in [[attributes, &handle].concat(), [&handle, attributes].concat()] {
                    assert_eq!(Part::of_rule(1, &other), Ok(rule.clone()));
                }
            }
            assert!(read_indexes(attributes).map_or(0, |indexes| indexes.len()) <= bytes.len());
        }
    }
    // None without a header, and one that is cut.
    assert!(count <= bytes.len() / 16 + 1);
    last
}

fn entry(attributes: &[u8]) -> Option<Entry> {
    let entry = Entry::read(attributes).ok()?;
    for address in [entry.original.destination, entry.reply.destination] {
        assert!(entry.concerns(address));
    }
    for address in [entry.original.source, entry.reply.source] {
        assert!(entry.concerns(address) || !entry.is_translated(address));
        assert!(entry.concerns(address) || entry.port_on(address).is_none());
    }
    // The order to delete it is one message that names it: one without a name deletes everything.
    let order = entry.deletion().expect("what came in one message fits into another");
    let order = order.bytes(1).expect("it is short");
    let mut messages = Messages::new(&order).map(|message| message.map(|message| message.message));
    let Some(Ok(Message::Item { family: 2, attributes })) = messages.next() else {
        panic!("the order cannot be read")
    };
    assert!(messages.next().is_none());
    let first = mape_kernel::netlink::Attributes::new(attributes).next();
    assert!(first.is_some_and(|first| first.is_ok_and(|first| first.kind == 1 && first.value.len() > 32)));
    Some(entry)
}
