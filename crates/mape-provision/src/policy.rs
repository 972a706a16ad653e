//! The choice between the sources of a rule.

use mape_core::{Plan, PlanError, ProviderChoice, Request, Rule, plan};

/// The source of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The user, in the interface's options.
    Explicit,
    /// The user's rule file.
    File,
    /// The provisioning server.
    Provisioned,
    /// DHCPv6 (RFC 7598).
    Dhcpv6,
    /// The table in the program.
    Builtin,
}

impl Source {
    /// Returns the stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::File => "file",
            Self::Provisioned => "provisioned",
            Self::Dhcpv6 => "dhcpv6",
            Self::Builtin => "builtin",
        }
    }
}

/// All sources of a rule for one line.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The line, the rules that the user states, and the built-in rules that may be used.
    pub request: Request,
    /// From the provisioning server: [`MapE::rules`](crate::MapE).
    pub provisioned: Vec<Rule>,
    /// From DHCPv6.
    pub dhcpv6: Vec<Rule>,
}

/// The chosen plan and its source.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The plan. Its own source is `explicit` for rules of the network, which are passed to
    /// `mape-core` like the user's. [`Self::source`] has the actual source.
    pub plan: Plan,
    /// The source of its rule.
    pub source: Source,
    /// The sources that disagree.
    pub conflicts: Vec<Conflict>,
}

/// Two sources that disagree about the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The source and the rule that are used.
    pub used: (Source, Rule),
    /// The source and the rule that are not used.
    pub other: (Source, Rule),
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ((used, rule), (other, not)) = (&self.used, &self.other);
        write!(f, "the {} rule {rule} is used, not the {} rule {not}", used.name(), other.name())
    }
}

/// The precedence of the sources: the user states a rule on purpose, and the network is more up to
/// date than the built-in table.
const ORDER: [Source; 5] =
    [Source::Explicit, Source::File, Source::Provisioned, Source::Dhcpv6, Source::Builtin];

impl Sources {
    /// Returns the plan of the first source that has one.
    ///
    /// Rules that the user states are the only ones used, even where none covers the line. The
    /// network's rules do not exclude the table, so that a line that the table covers still gets a
    /// plan.
    ///
    /// # Errors
    /// [`PlanError`] of the source that comes nearest: one that has a rule for the line and cannot
    /// use it, else the last one.
    pub fn decide(&self) -> Result<Decision, PlanError> {
        self.decide_and_tell(&mut |_, _| {})
    }

    /// Does the same, and passes each source that has rules to `tell`, with its plan or the reason
    /// why it has none. After the first plan, the other sources are only compared with it.
    ///
    /// # Errors
    /// As [`decide`](Self::decide).
    pub fn decide_and_tell(
        &self,
        tell: &mut dyn FnMut(Source, Result<&Plan, &PlanError>),
    ) -> Result<Decision, PlanError> {
        let mut found: Option<Decision> = None;
        let mut nearest: Option<PlanError> = None;
        for source in ORDER {
            let Some(request) = self.only(source) else { continue };
            let planned = plan(&request);
            tell(source, planned.as_ref());
            match (planned, &mut found) {
                (Ok(plan), None) => {
                    found = Some(Decision { plan, source, conflicts: Vec::new() });
                }
                (Ok(other), Some(decision)) if !same(&decision.plan, &other) => {
                    let used = (decision.source, *decision.plan.rule());
                    let other = (source, *other.rule());
                    decision.conflicts.push(Conflict { used, other });
                }
                (Err(error), None) if source == Source::Explicit => return Err(error),
                (Err(error), None) => {
                    let keep = nearest.as_ref().is_some_and(|it| !has_no_rule(it));
                    if !keep {
                        nearest = Some(error);
                    }
                }
                (Ok(_) | Err(_), Some(_)) => {}
            }
        }
        let nothing = || PlanError::ManualWithoutRule;
        found.ok_or_else(|| nearest.unwrap_or_else(nothing))
    }

    /// Returns the request for this source alone, or `None` where the source has no rule.
    fn only(&self, source: Source) -> Option<Request> {
        let with = |rules: &[Rule]| (!rules.is_empty()).then(|| rules.to_vec());
        let mut request = self.request.clone();
        let (explicit, file) =
            (std::mem::take(&mut request.explicit), std::mem::take(&mut request.file));
        match source {
            Source::Explicit => request.explicit = with(&explicit)?,
            Source::File => request.explicit = with(&file)?,
            Source::Provisioned => request.explicit = with(&self.provisioned)?,
            Source::Dhcpv6 => request.explicit = with(&self.dhcpv6)?,
            Source::Builtin if request.provider == ProviderChoice::Manual => return None,
            Source::Builtin => {}
        }
        Some(request)
    }
}

/// Returns whether both plans configure the line in the same way. Two rules may describe one
/// mapping, as an aggregate and as a part of it.
fn same(one: &Plan, other: &Plan) -> bool {
    one.ipv4() == other.ipv4()
        && one.port_set() == other.port_set()
        && one.ce() == other.ce()
        && one.br() == other.br()
}

fn has_no_rule(error: &PlanError) -> bool {
    matches!(
        error,
        PlanError::NotInRules { .. }
            | PlanError::StatedRuleElsewhere { .. }
            | PlanError::OtherProvider { .. }
            | PlanError::PrefixTooShort { .. }
            | PlanError::ManualWithoutRule
    )
}
