//! Plans, rules and failures as JSON. The schemas stand in `tests/vectors/schema/`.

use std::fmt::Display;
use std::net::Ipv6Addr;

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{
    Failure, FailureParts, IntoVec as _, Layout, Plan, Provider, Rule, builtin_rules, providers,
};
use mape_netifd::plan_numbers::{PortPairs, SharedAddress, Tunnel, port_pairs};
use serde::ser::{Serialize, Serializer};

/// Version of all schemas. A change that could break a reader gets a new number.
pub(super) const SCHEMA: u8 = 1;

/// A value written as its text.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(serde::Serialize)]
struct PlanJson {
    schema: u8,
    provider: &'static str,
    rule: RuleJson,
    #[serde(flatten)]
    address: SharedAddress,
    #[serde(flatten)]
    tunnel: Tunnel,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reserved: PortPairs,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reserved_outside: PortPairs,
}

#[derive(serde::Serialize)]
struct RuleJson {
    ipv6: Text<Ipv6Net>,
    ipv4: Text<Ipv4Net>,
    ea_len: u8,
    psid_offset: u8,
    psid_len: u8,
    /// Only where the rule gives it explicitly.
    #[serde(skip_serializing_if = "Option::is_none")]
    psid: Option<u16>,
    layout: Text<Layout>,
    br: Text<Ipv6Addr>,
    /// In a plan: where the rule comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    /// In the table: index into the provider's `evidence`.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<usize>,
}

impl From<&Rule> for RuleJson {
    fn from(rule: &Rule) -> Self {
        Self {
            ipv6: Text(rule.ipv6()),
            ipv4: Text(rule.ipv4()),
            ea_len: rule.ea_len(),
            psid_offset: rule.port_parameters().offset(),
            psid_len: rule.port_parameters().psid_len(),
            psid: rule.psid(),
            layout: Text(rule.layout()),
            br: Text(rule.br()),
            source: None,
            evidence: None,
        }
    }
}

pub(super) fn plan(plan: &Plan) -> String {
    line(&plan_object(plan))
}

/// The plan as an object of its own or inside another.
pub(super) fn plan_object(plan: &Plan) -> impl Serialize + use<> {
    PlanJson {
        schema: SCHEMA,
        provider: plan.provider_name(),
        rule: RuleJson { source: Some(plan.source().name()), ..plan.rule().into() },
        address: SharedAddress::of(plan),
        tunnel: Tunnel::of(plan),
        reserved: port_pairs(plan.reserved_inside()),
        reserved_outside: port_pairs(plan.reserved_outside()),
    }
}

#[derive(serde::Serialize)]
struct RulesJson {
    schema: u8,
    count: usize,
    providers: Vec<ProviderJson>,
}

#[derive(serde::Serialize)]
struct ProviderJson {
    name: &'static str,
    title: &'static str,
    isps: &'static str,
    source: &'static str,
    date: &'static str,
    /// Where rules were seen; the rules' `evidence` counts from 0.
    evidence: Vec<&'static str>,
    rules: Vec<RuleJson>,
}

impl From<&Provider> for ProviderJson {
    fn from(provider: &Provider) -> Self {
        let mut evidence: Vec<&'static str> = Vec::new();
        let mut rules = Vec::new();
        for builtin in builtin_rules().filter(|builtin| builtin.group.provider == provider) {
            let seen = builtin.group.evidence;
            let known = evidence.iter().position(|text| *text == seen);
            let index = known.unwrap_or_else(|| {
                evidence.push(seen);
                evidence.len() - 1
            });
            rules.push(RuleJson { evidence: Some(index), ..(&builtin.rule).into() });
        }
        let Provider { name, title, isps, source, date } = *provider;
        Self { name, title, isps, source, date, evidence, rules }
    }
}

pub(super) fn rules() -> String {
    let providers: Vec<ProviderJson> = providers().iter().map(ProviderJson::from).into_vec();
    let count = providers.iter().map(|provider| provider.rules.len()).sum();
    line(&RulesJson { schema: SCHEMA, count, providers })
}

#[derive(serde::Serialize)]
struct FailureJson<'failure> {
    schema: u8,
    error: ErrorJson<'failure>,
}

#[derive(serde::Serialize)]
struct ErrorJson<'failure> {
    code: &'static str,
    message: &'failure str,
    hint: &'failure str,
    #[serde(serialize_with = "mape_system::json::named")]
    params: &'failure [(&'static str, String)],
}

/// A failure.
pub(super) fn failure(failure: &Failure) -> String {
    let FailureParts { code, message, hint, params } = &**failure;
    let error = ErrorJson { code: code.as_str(), message, hint, params };
    line(&FailureJson { schema: SCHEMA, error })
}

#[cfg(feature = "linux")]
#[derive(serde::Serialize)]
struct StatusJson<'status, P: Serialize> {
    schema: u8,
    interface: &'status str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'status str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uplink: Option<&'status str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<P>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<&'status mape_netifd::status::AddressBlock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_source: Option<&'status str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioning: Option<&'status mape_netifd::status::Issue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<ProblemJson<'status>>,
    problems: Vec<ProblemJson<'status>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    forwards: &'status [mape_firewall::ForwardStatus],
}

#[cfg(feature = "linux")]
#[derive(serde::Serialize)]
struct ProblemJson<'status> {
    message: &'status str,
    hint: &'status str,
}

#[cfg(feature = "linux")]
impl<'status> ProblemJson<'status> {
    fn of(problem: &'status mape_linux::Problem) -> Self {
        Self { message: &problem.what, hint: &problem.next }
    }
}

/// The state of a line on plain Linux.
#[cfg(feature = "linux")]
pub(super) fn status(status: &mape_linux::Status) -> String {
    line(&StatusJson {
        schema: SCHEMA,
        interface: status.name.as_str(),
        state: status.word(),
        device: status.line.as_ref().map(|line| line.device.as_str()),
        uplink: status.line.as_ref().map(|line| line.uplink.as_str()),
        plan: status.plan.as_ref().map(plan_object),
        block: status.block.as_ref(),
        rule_source: status.rule_source.as_deref(),
        provisioning: status.provisioning.as_ref(),
        update: status.update.as_ref().map(ProblemJson::of),
        problems: status.problems.iter().map(ProblemJson::of).into_vec(),
        forwards: &status.forwards,
    })
}

/// One line of JSON.
pub(super) fn line(value: &impl Serialize) -> String {
    mape_json::to_text(value) + "\n"
}
