//! The owner of a prefix that no known rule covers.
//!
//! The blocks and their sources are in `data/lines.tsv`.

/// The owner of a prefix block, as far as the prefix shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// An address that never belongs to a line: link-local, unique local, documentation …
    Local,
    /// The closed network of NTT East or West: no IPoE contract is active.
    Ngn,
    /// OCN Virtual Connect: MAP-E, but not every cell of the block has a known rule.
    Ocn,
    /// Sony Network Communications: NURO Hikari, of which only a part has confirmed rules.
    Nuro,
    /// Internet Multifeed's transix: DS-Lite, or IPIP with a fixed address.
    Transix,
    /// ARTERIA's Cross Pass (Xpass): DS-Lite, or IPIP with a fixed address.
    Xpass,
    /// ASAHI Net's v6 connect: DS-Lite, or IPIP with a fixed address.
    V6connect,
    /// `SoftBank` Hikari: IPIP, although its home gateway calls it MAP-E.
    Softbank,
}

impl LineKind {
    /// Returns the stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ngn => "ngn",
            Self::Ocn => "ocn",
            Self::Nuro => "nuro",
            Self::Transix => "transix",
            Self::Xpass => "xpass",
            Self::V6connect => "v6connect",
            Self::Softbank => "softbank",
        }
    }

    /// Returns how the line carries IPv4: `none`, `map-e`, `ds-lite` or `ipip`.
    #[must_use]
    pub const fn mechanism(self) -> &'static str {
        match self {
            Self::Local | Self::Ngn => "none",
            Self::Ocn | Self::Nuro => "map-e",
            Self::Transix | Self::Xpass | Self::V6connect => "ds-lite",
            Self::Softbank => "ipip",
        }
    }

    /// Returns the end of the sentence "The prefix …": why there is no plan for it.
    #[must_use]
    pub const fn verdict(self) -> &'static str {
        match self {
            Self::Local => "is not a public IPv6 prefix, so no line has it",
            Self::Ngn => {
                "is NTT's closed network (NGN): the line has no IPv6 internet (IPoE) contract yet"
            }
            Self::Ocn => "belongs to OCN Virtual Connect, but no known rule covers it",
            Self::Nuro => "belongs to Sony (NURO), but the confirmed rules cover only 240d:f::/34",
            Self::Transix => {
                "is a transix line (Internet Multifeed, ZOOT NATIVE): DS-Lite, not MAP-E"
            }
            Self::Xpass => "is a Cross Pass line (Xpass, ARTERIA): DS-Lite, not MAP-E",
            Self::V6connect => "is a v6 connect line (ASAHI Net): DS-Lite, not MAP-E",
            Self::Softbank => {
                "is a SoftBank line (BBIX): IPIP with a dedicated IPv4 address, not MAP-E, although \
                 its home gateway says MAP-E"
            }
        }
    }

    /// Returns the next step for the user.
    #[must_use]
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Local => "use the WAN interface's delegated prefix or its global address",
            Self::Ngn => {
                "ask your provider to activate IPv6 IPoE; the prefix changes automatically once it \
                 is active"
            }
            Self::Ocn => {
                "update mape-rs, as the operator adds rules; until then pass the line's own rule \
                 with --rule"
            }
            Self::Nuro => {
                "if your NURO contract does use MAP-E, pass the rule of the provider's router \
                 with --rule"
            }
            Self::Transix => {
                "use OpenWrt's ds-lite package with AFTR gw.transix.jp; with a fixed-IP contract, \
                 provider transix-static with the contract's numbers"
            }
            Self::Xpass => {
                "use OpenWrt's ds-lite package with AFTR dgw.xpass.jp; with a fixed-IP contract, \
                 provider xpass-static with the contract's numbers"
            }
            Self::V6connect => {
                "use OpenWrt's ds-lite package with AFTR dslite.v6connect.net; with a fixed-IP \
                 contract, proto ipip6 with the contract's numbers"
            }
            Self::Softbank => {
                "use proto ipip6 with the IPv4 address and the tunnel end of your contract; only if \
                 the contract says MAP-E, pass its rule with --rule"
            }
        }
    }
}

/// A prefix block of a known owner.
pub(crate) struct Block {
    /// Upper 64 bits.
    pub(crate) bits: u64,
    /// Prefix length, at most 64.
    pub(crate) len: u8,
    pub(crate) kind: LineKind,
}
