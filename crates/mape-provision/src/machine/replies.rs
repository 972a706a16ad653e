//! Processes the answers of resolvers and servers.

use super::event::{Effect, HttpFailure, HttpReply, Next, Step, TxtReply};
use super::state::{Machine, Stage, Tick};
use super::timing::{MAX_WAIT, Outcome, after};
use crate::answer::{Answer, Auth, NoMethod, Shape};
use crate::failure::{DnsFailure, Failure, NoService, RedirectError};
use crate::mode::Mode;
use crate::request::HttpRequest;
use crate::txt::Discovered;
use crate::url::{Scheme, Url, may_be_led_to};

/// Redirects followed for one answer.
const MAX_REDIRECTS: u8 = 5;

impl Machine {
    pub(super) fn discovered(&mut self, tick: Tick, reply: TxtReply) -> Step {
        let failure = match reply {
            TxtReply::Failed => DnsFailure::Failed,
            TxtReply::Timeout => DnsFailure::Timeout,
            TxtReply::NoData | TxtReply::NxDomain => {
                return self.not_announced(tick, NoService::NotAnnounced);
            }
            TxtReply::Records(records) => match Discovered::of_records(&records) {
                Some(server) => {
                    let next = self.ask(&server, 0);
                    return Step { effect: None, next };
                }
                None if records.is_empty() => {
                    return self.not_announced(tick, NoService::NotAnnounced);
                }
                None => return self.not_announced(tick, NoService::Malformed),
            },
        };
        self.keep(tick, Outcome::DnsFailed, Failure::Dns(failure))
    }

    pub(super) fn replied(
        &mut self,
        tick: Tick,
        request: &HttpRequest,
        redirects: u8,
        reply: HttpReply,
    ) -> Step {
        let server = request.url().host().to_owned();
        let (status, location, body) = match reply {
            HttpReply::Answer { status, location, body } => (status, location, body),
            HttpReply::Failed(HttpFailure::NoAnswer) => {
                return self.keep(tick, Outcome::NoAnswer, Failure::NoAnswer { server });
            }
            HttpReply::Failed(HttpFailure::ShowsPassword) => {
                return self.keep(tick, Outcome::NoAnswer, Failure::ShowsPassword { server });
            }
            HttpReply::Failed(HttpFailure::Certificate) => {
                return self.keep(tick, Outcome::NoAnswer, Failure::Certificate { server });
            }
        };
        match status {
            200 => self.read(tick, server, &body),
            307 => self.redirected(tick, request, redirects, location.as_deref()),
            // The standard has 307 only; other servers may use others.
            301 | 302 | 308 if matches!(self.mode, Mode::Url(_)) => {
                self.redirected(tick, request, redirects, location.as_deref())
            }
            400..=499 => self.keep(tick, Outcome::Refused, Failure::Refused { server, status }),
            _ => self.keep(tick, Outcome::NoAnswer, Failure::Status { server, status }),
        }
    }

    fn redirected(
        &mut self,
        tick: Tick,
        request: &HttpRequest,
        redirects: u8,
        location: Option<&str>,
    ) -> Step {
        let url = match target(request.url(), redirects, location) {
            Ok(url) => url,
            Err(error) => {
                let server = request.url().host().to_owned();
                return self.keep(tick, Outcome::BadAnswer, Failure::Redirect { server, error });
            }
        };
        let next = match &self.mode {
            Mode::Url(_) => self.get(request.redirected(url), redirects + 1),
            _ => self.ask(&Discovered { url, verify: request.verify() }, redirects + 1),
        };
        Step { effect: None, next }
    }

    fn read(&mut self, tick: Tick, server: String, body: &[u8]) -> Step {
        let parsed = match self.mode {
            Mode::Url(_) => Answer::any(body),
            _ => Answer::hb46pp(body),
        };
        let answer = match parsed {
            Ok(answer) => answer,
            Err(error) => return self.keep(tick, Outcome::BadAnswer, Failure::Answer(error)),
        };
        let can = self.mode.capabilities();
        let none = match answer.choose(can, &self.prefixes) {
            Ok(method) => {
                let before =
                    self.answer.as_ref().and_then(|it| it.choose(can, &self.prefixes).ok());
                let same = before.is_some_and(|before| before.same_as(method));
                let effect = if same { Effect::Unchanged } else { Effect::Apply };
                let (shape, ttl) = (answer.shape, answer.ttl);
                self.remember(&answer);
                self.answer = Some(answer);
                return self.answered(tick, shape, ttl, effect);
            }
            Err(NoMethod::Unusable(error)) => {
                return self.keep(tick, Outcome::BadAnswer, Failure::Answer(error));
            }
            Err(NoMethod::Others(methods)) => NoService::OtherMethods { server, methods },
            Err(NoMethod::Nothing) => match answer.auth {
                Some(Auth::Required) => NoService::AuthRequired { server },
                Some(Auth::Bad) => NoService::AuthBad { server },
                Some(Auth::Good) | None => NoService::Nothing { server },
            },
        };
        self.remember(&answer);
        self.answer = None;
        self.answered(tick, answer.shape, answer.ttl, Effect::Withdraw(none))
    }

    /// Keeps the token and the identifier, which do not depend on what the server offers.
    fn remember(&mut self, answer: &Answer) {
        self.token = answer.token.clone().or_else(|| self.token.take());
        self.id = answer.id.clone().or_else(|| self.id.take());
    }

    fn answered(&mut self, tick: Tick, shape: Shape, ttl: Option<u32>, effect: Effect) -> Step {
        self.failures = 0;
        let next = self.sleep(tick, Outcome::Answered(ttl), Some(shape));
        Step { effect: Some(effect), next }
    }

    fn not_announced(&mut self, tick: Tick, why: NoService) -> Step {
        self.answer = None;
        self.failures = 0;
        let next = self.sleep(tick, Outcome::NotAnnounced, None);
        Step { effect: Some(Effect::Withdraw(why)), next }
    }

    fn keep(&mut self, tick: Tick, outcome: Outcome, failure: Failure) -> Step {
        self.failures = self.failures.saturating_add(1);
        let shape = match self.mode {
            Mode::Url(_) => self.answer.as_ref().map(|answer| answer.shape),
            _ => Some(Shape::Hb46pp),
        };
        let next = self.sleep(tick, outcome, shape);
        Step { effect: Some(Effect::Keep(failure)), next }
    }

    fn sleep(&mut self, tick: Tick, outcome: Outcome, shape: Option<Shape>) -> Next {
        let wait = after(outcome, shape, self.failures).at(tick.random).min(MAX_WAIT);
        self.until = tick.now.saturating_add(wait);
        Next::Sleep(self.until)
    }

    /// Returns the request to a server of the standard.
    fn ask(&mut self, server: &Discovered, redirects: u8) -> Next {
        let Mode::Hb46pp { identity, credentials } = &self.mode else {
            return Next::Wait;
        };
        let request =
            HttpRequest::hb46pp(server, identity, self.token.as_ref(), credentials.as_ref());
        self.get(request, redirects)
    }

    pub(super) fn get(&mut self, request: HttpRequest, redirects: u8) -> Next {
        self.stage = Stage::Http { request: request.clone(), redirects };
        Next::Get(request)
    }
}

/// Returns the URL that a redirect leads to.
fn target(from: &Url, redirects: u8, location: Option<&str>) -> Result<Url, RedirectError> {
    let url = location.and_then(|it| from.join(it)).ok_or(RedirectError::Nowhere)?;
    if from.scheme() == Scheme::Https && url.scheme() == Scheme::Http {
        return Err(RedirectError::Downgrade);
    }
    // A literal address. The caller checks the router's own networks, which are unknown here.
    let is_elsewhere = url.host() != from.host();
    if is_elsewhere && url.host().parse().is_ok_and(|address| !may_be_led_to(address, &[])) {
        return Err(RedirectError::Nowhere);
    }
    if redirects >= MAX_REDIRECTS {
        return Err(RedirectError::TooMany);
    }
    Ok(url)
}
