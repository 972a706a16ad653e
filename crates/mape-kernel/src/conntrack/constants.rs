//! Names of the kernel (`linux/netfilter/nfnetlink_conntrack.h`).

/// Number of the subsystem, and of its messages.
pub(super) const NFNL_SUBSYS_CTNETLINK: u8 = 1;
pub(super) const IPCTNL_MSG_CT_GET: u8 = 1;
pub(super) const IPCTNL_MSG_CT_DELETE: u8 = 2;
/// `AF_INET`
pub(super) const NFPROTO_IPV4: u8 = 2;
