//! What a provisioning server answered, in any of the three shapes.

use crate::json;

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
}
