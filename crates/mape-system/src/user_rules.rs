//! The rules and choices that a user states, on a command line or in a configuration file.

use mape_core::{
    Failure, Layout, PortList, ProviderChoice, ReceivedPrefix, Request, is_map_form,
    parse_map_rules, parse_rule,
};

use crate::rule_file;

/// The values as the user gave them. Rules stay text until [`Self::request`], because a rule that
/// names no layout takes `layout`, which may be given after it.
#[derive(Clone, Debug, Default)]
pub struct Stated {
    /// Which rules of the built-in table may be used.
    pub provider: ProviderChoice,
    /// Overrides the layout of every rule.
    pub layout: Option<Layout>,
    /// Rules as text, in our form or that of `map`.
    pub rules: Vec<String>,
    /// Paths of rule files.
    pub rule_files: Vec<String>,
    /// Ports that NAT leaves alone.
    pub reserved: PortList,
}

impl Stated {
    /// The question to the core, for an uplink with the usual MTU.
    ///
    /// # Errors
    /// A rule or a rule file is wrong, or the file cannot be read.
    pub fn request(&self, prefix: ReceivedPrefix) -> Result<Request, Failure> {
        let unstated = self.layout.unwrap_or(Layout::Draft03);
        let mut request = Request::new(prefix);
        for rule in &self.rules {
            if is_map_form(rule) {
                request.explicit.extend(parse_map_rules(rule, self.layout)?);
            } else {
                request.explicit.push(parse_rule(rule, unstated)?);
            }
        }
        for file in &self.rule_files {
            request.file.extend(rule_file::read(file, unstated)?);
        }
        request.provider = self.provider;
        request.layout = self.layout;
        request.reserved = self.reserved.clone();
        Ok(request)
    }
}
