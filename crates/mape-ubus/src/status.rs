//! The status numbers of ubus.

use std::fmt;

/// The reason why a request was refused. Numbers and meaning are those of ubus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are what there is to say")]
pub enum Status {
    InvalidCommand,
    InvalidArgument,
    MethodNotFound,
    NotFound,
    NoData,
    PermissionDenied,
    Timeout,
    NotSupported,
    UnknownError,
    ConnectionFailed,
    NoMemory,
    ParseError,
    SystemError,
    /// A number without a name here.
    Other(u32),
}

/// All with a name. 0 is success.
const NAMED: [(Status, u32, &str); 13] = [
    (Status::InvalidCommand, 1, "invalid command"),
    (Status::InvalidArgument, 2, "invalid argument"),
    (Status::MethodNotFound, 3, "method not found"),
    (Status::NotFound, 4, "not found"),
    (Status::NoData, 5, "no data"),
    (Status::PermissionDenied, 6, "permission denied"),
    (Status::Timeout, 7, "timeout"),
    (Status::NotSupported, 8, "not supported"),
    (Status::UnknownError, 9, "unknown error"),
    (Status::ConnectionFailed, 10, "connection failed"),
    (Status::NoMemory, 11, "no memory"),
    (Status::ParseError, 12, "parse error"),
    (Status::SystemError, 13, "system error"),
];

impl Status {
    /// Returns the status of this number, or `None` for 0, which is success.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        let named = NAMED.iter().find(|named| named.1 == number);
        (number != 0).then_some(named.map_or(Self::Other(number), |named| named.0))
    }

    /// Returns the number of ubus.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Other(number) => number,
            status => NAMED.iter().find(|named| named.0 == status).map_or(0, |named| named.1),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMED.iter().find(|named| named.0 == *self);
        f.write_str(named.map_or("not a known status", |named| named.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_ubus() {
        assert_eq!(Status::new(0), None);
        for number in 1..20 {
            assert_eq!(Status::new(number).unwrap().number(), number);
        }
        for (number, status) in [
            (1, Status::InvalidCommand),
            (4, Status::NotFound),
            (6, Status::PermissionDenied),
            (9, Status::UnknownError),
            (13, Status::SystemError),
            (14, Status::Other(14)),
        ] {
            assert_eq!(Status::new(number), Some(status));
        }
        assert_eq!(Status::PermissionDenied.to_string(), "permission denied");
        assert_eq!(Status::new(u32::MAX), Some(Status::Other(u32::MAX)));
    }
}
