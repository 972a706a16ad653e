//! Keys of apk: ECDSA over P-256 with SHA-512. Nonces come from the key and the digest (RFC 6979,
//! with SHA-256 in its generator), so that the same file always gets the same signature.

use anyhow::Context as _;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use p256::{PublicKey, SecretKey};
use sha2::{Digest as _, Sha512};

/// A private key that signs packages and indexes.
pub(super) struct Key(SecretKey);

impl Key {
    /// Makes a key from the system's random numbers.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub(super) fn generate() -> anyhow::Result<Self> {
        loop {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes)
                .map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
            // One of 2^32 random numbers is not a valid key.
            if let Ok(key) = SecretKey::from_slice(&bytes) {
                return Ok(Self(key));
            }
        }
    }

    /// Reads a key in the PEM forms of openssl: `PRIVATE KEY` and `EC PRIVATE KEY`.
    ///
    /// # Errors
    ///
    /// The text has neither form, or the key is of another curve.
    pub(super) fn from_pem(text: &str) -> anyhow::Result<Self> {
        // `openssl ecparam -genkey` writes the curve's name before the key.
        let start = text.find("-----BEGIN EC PRIVATE KEY").or_else(|| text.find("-----BEGIN PRIV"));
        let text = start.and_then(|start| text.get(start..)).unwrap_or(text);
        // A secret that went through a shell or a form may have more than one newline at its end.
        let text = text.trim_end();
        let key = SecretKey::from_pkcs8_pem(text).ok();
        let key = key.or_else(|| SecretKey::from_sec1_pem(text).ok());
        let hint = "not a private key of the curve P-256 (`cargo xtask keys --out DIR` makes one)";
        key.map(Self).context(hint)
    }

    /// Returns the key in PEM.
    ///
    /// # Errors
    ///
    /// A valid key gives none.
    pub(super) fn to_pem(&self) -> anyhow::Result<String> {
        Ok(self.0.to_pkcs8_pem(LineEnding::LF)?.to_string())
    }

    /// Returns the public half in PEM, as in a router's `/etc/apk/keys`.
    ///
    /// # Errors
    ///
    /// A valid key gives none.
    pub(super) fn public_pem(&self) -> anyhow::Result<String> {
        Ok(self.public().to_public_key_pem(LineEnding::LF)?)
    }

    /// Returns the identifier of the key in signatures: the start of the digest of the uncompressed
    /// point.
    pub(super) fn id(&self) -> [u8; 16] {
        let digest: [u8; 64] = Sha512::digest(self.public().to_encoded_point(false)).into();
        let mut id = [0; 16];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        id
    }

    /// Signs the concatenation of parts. The signature is DER.
    ///
    /// # Errors
    ///
    /// A valid key gives none.
    pub(super) fn sign(&self, parts: &[&[u8]]) -> anyhow::Result<Vec<u8>> {
        let mut digest = Sha512::new();
        for part in parts {
            digest.update(part);
        }
        self.sign_digest(&digest.finalize())
    }

    fn sign_digest(&self, digest: &[u8]) -> anyhow::Result<Vec<u8>> {
        let signature: Signature = SigningKey::from(&self.0).sign_prehash(digest)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn public(&self) -> PublicKey {
        self.0.public_key()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::index::hex;
    use super::*;

    /// The key of RFC 6979, A.2.5, which is public: for tests only.
    pub(in crate::feed) const KNOWN: &str = "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49
AwEHoUQDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8
maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==
-----END EC PRIVATE KEY-----
";

    /// The signature in RFC 6979, A.2.5, of "sample" with SHA-256: the nonce is the RFC's.
    #[test]
    fn the_nonce_is_that_of_the_rfc() {
        use sha2::Sha256;
        let signature = Key::from_pem(KNOWN).unwrap().sign_digest(&Sha256::digest(b"sample"));
        assert_eq!(
            hex(&signature.unwrap()),
            "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
             022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
        );
    }

    /// openssl verifies the signature (`openssl dgst -sha512 -verify`), and a separate calculation
    /// by RFC 6979 gives the same bytes.
    #[test]
    fn a_signature_is_the_same_each_time() {
        let key = Key::from_pem(KNOWN).unwrap();
        let signature = key.sign(&[b"sam", b"ple"]).unwrap();
        assert_eq!(signature, key.sign(&[b"sample"]).unwrap());
        assert_ne!(signature, key.sign(&[b"samplf"]).unwrap());
        assert_eq!(
            hex(&signature),
            "3046022100962705d612647b04822c6060f31270f4b4cd703f6ba8fc1308c2a562ee600fc0022100af713dc0b1a1423422198a0edbce3b096f25c8e47d80988880ff472e579ab61f"
        );
    }

    #[test]
    fn a_key_survives_its_file() {
        let key = Key::generate().unwrap();
        let text = key.to_pem().unwrap();
        for form in [text.clone(), text.trim_end().to_owned(), format!("{text}\n\n")] {
            assert_eq!(key.id(), Key::from_pem(&form).unwrap().id(), "{form:?}");
        }
        let public = key.public_pem().unwrap();
        assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{public}");
        let error = Key::from_pem(&public).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("cargo xtask keys"), "{error}");
    }
}
