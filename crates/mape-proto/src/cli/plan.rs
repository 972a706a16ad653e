//! `mape-proto plan`.

use mape_core::{Failure, Plan, Quoted, ReceivedPrefix, Request, decimal, plan};
use mape_nft::{
    Dataplane, DeviceName, EdgeChoice, Forwards, Interface, Offload, Options as NftOptions,
    standalone,
};
use mape_system::user_rules::Stated;

use super::arguments::{Argument, Arguments, UsageError};

#[cfg(feature = "linux")]
use super::linux;
use super::{help, human, json, shell};
#[cfg(feature = "linux")]
use mape_linux::{Parts, shell_functions};

/// How the plan is printed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Format {
    #[default]
    Human,
    Json,
    Nft,
    Shell,
    #[cfg(feature = "linux")]
    Ifupdown,
}

impl Format {
    const fn option(self) -> &'static str {
        match self {
            Self::Human => "text",
            Self::Json => "json",
            Self::Nft => "nft",
            Self::Shell => "sh",
            #[cfg(feature = "linux")]
            Self::Ifupdown => "ifupdown",
        }
    }

    fn choose(&mut self, format: Self) -> Result<(), Failure> {
        if *self != Self::Human && *self != format {
            return Err(UsageError::Exclusive(self.option(), format.option()).into());
        }
        *self = format;
        Ok(())
    }
}

/// The options as given.
#[derive(Default)]
struct Options {
    prefix: Option<String>,
    stated: Stated,
    uplink_mtu: Option<u16>,
    device: Option<DeviceName>,
    edge: EdgeChoice,
    full_cone: bool,
    format: Format,
    #[cfg(feature = "linux")]
    uplink: Option<DeviceName>,
    #[cfg(feature = "linux")]
    directory: Option<std::path::PathBuf>,
    help: bool,
}

pub(super) fn answer(arguments: &mut Arguments) -> Result<String, Failure> {
    let options = Options::read(arguments)?;
    if options.help {
        return Ok(help::plan());
    }
    let plan = plan(&options.request()?)?;
    Ok(match options.format {
        Format::Human => human::plan(&plan, "--rule"),
        Format::Json => json::plan(&plan),
        Format::Nft => standalone(&options.interface(&plan)?),
        #[cfg(not(feature = "linux"))]
        Format::Shell => shell::plan(&plan),
        #[cfg(feature = "linux")]
        Format::Shell => shell::plan(&plan) + &shell_functions(&options.parts(&plan)?),
        #[cfg(feature = "linux")]
        Format::Ifupdown => linux::files(&options.parts(&plan)?, options.directory.as_deref())?,
    })
}

impl Options {
    fn read(arguments: &mut Arguments) -> Result<Self, Failure> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Argument::Plain(text) if options.prefix.is_none() => options.prefix = Some(text),
                Argument::Plain(text) => {
                    return Err(UsageError::Surplus(Quoted::new(&text)).into());
                }
                Argument::Option(name) => match name.as_str() {
                    "provider" => options.stated.provider = arguments.value()?.parse()?,
                    "rule" => options.stated.rules.push(arguments.value()?),
                    "rules" => options.stated.rule_files.push(arguments.value()?),
                    "layout" => options.stated.layout = Some(arguments.value()?.parse()?),
                    "uplink-mtu" => options.uplink_mtu = Some(mtu(&arguments.value()?)?),
                    "reserve" => options.stated.reserved.extend(arguments.value()?.parse()?)?,
                    "device" => options.device = Some(arguments.value()?.parse()?),
                    "edge" => options.edge = arguments.value()?.parse()?,
                    "full-cone" => options.full_cone = true,
                    "json" => options.format.choose(Format::Json)?,
                    "nft" => options.format.choose(Format::Nft)?,
                    "sh" => options.format.choose(Format::Shell)?,
                    #[cfg(feature = "linux")]
                    "ifupdown" => options.format.choose(Format::Ifupdown)?,
                    #[cfg(feature = "linux")]
                    "uplink" => options.uplink = Some(arguments.value()?.parse()?),
                    #[cfg(feature = "linux")]
                    "dir" => options.directory = Some(arguments.value()?.into()),
                    "help" => options.help = true,
                    _ => return Err(UsageError::option(&name).into()),
                },
            }
        }
        Ok(options)
    }

    fn request(&self) -> Result<Request, Failure> {
        let prefix = self.prefix.as_deref().ok_or(UsageError::NoPrefix)?;
        let prefix: ReceivedPrefix = prefix.parse()?;
        let mut request = self.stated.request(prefix)?;
        if let Some(uplink_mtu) = self.uplink_mtu {
            request.uplink_mtu = uplink_mtu;
        }
        Ok(request)
    }
}

impl Options {
    fn interface(&self, plan: &Plan) -> Result<Interface, Failure> {
        let device = self.device.clone().unwrap_or_else(DeviceName::default_tunnel);
        Ok(Interface {
            name: device.interface(),
            device,
            index: None,
            dataplane: Dataplane::new(plan, &[])?,
            edge: self.edge.preferred(),
            options: NftOptions { full_cone: self.full_cone, ..NftOptions::default() },
            offload: Offload::default(),
            forwards: Forwards::default(),
        })
    }

    #[cfg(feature = "linux")]
    fn parts(&self, plan: &Plan) -> Result<Parts, Failure> {
        Ok(Parts::new(plan, &self.interface(plan)?, self.uplink.as_ref()))
    }
}

fn mtu(text: &str) -> Result<u16, Failure> {
    let number = decimal(text, u16::MAX.into()).and_then(|number| u16::try_from(number).ok());
    number.ok_or_else(|| UsageError::Mtu(Quoted::new(text)).into())
}
