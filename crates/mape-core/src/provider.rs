//! The choice of a provider.

use std::str::FromStr;

use crate::builtin::PROVIDERS;
use crate::error::{Explain, Explanation};
use crate::provider_info::Provider;
use crate::text::Quoted;

/// Returns all built-in providers.
#[must_use]
pub fn providers() -> &'static [Provider] {
    &PROVIDERS
}

/// The `provider` option: which rules a plan may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderChoice {
    /// All rules; the prefix decides.
    #[default]
    Auto,
    /// Only rules that the user gave.
    Manual,
    /// Of the built-in rules only those of one provider.
    Only(&'static Provider),
}

impl ProviderChoice {
    /// Returns whether a plan may use the built-in rules of this provider.
    #[must_use]
    pub(crate) fn admits(self, provider: &Provider) -> bool {
        match self {
            Self::Auto => true,
            Self::Manual => false,
            Self::Only(chosen) => chosen == provider,
        }
    }

    /// Returns the value of the option.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Manual => "manual",
            Self::Only(provider) => provider.name,
        }
    }
}

/// The text is not the name of a provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown provider {0}")]
pub struct UnknownProvider(Quoted);

impl Explain for UnknownProvider {
    fn explain(&self) -> Explanation {
        Explanation::of_option("provider", "use auto, v6plus, ocn, biglobe, nuro or manual")
            .text("value", self.0.as_str())
    }
}

impl FromStr for ProviderChoice {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        match text {
            "auto" => Ok(Self::Auto),
            "manual" => Ok(Self::Manual),
            _ => PROVIDERS
                .iter()
                .find(|provider| provider.name == text)
                .map(Self::Only)
                .ok_or_else(|| UnknownProvider(Quoted::new(text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_reads_back() {
        for name in ["auto", "manual", "v6plus", "ocn", "biglobe", "nuro"] {
            assert_eq!(name.parse::<ProviderChoice>().unwrap().name(), name);
        }
        let error = "V6PLUS".parse::<ProviderChoice>().unwrap_err();
        assert_eq!(error.to_string(), "unknown provider \"V6PLUS\"");
        let hint = error.hint();
        assert!(providers().iter().all(|provider| hint.contains(provider.name)), "{hint}");
    }

    #[test]
    fn a_choice_narrows_the_table() {
        let [first, second, ..] = &PROVIDERS;
        assert!(ProviderChoice::Auto.admits(first));
        assert!(!ProviderChoice::Manual.admits(first));
        assert!(ProviderChoice::Only(first).admits(first));
        assert!(!ProviderChoice::Only(first).admits(second));
    }

    #[test]
    fn every_provider_has_a_source_and_a_date() {
        for provider in providers() {
            assert!(!provider.source.is_empty() && !provider.isps.is_empty());
            assert!(provider.date.len() == 7 && provider.date.starts_with("20"));
        }
    }
}
