//! What must hold for any bytes that come from a resolver. Used by the fuzz target and, with the
//! seeds and the crashers ever found, by an ordinary test of `mape-proto`.

use mape_net::{Kind, Reply, answer, question, strings};

/// The longest TXT record in a good answer, joined.
pub fn dns(bytes: &[u8]) -> Option<Vec<u8>> {
    let name = "4over6.info";
    let [high, low, ..] = *bytes else { return None };
    let id = u16::from_be_bytes([high, low]);
    let mut longest = None;
    for kind in [Kind::Txt, Kind::Aaaa] {
        // As it stands, and behind a question that was really asked.
        let mut whole = question(id, name, kind).expect("a name");
        whole.truncate(whole.len() - 11);
        whole.splice(2..4, [0x81, 0x80]);
        whole.splice(6..8, [0, low & 7]);
        whole.extend(bytes.get(2..).unwrap_or_default());
        for message in [bytes, &whole] {
            let reply = answer(message, id, name, kind);
            assert!(answer(message, !id, name, kind).is_none());
            let Some(Reply::Records(records)) = reply else { continue };
            assert!(records.iter().map(Vec::len).sum::<usize>() <= message.len());
            for record in records.iter().filter_map(|record| strings(record)) {
                let text = record.concat();
                if longest.as_ref().is_none_or(|longest: &Vec<u8>| longest.len() < text.len()) {
                    longest = Some(text);
                }
            }
        }
    }
    longest
}
