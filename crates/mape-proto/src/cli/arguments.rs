//! Reads the command line with `lexopt`, with error messages of this program.

use std::ffi::OsString;

use lexopt::Arg;
use mape_core::{Code, Explain, Explanation, Failure, Quoted};
use mape_firewall::Env;
use mape_kernel::netlink::Kernel;

use super::suggestion;

/// The arguments of one call, and the environment of the machine that it reads.
pub(crate) struct Arguments {
    parser: lexopt::Parser,
    env: Env,
}

/// One option or one plain argument.
pub(crate) enum Argument {
    /// `--name`, `-h` as `help`, `-V` as `version`.
    Option(String),
    /// Anything else.
    Plain(String),
}

impl Arguments {
    pub(crate) fn new(arguments: Vec<OsString>) -> Self {
        Self { parser: lexopt::Parser::from_args(arguments), env: Env::default() }
    }

    /// Replaces the environment, before an option changes it.
    #[cfg(feature = "linux")]
    pub(crate) fn with_env(self, env: Env) -> Self {
        Self { env, ..self }
    }

    /// Reads the command word. `--help` and `--version` are commands, too.
    pub(crate) fn command(&mut self) -> Result<Option<String>, Failure> {
        Ok(match self.next()? {
            Some(Argument::Plain(word)) => Some(word),
            Some(Argument::Option(option)) if option == "help" || option == "version" => {
                Some(option)
            }
            Some(Argument::Option(option)) => return Err(UsageError::option(&option).into()),
            None => None,
        })
    }

    pub(crate) fn next(&mut self) -> Result<Option<Argument>, Failure> {
        Ok(match self.parser.next().map_err(|error| UsageError::from_lexopt(&error))? {
            None => None,
            Some(Arg::Long(name)) => Some(Argument::Option(name.to_owned())),
            Some(Arg::Short('h')) => Some(Argument::Option("help".to_owned())),
            Some(Arg::Short('V')) => Some(Argument::Option("version".to_owned())),
            Some(Arg::Short(letter)) => {
                return Err(UsageError::Option(Quoted::new(&format!("-{letter}"))).into());
            }
            Some(Arg::Value(value)) => Some(Argument::Plain(utf8(value)?)),
        })
    }

    /// Reads the next argument of a command that reads the state of the machine. The options that
    /// replace the machine's files and programs (tests use them) are handled here for all commands.
    /// [`Self::env`] returns the result once all arguments are read.
    pub(crate) fn next_of_machine(&mut self) -> Result<Option<Argument>, Failure> {
        while let Some(argument) = self.next()? {
            match argument {
                Argument::Option(name) if self.takes_env_option(&name)? => {}
                argument => return Ok(Some(argument)),
            }
        }
        Ok(None)
    }

    /// Returns the environment, with the options that were read so far.
    pub(crate) const fn env(&self) -> &Env {
        &self.env
    }

    fn takes_env_option(&mut self, option: &str) -> Result<bool, Failure> {
        match option {
            "root" => self.env = self.env.clone().with_root(self.value()?.as_ref()),
            "state-dir" => self.env.run = self.value()?.into(),
            "device-dir" => self.env.devices = self.value()?.into(),
            "proc-dir" => self.env.proc = self.value()?.into(),
            "ubus-socket" => self.env.ubus = vec![self.value()?.into()],
            "nft-program" => self.env.nft = self.value()?.into(),
            "uci-program" => self.env.uci = self.value()?.into(),
            "recorded" => self.env.kernel = Kernel::Recorded(self.value()?.into()),
            "record" => self.env.kernel = Kernel::Recording(self.value()?.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Checks that no argument is left.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        match self.next()? {
            None => Ok(()),
            Some(Argument::Plain(text)) => Err(UsageError::Surplus(Quoted::new(&text)).into()),
            Some(Argument::Option(name)) => Err(UsageError::option(&name).into()),
        }
    }

    /// Returns the value of the option that was read last.
    pub(crate) fn value(&mut self) -> Result<String, Failure> {
        utf8(self.parser.value().map_err(|error| UsageError::from_lexopt(&error))?)
    }
}

fn utf8(value: OsString) -> Result<String, Failure> {
    let not_text = |value: OsString| UsageError::NotText(Quoted::new(&value.to_string_lossy()));
    Ok(value.into_string().map_err(not_text)?)
}

/// The arguments cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("no command given")]
    NoCommand,
    #[error("unknown command {0}")]
    Command(Quoted),
    #[error("unknown option {0}")]
    Option(Quoted),
    #[error("the option {0} needs a value")]
    NoValue(Quoted),
    #[error("the option {option} takes no value, but {value} was given")]
    SurplusValue { option: Quoted, value: Quoted },
    #[error("the argument {0} is not text")]
    NotText(Quoted),
    #[error("no IPv6 prefix given")]
    NoPrefix,
    #[error("no interface given")]
    NoInterface,
    #[error("there is no completion for {0}")]
    #[cfg(feature = "linux")]
    Shell(Quoted),
    #[error("--color cannot be {0}")]
    Color(Quoted),
    #[error("an argument is missing")]
    NoWord,
    #[error("unexpected argument {0}")]
    Surplus(Quoted),
    #[error("--{0} and --{1} cannot be combined")]
    Exclusive(&'static str, &'static str),
    #[error("{0} is not an IPv4 address")]
    Address(Quoted),
    #[error("{0} is not an IPv4 address with a port")]
    Target(Quoted),
    #[error("{0} is not a host with a port")]
    Host(Quoted),
    #[error("{0} is not an IPv6 address")]
    Address6(Quoted),
    #[error("the uplink MTU {0} is not a number from 0 to 65535")]
    Mtu(Quoted),
}

impl UsageError {
    pub(crate) fn command(word: &str) -> Self {
        Self::Command(Quoted::new(word))
    }

    pub(crate) fn option(name: &str) -> Self {
        Self::Option(Quoted::new(&format!("--{name}")))
    }

    fn from_lexopt(error: &lexopt::Error) -> Self {
        match error {
            lexopt::Error::MissingValue { option } => {
                Self::NoValue(Quoted::new(option.as_deref().unwrap_or("")))
            }
            lexopt::Error::UnexpectedValue { option, value } => Self::SurplusValue {
                option: Quoted::new(option),
                value: Quoted::new(&value.to_string_lossy()),
            },
            other => Self::NotText(Quoted::new(&other.to_string())),
        }
    }
}

/// The next step where the help text is the best one. [`super::run`] names the command in it.
pub(super) const SEE_HELP: &str = "see mape-proto --help and mape-proto COMMAND --help";

impl Explain for UsageError {
    fn explain(&self) -> Explanation {
        let hint = match self {
            Self::Command(word) => return suggestion::explain(word),
            Self::NoCommand => suggestion::LIST,
            Self::NoPrefix => "pass the WAN interface's: mape-proto plan 240b:10:3261:6400::/56",
            Self::NoInterface => "pass its name: mape-proto import wan_mape",
            Self::Target(_) => "write it like 198.51.100.1:443",
            Self::Host(_) => "write it like 192.168.1.10:25565, nas:443 or [::10]:443",
            Self::Color(_) => "write --color auto, --color always or --color never",
            Self::Mtu(_) => "a fibre line without PPPoE has 1500",
            #[cfg(feature = "linux")]
            Self::Shell(_) => "bash, fish and zsh have one: mape-proto completion bash",
            _ => SEE_HELP,
        };
        let params = match self {
            Self::NoCommand | Self::NoPrefix | Self::NoInterface | Self::NoWord => Vec::new(),
            #[cfg(feature = "linux")]
            Self::Shell(value) => vec![("value", value.text())],
            Self::Command(value)
            | Self::NotText(value)
            | Self::Surplus(value)
            | Self::Address(value)
            | Self::Address6(value)
            | Self::Host(value)
            | Self::Color(value)
            | Self::Target(value) => {
                vec![("value", value.text())]
            }
            Self::Option(option) | Self::NoValue(option) => vec![("option", option.text())],
            Self::SurplusValue { option, value } => {
                vec![("option", option.text()), ("value", value.text())]
            }
            Self::Exclusive(one, _) => vec![("option", format!("--{one}"))],
            Self::Mtu(value) => vec![("option", "uplink_mtu".to_owned()), ("value", value.text())],
        };
        Explanation::with(Code::OptionInvalid, hint, params)
    }
}
