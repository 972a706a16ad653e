//! What a person states of the line's rule, on a command line or in a file.

use mape_core::{
    Failure, Layout, PortList, ProviderChoice, ReceivedPrefix, Request, is_map_form,
    parse_map_rules, parse_rule,
};

use crate::rule_file;

/// As given. Rules stay text until the question is put, because the layout of those that state none
/// may come behind them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stated {
    pub(crate) provider: ProviderChoice,
    pub(crate) layout: Option<Layout>,
    pub(crate) rules: Vec<String>,
    pub(crate) rule_files: Vec<String>,
    pub(crate) reserved: PortList,
}

impl Stated {
    /// The question to the core, for an uplink with the usual MTU.
    ///
    /// # Errors
    /// A rule or a rule file is wrong, or the file cannot be read.
    pub(crate) fn request(&self, prefix: ReceivedPrefix) -> Result<Request, Failure> {
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
