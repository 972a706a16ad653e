//! Why the rules are not loaded.

use std::io;

use mape_core::{Code, Explain, Quoted};

/// The rules could not be loaded. What was loaded before still is: nft takes all or nothing.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// nft cannot be run at all.
    #[error("nft cannot be run: {0}")]
    NoNft(io::Error),
    /// nft or the kernel refuses the text.
    #[error("nft refuses the rules: {}", .0.text())]
    Rejected(Quoted),
    /// nft was ended before it could say anything about the text, or had no memory: the same text
    /// can be accepted later, so nothing is to be concluded from this.
    #[error("nft did not do its work: {0}")]
    NoVerdict(String),
    /// Another loader holds the lock.
    #[error("another mape-proto has been loading rules for {seconds} seconds")]
    Busy {
        /// How long was waited.
        seconds: u64,
    },
    /// The directory of the state files cannot be used.
    #[error("the state directory cannot be used: {0}")]
    Directory(io::Error),
}

impl Explain for FirewallError {
    fn code(&self) -> Code {
        match self {
            Self::Directory(_) => Code::SystemRefused,
            _ => Code::FirewallRejected,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NoNft(_) => "install nftables, and run this as root",
            Self::Rejected(_) => {
                "check that the kernel modules are there (kmod-nft-netdev, kmod-nft-nat), and leave \
                 the option edge at auto"
            }
            Self::NoVerdict(_) => "see whether memory is short (`free`), then try again",
            Self::Busy { .. } => "see what it waits for; nothing was changed",
            Self::Directory(_) => "run this as root",
        }
        .to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoNft(error) | Self::Directory(error) => vec![("reason", error.to_string())],
            Self::NoVerdict(reason) => vec![("reason", reason.clone())],
            Self::Rejected(line) => vec![("reason", line.text())],
            Self::Busy { seconds } => vec![("seconds", seconds.to_string())],
        }
    }
}
