//! A parsed answer, and the choice among its methods.

use mape_core::{IntoVec as _, ReceivedPrefix};

use super::error::AnswerError;
use super::method::{MapE, Method};
use crate::request::{Capability, Token};

/// The format of an answer.
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

    /// Returns the name used in the cache.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hb46pp => "hb46pp",
            Self::Jpne => "get_rules",
            Self::Ocn => "basic_map_rules",
        }
    }
}

/// A parsed answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its shape.
    pub shape: Shape,
    /// The server's own names for itself; at most three, none longer than 254 bytes.
    pub labels: Vec<String>,
    /// The lifetime in seconds, 60 to 604800; `None` where it does not say.
    ///
    /// A server that states more than the seven days of the standard is taken at seven, one that
    /// states less than a minute, the shortest wait the standard knows, at one minute.
    pub ttl: Option<u32>,
    /// The token for the next request.
    pub token: Option<Token>,
    /// JPNE's identifier (32 digits) for the next request.
    pub id: Option<String>,
    /// The result of the check of user and password.
    pub auth: Option<Auth>,
    /// The methods that the line may use, the preferred one first.
    pub methods: Vec<Method>,
}

/// What the server says about user and password (section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Auth {
    /// None were sent; with them the server might offer more.
    Required,
    /// The server refused them.
    Bad,
    /// The server accepted them.
    Good,
}

/// The reason why no method of an answer can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoMethod {
    /// `order` is empty, or contains only unknown methods.
    Nothing,
    /// Only methods that were not requested.
    Others(Vec<Capability>),
    /// A requested method that cannot be used.
    Unusable(AnswerError),
}

impl Answer {
    /// Returns the method to use: the first in `order` that `can` contains and that can serve this
    /// line. An empty list of prefixes stands for no particular line.
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
            || NoMethod::Others(self.methods.iter().map(Method::capability).into_vec()),
            NoMethod::Unusable,
        ))
    }

    /// Returns the rules, where MAP-E is among the methods.
    #[must_use]
    pub fn map_e(&self) -> Option<&MapE> {
        self.methods.iter().find_map(|method| match method {
            Method::MapE(map_e) => Some(map_e),
            _ => None,
        })
    }

    /// Returns the part that the cache keeps: the usable rules and their lifetime.
    pub(crate) fn only_map_e(&self) -> Self {
        let kept = |map_e: &MapE| MapE { broken: Vec::new(), ..map_e.clone() };
        Self {
            labels: Vec::new(),
            token: None,
            id: None,
            auth: None,
            methods: self.map_e().map(kept).map(Method::MapE).into_iter().into_vec(),
            ..*self
        }
    }
}
