//! `mape-proto detect`.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use mape_core::{Code, Explain, Explanation, Failure, IntoVec as _, Quoted, Shown, parse_net4};
use mape_firewall::Env;
use mape_import::{Changes, Router};
use mape_netifd::{Bus, DetectOptions};
use mape_provision::{LineType, Section, Verdict};

use super::answer::Answer;
use super::arguments::{Argument, Arguments, UsageError};
use super::help;

/// The section is not written.
#[derive(Debug, thiserror::Error)]
enum NotApplied {
    #[error("no section is known that would suit this line")]
    NoSection,
    #[error("the option {0} of this contract is not known")]
    Missing(&'static str),
    #[error("the interface {interface} is of proto {proto} already")]
    Already { interface: Quoted, proto: &'static str },
    #[error("the name {0} is taken")]
    NameTaken(Quoted),
    #[error("the protocol {0} is not installed")]
    NoProtocol(&'static str),
}

impl Explain for NotApplied {
    fn explain(&self) -> Explanation {
        let hint = match self {
            Self::NoSection => {
                "see the next step of `mape-proto detect` without --apply".to_owned()
            }
            Self::Missing("interface_id") => {
                "write the section into /etc/config/network yourself, with the identifier from the \
                 papers of the contract"
                    .to_owned()
            }
            Self::Missing(option) => {
                format!("take it from the papers of the contract and give it with --{option}")
            }
            Self::Already { interface, .. } => {
                format!(
                    "keep it, or remove it first with `uci delete network.{}`",
                    interface.text()
                )
            }
            Self::NameTaken(_) => "give another one with --name".to_owned(),
            Self::NoProtocol(proto) => {
                let package = match *proto {
                    "mape" => "mape-rs",
                    "dslite" => "ds-lite",
                    same => same,
                };
                format!("install the package {package}")
            }
        };
        let params = match self {
            Self::NoSection => Vec::new(),
            Self::Missing(option) => vec![("option", (*option).to_owned())],
            Self::Already { interface, proto } => {
                vec![("interface", interface.text()), ("value", (*proto).to_owned())]
            }
            Self::NameTaken(name) => vec![("interface", name.text())],
            Self::NoProtocol(proto) => vec![("value", (*proto).to_owned())],
        };
        Explanation::with(Code::Uci, hint, params)
    }
}

struct Options {
    question: DetectOptions,
    name: String,
    apply: bool,
    json: bool,
}

pub(super) fn answer(arguments: &mut Arguments, plain: bool) -> Result<Answer, Failure> {
    let Some(options) = read(arguments)? else {
        return Ok(Answer::fine(help::DETECT.to_owned()));
    };
    let env = arguments.env();
    let mut failed: Vec<String> = Vec::new();
    #[cfg(feature = "linux")]
    if plain {
        let question = with_prefixes(options.question, env)?;
        let (facts, client) = mape_linux::line_facts(&mape_linux::System::new(env.clone()));
        let said = &mut |said| failed.push(said);
        let verdict = mape_netifd::detect_line(facts, client, env, &question, said)?;
        let verdict = mape_linux::advised_verdict(verdict, question.tunnel_end);
        return Ok(answered(&verdict, &Options { question, ..options }, false, &failed));
    }
    let _ = plain;
    let mut client = match mape_netifd::connect(env, mape_netifd::TIMEOUT) {
        Ok(client) => Some(client),
        // What was given is enough.
        Err(_) if !options.question.prefixes.is_empty() => None,
        Err(error) => return Err(error.into()),
    };
    let bus = client.as_mut().map(|client| client as &mut dyn Bus);
    let verdict = mape_netifd::detect(bus, env, &options.question, &mut |said| failed.push(said))?;
    let applied = options.apply.then(|| apply(&verdict, &options, env)).transpose()?;
    Ok(answered(&verdict, &options, applied.is_some(), &failed))
}

fn answered(verdict: &Verdict, options: &Options, applied: bool, failed: &[String]) -> Answer {
    let text = if options.json {
        verdict.to_json()
    } else {
        text(verdict, &options.name, applied, failed)
    };
    let known = !matches!(verdict.line, LineType::Unknown | LineType::NoIpv6);
    Answer::checked(text, known)
}

/// The prefixes are those that `up` would look at, where none are given.
#[cfg(feature = "linux")]
fn with_prefixes(mut question: DetectOptions, env: &Env) -> Result<DetectOptions, Failure> {
    if question.prefixes.is_empty() {
        let found = mape_linux::prefixes(&mape_linux::System::new(env.clone()).ip);
        let found = found.map_err(|failure| failure.or_else_do("pass it with --prefix"));
        question.prefixes = found?;
    }
    Ok(question)
}

fn read(arguments: &mut Arguments) -> Result<Option<Options>, Failure> {
    let mut options = Options {
        question: DetectOptions::default(),
        name: "wan4".to_owned(),
        apply: false,
        json: false,
    };
    while let Some(argument) = arguments.next_of_machine()? {
        let name = match argument {
            Argument::Plain(text) => return Err(UsageError::Surplus(Quoted::new(&text)).into()),
            Argument::Option(name) => name,
        };
        let question = &mut options.question;
        match name.as_str() {
            "ask" => question.ask = true,
            "ask-gateway" => question.gateway = true,
            "ca" => question.authority = Some(arguments.value()?),
            "prefix" => question.prefixes.push(arguments.value()?.parse()?),
            "tunnel-end" => {
                let text = arguments.value()?;
                let bad = || UsageError::Address6(Quoted::new(&text));
                question.tunnel_end = Some(text.parse().map_err(|_| bad())?);
            }
            "ipaddr" => {
                let text = arguments.value()?;
                let bad = || UsageError::Address(Quoted::new(&text));
                let address = || Some(Ipv4Net::from(text.parse::<Ipv4Addr>().ok()?));
                question.ipv4 = Some(parse_net4(&text).or_else(address).ok_or_else(bad)?);
            }
            "name" => {
                options.name = arguments.value()?;
                options.name.parse::<mape_nft::InterfaceName>()?;
            }
            "apply" => options.apply = true,
            "json" => options.json = true,
            "help" => return Ok(None),
            _ => return Err(UsageError::option(&name).into()),
        }
    }
    Ok(Some(options))
}

/// Writes the section and nothing else; the interface is not started.
fn apply(verdict: &Verdict, options: &Options, env: &Env) -> Result<(), Failure> {
    let section = verdict.section.as_ref().ok_or(NotApplied::NoSection)?;
    if let Some(option) = section.missing {
        return Err(NotApplied::Missing(option).into());
    }
    let router = Router::read(env.clone())?;
    let proto = section.proto;
    if let Some(same) = router.interfaces().find(|it| it.get("proto") == Some(proto)) {
        let interface = Quoted::new(same.name());
        return Err(NotApplied::Already { interface, proto }.into());
    }
    if router.interfaces().any(|interface| interface.name() == options.name) {
        return Err(NotApplied::NameTaken(Quoted::new(&options.name)).into());
    }
    if !router.has(&format!("/lib/netifd/proto/{proto}.sh")) {
        return Err(NotApplied::NoProtocol(proto).into());
    }
    let named = section.options.iter().map(|(name, value)| (*name, value.as_str()));
    let values: Vec<(&str, &str)> = std::iter::once(("proto", proto)).chain(named).into_vec();
    let changes = Changes::adding("network", "interface", &options.name, &values);
    Ok(mape_import::apply(&router, &changes)?)
}

fn text(verdict: &Verdict, name: &str, applied: bool, failed: &[String]) -> String {
    let mut text = String::new();
    // Writing into a `String` cannot fail.
    let _ = write_verdict(&mut text, verdict, name, applied);
    for line in failed {
        let _ = writeln!(text, "note: {}", Shown(line));
    }
    text
}

fn write_verdict(
    text: &mut String,
    verdict: &Verdict,
    name: &str,
    applied: bool,
) -> std::fmt::Result {
    write!(text, "line: {}", title(verdict.line))?;
    if let Some(provider) = verdict.provider {
        write!(text, ", {provider}")?;
    }
    writeln!(text, " (confidence: {})", verdict.confidence.name())?;
    for evidence in &verdict.evidence {
        writeln!(text, "  because {}", Shown(&evidence.says))?;
    }
    for evidence in &verdict.against {
        writeln!(text, "  although {}", Shown(&evidence.says))?;
    }
    match &verdict.section {
        Some(_) if applied => {
            writeln!(text, "written: the interface {name}; start it with `ifup {name}`")
        }
        Some(section) => {
            writeln!(text, "next step: {}.", verdict.next_step)?;
            let how = match section.missing {
                None => " (--apply writes it)",
                Some("ipaddr") => " (--ipaddr ADDRESS --apply writes it)",
                Some(_) => "",
            };
            writeln!(text, "In /etc/config/network{how}:\n{}", indented(section, name))
        }
        None => writeln!(text, "next step: {}.", verdict.next_step),
    }
}

fn indented(section: &Section, name: &str) -> String {
    section.text(name).trim_end().to_owned()
}

const fn title(line: LineType) -> &'static str {
    match line {
        LineType::MapE => "MAP-E",
        LineType::DsLite => "DS-Lite",
        LineType::Ipip => "a tunnel with an IPv4 address of its own",
        LineType::Ngn => "NTT's closed network, without internet contract",
        LineType::HomeGateway => "behind a home gateway",
        LineType::NoIpv6 => "no IPv6",
        other => other.name(),
    }
}
