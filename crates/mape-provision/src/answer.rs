//! What a provisioning server answered, in any of the three shapes.

use ipnet::Ipv6Net;
use mape_core::{Code, Explain, Layout, Quoted, ReceivedPrefix, Rule, RuleError};
use serde_json::Value;

use crate::json;
use crate::request::{Capability, Token};

mod hb46pp;
mod jpne;
mod methods;
mod ocn;
mod rules;

pub use methods::{Endpoint, Ipip, Lw4o6, MapT};

/// Whose shape an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The national standard, HB46PP 1.1.
    Hb46pp,
    /// JPNE's `get_rules`, also used for BIGLOBE.
    Jpne,
    /// OCN's `basicMapRules`.
    Ocn,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 3] = [Self::Hb46pp, Self::Jpne, Self::Ocn];

    /// The name used in the cache.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hb46pp => "hb46pp",
            Self::Jpne => "get_rules",
            Self::Ocn => "basic_map_rules",
        }
    }
}

/// An answer that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its shape.
    pub shape: Shape,
    /// Who answered, in their own words; at most three, none longer than 254 bytes.
    pub labels: Vec<String>,
    /// How long it is good, in seconds, 60 to 604800; `None` where it does not say.
    ///
    /// A server that states more than the seven days of the standard is taken at seven, one that
    /// states less than a minute, the shortest wait the standard knows, at one minute.
    pub ttl: Option<u32>,
    /// To be sent with the next request.
    pub token: Option<Token>,
    /// JPNE's identifier (32 digits), to be sent with the next request.
    pub id: Option<String>,
    /// How the user and the password fared.
    pub auth: Option<Auth>,
    /// What the line may use, the preferred one first.
    pub methods: Vec<Method>,
}

/// How user and password fared (section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Auth {
    /// None were sent; with them there might be more.
    Required,
    /// They are wrong.
    Bad,
    /// They are right.
    Good,
}

/// One entry of `order`, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// MAP-E.
    MapE(MapE),
    /// DS-Lite: the AFTR.
    DsLite(Endpoint),
    /// Lightweight 4over6.
    Lw4o6(Lw4o6),
    /// Tunnels without sharing.
    Ipip(Vec<Ipip>),
    /// MAP-T.
    MapT(MapT),
    /// 464XLAT: the NAT64 prefix.
    Xlat464(Ipv6Net),
    /// A method whose parameters are missing or wrong.
    Broken(Capability, AnswerError),
}

impl Method {
    /// Which method it is.
    #[must_use]
    pub const fn capability(&self) -> Capability {
        match self {
            Self::MapE(_) => Capability::MapE,
            Self::DsLite(_) => Capability::DsLite,
            Self::Lw4o6(_) => Capability::Lw4o6,
            Self::Ipip(_) => Capability::Ipip,
            Self::MapT(_) => Capability::MapT,
            Self::Xlat464(_) => Capability::Xlat464,
            Self::Broken(capability, _) => *capability,
        }
    }
}

/// The rules of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapE {
    /// At least one; however many the server sent.
    pub rules: Vec<Rule>,
    /// Whether CEs are to talk to each other directly. Parsed and reported; run hub-and-spoke.
    pub mesh: bool,
    /// Rules that contradict themselves, none of which may cover the line.
    pub broken: Vec<BrokenRule>,
}

/// A rule that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    /// Its IPv6 prefix, where that can be read.
    pub ipv6: Option<Ipv6Net>,
    /// What is wrong.
    pub error: AnswerError,
}

/// Why no method of an answer can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoMethod {
    /// `order` is empty, or names only methods that nobody knows.
    Nothing,
    /// Only methods that were not asked for.
    Others(Vec<Capability>),
    /// What was asked for is there, but cannot be used.
    Unusable(AnswerError),
}

impl Answer {
    /// Reads an answer of the standard's shape.
    ///
    /// # Errors
    /// [`AnswerError`] where it is no JSON or has no `order`. A method with wrong parameters is no
    /// error here: the next one in the order may do.
    pub fn hb46pp(body: &[u8]) -> Result<Self, AnswerError> {
        hb46pp::parse(&json::root(body)?)
    }

    /// Reads an answer of any shape, which its keys tell apart.
    ///
    /// # Errors
    /// [`AnswerError`] where it has none of them, or one without any rule that can be read.
    pub fn any(body: &[u8]) -> Result<Self, AnswerError> {
        let root = json::root(jpne::unwrapped(body))?;
        let has = |key: &str| root.get(key).is_some();
        if has("basicMapRules") {
            ocn::parse(&root)
        } else if has("fmr") {
            jpne::parse(&root)
        } else if has("order") {
            hb46pp::parse(&root)
        } else {
            Err(AnswerError::UnknownShape)
        }
    }

    /// The method to use: the first in order that we can, and that can serve this line. An empty
    /// list of prefixes asks for no particular line.
    ///
    /// # Errors
    /// [`NoMethod`] says why there is none.
    pub fn choose(
        &self,
        can: &[Capability],
        prefixes: &[ReceivedPrefix],
    ) -> Result<&Method, NoMethod> {
        if self.methods.is_empty() {
            return Err(NoMethod::Nothing);
        }
        let mut first_problem = None;
        for method in self.methods.iter().filter(|it| can.contains(&it.capability())) {
            let problem = match method {
                Method::Broken(_, error) => error.clone(),
                Method::MapE(map_e) => match map_e.serves(prefixes) {
                    Ok(()) => return Ok(method),
                    Err(error) => error,
                },
                _ => return Ok(method),
            };
            first_problem.get_or_insert(problem);
        }
        Err(first_problem.map_or_else(
            || NoMethod::Others(self.methods.iter().map(Method::capability).collect()),
            NoMethod::Unusable,
        ))
    }
}

impl Answer {
    /// The rules, where MAP-E is among the methods.
    #[must_use]
    pub fn map_e(&self) -> Option<&MapE> {
        self.methods.iter().find_map(|method| match method {
            Method::MapE(map_e) => Some(map_e),
            _ => None,
        })
    }

    /// What the cache keeps: the rules that can be used, and how long.
    pub(crate) fn only_map_e(&self) -> Self {
        let kept = |map_e: &MapE| MapE { broken: Vec::new(), ..map_e.clone() };
        Self {
            labels: Vec::new(),
            token: None,
            id: None,
            auth: None,
            methods: self.map_e().map(kept).map(Method::MapE).into_iter().collect(),
            ..*self
        }
    }
}

impl Method {
    /// Whether both lead to the same configuration.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::MapE(one), Self::MapE(other)) => {
                one.rules == other.rules && one.mesh == other.mesh
            }
            _ => self == other,
        }
    }
}

impl MapE {
    /// Whether a rule covers one of the prefixes, and no broken rule does: that one might be what
    /// is meant for the line.
    fn serves(&self, prefixes: &[ReceivedPrefix]) -> Result<(), AnswerError> {
        let covers = |ipv6: &Ipv6Net| prefixes.iter().any(|prefix| ipv6.contains(&prefix.net()));
        if let Some(broken) = self.broken.iter().find(|it| it.ipv6.as_ref().is_some_and(covers)) {
            return Err(broken.error.clone());
        }
        match prefixes {
            [first, ..] if !self.rules.iter().any(|rule| covers(&rule.ipv6())) => {
                Err(AnswerError::NoRuleFor { prefix: *first, rules: self.rules.len() })
            }
            _ => Ok(()),
        }
    }
}

/// The layout of a rule (`map_e.version`).
const fn layout(version: u32) -> Option<Layout> {
    match version {
        0 => Some(Layout::Draft03),
        1 => Some(Layout::Rfc7597),
        _ => None,
    }
}

/// The answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// More than [`json::MAX_BODY`].
    #[error("the answer has more than {} kB", json::MAX_BODY / 1024)]
    TooLarge,
    /// No JSON object, or one nested too deeply.
    #[error("the answer is no JSON object as of line {line}")]
    NotJson {
        /// From 1.
        line: usize,
    },
    /// JSON, but of no shape we know.
    #[error("the answer has neither order, nor fmr, nor basicMapRules")]
    UnknownShape,
    /// A key that must be there.
    #[error("the answer lacks {}", path_of(path, key))]
    Missing {
        /// The object.
        path: &'static str,
        /// The key in it.
        key: &'static str,
    },
    /// A value that cannot be read.
    #[error("the answer's {} cannot be {value}", path_of(path, key))]
    BadValue {
        /// The object.
        path: &'static str,
        /// The key in it; empty for the object itself.
        key: &'static str,
        /// What stands there.
        value: Quoted,
    },
    /// A rule that contradicts itself.
    #[error("rule {number} of the answer: {error}")]
    Rule {
        /// From 1.
        number: usize,
        /// What is wrong with it.
        error: RuleError,
    },
    /// A rule that lacks a key.
    #[error("rule {number} of the answer lacks {key}")]
    RuleLacks {
        /// From 1.
        number: usize,
        /// The key.
        key: &'static str,
    },
    /// A rule with a value that cannot be read.
    #[error("the {key} of rule {number} of the answer cannot be {value}")]
    RuleValue {
        /// From 1.
        number: usize,
        /// The key.
        key: &'static str,
        /// What stands there.
        value: Quoted,
    },
    /// A list of rules without a rule.
    #[error("the answer's list of rules is empty")]
    NoRules,
    /// Rules for other lines only.
    #[error("none of the answer's rules ({rules}) contains the prefix {prefix}")]
    NoRuleFor {
        /// The line's.
        prefix: ReceivedPrefix,
        /// How many rules there are.
        rules: usize,
    },
}

fn path_of(path: &str, key: &str) -> String {
    let dot = if path.is_empty() || key.is_empty() { "" } else { "." };
    format!("{path}{dot}{key}")
}

impl Explain for AnswerError {
    fn code(&self) -> Code {
        Code::ProvisioningBadAnswer
    }

    fn hint(&self) -> String {
        match self {
            Self::UnknownShape => {
                "check that the URL is the one of the rule server; it may have answered with a \
                 page for people"
            }
            Self::NoRuleFor { .. } => {
                "wait for the next try if the line's prefix has just changed; otherwise ask the \
                 provider which service the line has"
            }
            _ => {
                "nothing to do at once: what worked goes on and the server is asked again; if it \
                 stays, tell the provider, and state the rule with option rule until then"
            }
        }
        .to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooLarge | Self::UnknownShape | Self::NoRules => Vec::new(),
            Self::NotJson { line } => vec![("line", line.to_string())],
            Self::Missing { path, key } => vec![("key", path_of(path, key))],
            Self::BadValue { path, key, value } => {
                vec![("key", path_of(path, key)), ("value", value.text())]
            }
            Self::Rule { number, error } => {
                let mut params = error.params();
                params.push(("rule", number.to_string()));
                params
            }
            Self::RuleLacks { number, key } => {
                vec![("key", (*key).to_owned()), ("rule", number.to_string())]
            }
            Self::RuleValue { number, key, value } => vec![
                ("key", (*key).to_owned()),
                ("value", value.text()),
                ("rule", number.to_string()),
            ],
            Self::NoRuleFor { prefix, rules } => {
                vec![("prefix", prefix.to_string()), ("rules", rules.to_string())]
            }
        }
    }
}

/// Whether a value is text of at most this many bytes; a label is nothing an answer fails over.
fn label(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?;
    // 256 bytes with the quotes (section 3.4).
    (!text.is_empty() && text.len() <= 254).then(|| text.to_owned())
}
