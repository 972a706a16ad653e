//! Reads the answer of a provisioning server in any of the three formats.

use crate::json::{self, Read};

pub(crate) mod error;
mod hb46pp;
mod jpne;
mod method;
mod ocn;
mod rules;
mod types;

pub use error::{AnswerError, MAX_BODY};
pub use method::{BrokenRule, Endpoint, Ipip, Lw4o6, MapE, MapT, Method};
pub use types::{Answer, Auth, NoMethod, Shape};

impl Answer {
    /// Reads an answer in the standard's format.
    ///
    /// # Errors
    /// [`AnswerError`] where it is not JSON or has no `order`. A method with wrong parameters is no
    /// error here, because the next one in the order may be usable.
    pub fn hb46pp(body: &[u8]) -> Result<Self, AnswerError> {
        read_hb46pp(body).map_err(|error| *error)
    }

    /// Reads an answer of any format. Its keys show which one it is.
    ///
    /// # Errors
    /// [`AnswerError`] where it has none of them, or a list without any readable rule.
    pub fn any(body: &[u8]) -> Result<Self, AnswerError> {
        read_any(body).map_err(|error| *error)
    }
}

fn read_hb46pp(body: &[u8]) -> Read<Answer> {
    hb46pp::parse(&json::root(body)?)
}

fn read_any(body: &[u8]) -> Read<Answer> {
    let root = json::root(jpne::unwrapped(body))?;
    let has = |key: &str| root.get(key).is_some();
    if has("basicMapRules") {
        ocn::parse(&root)
    } else if has("fmr") {
        jpne::parse(&root)
    } else if has("order") {
        hb46pp::parse(&root)
    } else {
        Err(AnswerError::UnknownShape.into())
    }
}
