//! What must hold for any bytes that come over a netlink socket. Used by the fuzz target and, with
//! the seeds and the crashers ever found, by an ordinary test of `mape-proto`.

use mape_kernel::conntrack::Entry;
use mape_kernel::netlink::{Message, Messages};
use mape_kernel::nft_state::{Rule, read_indexes};

pub fn ctnetlink(bytes: &[u8]) -> Option<Entry> {
    let mut last = entry(bytes);
    let mut count = 0;
    for received in Messages::new(bytes) {
        count += 1;
        if let Ok(Message::Item { attributes, .. }) = received.map(|received| received.message) {
            last = entry(attributes).or(last);
            let _ = Rule::read(attributes);
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
