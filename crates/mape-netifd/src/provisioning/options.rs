//! The options `provisioning*`.

use mape_core::Failure;
use mape_provision::{Capability, Credentials, Identity, Mode, UserUrl};

use super::super::options::{OptionError, Options};

/// The project has no OUI of the IEEE. This one is locally administered: it belongs to no vendor.
const VENDOR: &str = "020000-mape_rs";

/// What an interface can use of an answer.
const CAPABILITIES: [Capability; 2] = [Capability::MapE, Capability::HubSpoke];

/// Returns how this client identifies itself to a provisioning server.
pub(crate) fn identity(can: &[Capability]) -> Result<Identity, Failure> {
    Ok(Identity::new(VENDOR, "mape-rs", env!("CARGO_PKG_VERSION"), can)?)
}

/// Whether anything is asked, and whom. Options that belong to another mode do not count, so that
/// it can be switched off and on again.
pub(crate) fn mode(options: &Options) -> Result<Mode, Failure> {
    let hint = "use off, hb46pp (ask the server that the line's resolvers announce) or url";
    let word = options.read("provisioning", hint, |text| {
        ["off", "hb46pp", "url"].into_iter().find(|known| *known == text)
    });
    Ok(match word {
        Some("hb46pp") => {
            Mode::Hb46pp { identity: identity(&CAPABILITIES)?, credentials: credentials(options)? }
        }
        Some("url") => {
            let url = options.text("provisioning_url");
            let url = url.ok_or(OptionError::Without("provisioning", "provisioning_url"))?;
            Mode::Url(UserUrl::new(&url)?)
        }
        _ => Mode::Off,
    })
}

/// Reads the same options from a file of plain Linux.
///
/// # Errors
/// As those of a router's.
pub fn mode_of(options: &[(&'static str, String)]) -> Result<Mode, Failure> {
    let options = Options::of(options);
    let mode = mode(&options);
    options.checked(mode)
}

fn credentials(options: &Options) -> Result<Option<Credentials>, Failure> {
    const NAMES: [&str; 3] = ["provisioning_user", "provisioning_password", "provisioning_server"];
    match NAMES.map(|name| options.text(name)) {
        [None, None, None] => Ok(None),
        [Some(user), Some(password), Some(server)] => {
            Ok(Some(Credentials::new(&user, &password, &server)?))
        }
        some => {
            let first = |given: bool| {
                let mut named = NAMES.into_iter().zip(&some);
                named.find(|(_, value)| value.is_some() == given).map_or("", |(name, _)| name)
            };
            Err(OptionError::Without(first(true), first(false)).into())
        }
    }
}
