//! Finds the rule of a line: provisioning, the choice between sources, and detection of the line
//! type.
//!
//! The crate is pure: time, randomness and every answer of the network are passed in, and
//! [`Machine`] returns what to do. No server is contacted unless the user opted in, and the crate
//! contains no access code of a vendor.
//!
//! - [`Machine`] requests the national standard's answer (HB46PP 1.1), or a URL of the user's.
//! - [`Answer`] reads the standard's answer and those of JPNE's and OCN's rule servers.
//! - [`Sources`] chooses between the user's rule, the provisioned one, DHCPv6's and the built-in
//!   one.
//! - [`Cached`] is the last good answer as it is kept in flash.

mod answer;
mod cache;

mod detect;
mod failure;
mod json;
mod machine;
mod mode;
mod policy;
mod request;
mod txt;
mod url;

pub use answer::{
    Answer, AnswerError, Auth, BrokenRule, Endpoint, Ipip, Lw4o6, MAX_BODY, MapE, MapT, Method,
    NoMethod, Shape,
};
pub use cache::{Cached, Pause};
pub use detect::{
    Confidence, Evidence, FIXED_PROVIDERS, Gateway, LineFacts, LineType, Provisioned, Section,
    Verdict, detect, fixed_provider,
};
pub use failure::{DnsFailure, Failure, NoService, RedirectError};
pub use machine::{Effect, Event, HttpFailure, HttpReply, Machine, Next, Step, TxtReply};
pub use mode::{BadUrl, Mode, UserUrl, digest};
pub use policy::{Conflict, Decision, Source, Sources};
pub use request::{Capability, Credentials, HttpRequest, Identity, IdentityError, Token};
pub use txt::{Discovered, TxtRecord};
pub use url::{Scheme, Url, may_be_asked, may_be_led_to};
