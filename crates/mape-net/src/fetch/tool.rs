//! A call of `curl` or `uclient-fetch`, and how it ended.

use std::path::Path;

use mape_provision::{HttpFailure, HttpReply, MAX_BODY};

/// No answer, or none that can be read.
pub(super) const NO_ANSWER: HttpReply = HttpReply::Failed(HttpFailure::NoAnswer);
/// The certificate of the server is not accepted.
pub(super) const BAD_CERTIFICATE: HttpReply = HttpReply::Failed(HttpFailure::Certificate);

/// What the program is called with, besides the request.
pub(super) struct Call<'fetcher> {
    pub(super) program: &'fetcher Path,
    /// A PEM file with the certificate of an authority that the user trusts.
    pub(super) authority: Option<&'fetcher str>,
    /// The program's own limit, in seconds.
    pub(super) seconds: u64,
}

/// How a program ended.
pub(super) struct Ended {
    /// The exit status; `None` where a signal ended it.
    pub(super) code: Option<i32>,
    /// Standard output.
    pub(super) out: Vec<u8>,
    /// Standard error.
    pub(super) words: String,
    /// Whether it was stopped because its output is too long.
    pub(super) cut: bool,
}

/// Returns a body, cut one byte after the limit: that byte shows that it is too long.
pub(super) fn body(bytes: &[u8]) -> Vec<u8> {
    bytes.get(..=MAX_BODY).unwrap_or(bytes).to_vec()
}
