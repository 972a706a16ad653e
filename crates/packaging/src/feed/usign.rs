//! usign, OpenWrt's small form of signify: Ed25519 keys and signatures in a line of Base64 under a
//! comment. opkg checks a feed's index with it.
//!
//! Source: `main.c` of usign.

use anyhow::{Context as _, bail, ensure};
use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha512};

const ALGORITHM: [u8; 2] = *b"Ed";
const COMMENT: &str = "untrusted comment: ";

/// A secret key, with its number in signatures.
pub(super) struct Key {
    number: [u8; 8],
    secret: SigningKey,
}

impl Key {
    /// Makes a key from the system's random numbers.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub(super) fn generate() -> anyhow::Result<Self> {
        let (mut number, mut seed) = ([0; 8], [0; 32]);
        for bytes in [&mut number[..], &mut seed[..]] {
            getrandom::fill(bytes)
                .map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        }
        Ok(Self { number, secret: SigningKey::from_bytes(&seed) })
    }

    /// Reads the file of a secret key.
    ///
    /// # Errors
    ///
    /// The file is of another kind or damaged, or the key has a passphrase.
    pub(super) fn from_text(text: &str) -> anyhow::Result<Self> {
        let hint = "not a secret key of usign (`cargo xtask keys --out DIR` makes one)";
        let bytes = decode(text).context(hint)?;
        // Algorithm; algorithm, rounds and salt of the passphrase; checksum, number, seed, public
        // key.
        let mut parts = Parts(&bytes);
        ensure!(parts.take::<2>() == Some(ALGORITHM) && bytes.len() == 104, hint);
        ensure!(parts.take::<2>() == Some(*b"BK"), hint);
        if parts.take::<4>() != Some([0; 4]) {
            bail!("the key has a passphrase; make one without (`signify-openbsd -G -n`)");
        }
        parts.take::<16>();
        let checksum: [u8; 8] = parts.take().context(hint)?;
        let number = parts.take().context(hint)?;
        ensure!(Sha512::digest(parts.0).starts_with(&checksum), "the secret key is damaged");
        let secret = SigningKey::from_bytes(&parts.take().context(hint)?);
        ensure!(secret.verifying_key().as_bytes() == parts.0, "the secret key is damaged");
        Ok(Self { number, secret })
    }

    /// Returns the key's file, without passphrase. usign also reads it.
    pub(super) fn to_text(&self) -> String {
        let keys = [self.secret.to_bytes(), self.secret.verifying_key().to_bytes()].concat();
        let checksum = Sha512::digest(&keys);
        let checksum = checksum.get(..8).unwrap_or_default();
        // Without a passphrase there are no rounds, and the salt is not used.
        let parts = [&ALGORITHM, b"BK".as_slice(), &[0; 20], checksum, &self.number, &keys];
        self.encode("private key", &parts)
    }

    /// Returns the public half, for `opkg-key add`.
    pub(super) fn public_text(&self) -> String {
        let public = self.secret.verifying_key().to_bytes();
        self.encode("public key", &[&ALGORITHM, &self.number, &public])
    }

    /// Returns the file `NAME.sig` for the bytes of the file `NAME`.
    pub(super) fn sign(&self, bytes: &[u8]) -> String {
        let signature = self.secret.sign(bytes).to_bytes();
        self.encode("signed by key", &[&ALGORITHM, &self.number, &signature])
    }

    /// Writes a comment and a line. The comment ends with the key's number, as in usign.
    fn encode(&self, what: &str, parts: &[&[u8]]) -> String {
        let number = u64::from_be_bytes(self.number);
        let line = Base64::encode_string(&parts.concat());
        format!("{COMMENT}{what} {number:016x}\n{line}\n")
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let line = text.strip_prefix(COMMENT)?.lines().nth(1)?;
    Base64::decode_vec(line.trim()).ok()
}

/// Bytes, read from the start.
struct Parts<'a>(&'a [u8]);

impl Parts<'_> {
    fn take<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A key made by usign for these tests, which signs nothing else.
    pub(in crate::feed) const KNOWN: &str = "untrusted comment: test\n\
        RWRCSwAAAABauoquILMzxAA0IoY8dje3oSNbBok1Vje1WrT2M3T1Dpjp+0Jp+19pJwvoXMUaM08MrendaGmHhKgxy9p21G9I5RB8+SJs4hePu1GDeheyuUiH/K+NTUvPaefPd0ZHpEk=\n";

    #[test]
    fn signatures_are_those_of_usign() {
        let key = Key::from_text(KNOWN).unwrap();
        assert_eq!(
            key.public_text(),
            "untrusted comment: public key b55ab4f63374f50e\n\
            RWS1WrT2M3T1DuUQfPkibOIXj7tRg3oXsrlIh/yvjU1Lz2nnz3dGR6RJ\n"
        );
        assert_eq!(
            key.sign(b"Package: x\n"),
            "untrusted comment: signed by key b55ab4f63374f50e\n\
            RWS1WrT2M3T1Dj4Ht4q7tVeptlEVGPFZuArTLfE32WzYvccBzLveqidV26p/2CocgsR7guag0ZDkd+kbVoxHOA1C6/B4lSVIpQA=\n"
        );
    }

    #[test]
    fn a_key_survives_its_file() {
        let key = Key::generate().unwrap();
        let again = Key::from_text(&key.to_text()).unwrap();
        assert_eq!(key.public_text(), again.public_text());
        assert_ne!(key.sign(b"a"), again.sign(b"b"));
    }

    #[test]
    fn other_files_are_refused() {
        let key = Key::from_text(KNOWN).unwrap();
        let refused = |text: &str| Key::from_text(text).map(|_| ()).unwrap_err().to_string();
        for text in ["", "untrusted comment: x", &key.public_text(), &key.sign(b"")] {
            assert!(refused(text).contains("cargo xtask keys"), "{text}");
        }
        let line = KNOWN.lines().nth(1).unwrap();
        let changed = |at: usize| {
            let mut bytes = Base64::decode_vec(line).unwrap();
            bytes[at] ^= 1;
            format!("{COMMENT}x\n{}\n", Base64::encode_string(&bytes))
        };
        assert!(refused(&changed(7)).contains("passphrase"));
        assert!(refused(&changed(50)).contains("damaged"));
    }
}
