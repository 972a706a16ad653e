//! Why the rules are not loaded.

use std::io;

use mape_core::{Code, Explain, Explanation, Quoted};
use mape_kernel::netlink::NetlinkError;

/// The rules could not be loaded. The refused load itself changes nothing, because nft loads all of
/// a text or none of it. [`load`](crate::load) says what it does after a refusal.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// nft cannot be run at all.
    #[error("nft cannot be run: {0}")]
    NoNft(io::Error),
    /// nft or the kernel refuses the text.
    #[error("nft refuses the rules: {}", .0.text())]
    Rejected(Quoted),
    /// nft was stopped before it gave a result, or had no memory. This is no refusal: nft can
    /// accept the same text later.
    #[error("nft did not do its work: {0}")]
    NoVerdict(String),
    /// The kernel does not say whether another program offloads connections.
    #[error("the kernel's flowtables cannot be read: {0}")]
    Flowtables(NetlinkError),
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
    fn explain(&self) -> Explanation {
        let rejected = |hint: &'static str| Explanation::new(Code::FirewallRejected, hint);
        match self {
            Self::NoNft(error) => {
                rejected("install nftables, and run this as root").param("reason", error)
            }
            Self::Rejected(line) => rejected(
                "check that the kernel modules are there (kmod-nft-netdev, kmod-nft-nat), and leave \
                 the option edge at auto",
            )
            .text("reason", &line.text()),
            Self::NoVerdict(reason) => {
                rejected("see whether memory is short (`free`), then try again")
                    .text("reason", reason)
            }
            Self::Flowtables(error) => {
                rejected("try again; nothing was changed").param("reason", error)
            }
            Self::Busy { seconds } => {
                rejected("see what it waits for; nothing was changed").param("seconds", seconds)
            }
            Self::Directory(error) => Explanation::new(Code::SystemRefused, "run this as root")
                .param("reason", error),
        }
    }
}
