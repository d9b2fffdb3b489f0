//! World: one deterministic cloud in memory, and the way every call takes through it.
//!
//! Time passes only by the clock it was given; nothing happens in the background. What would happen
//! later (a flip, the end of a work request, a request held up on its way) is worked out from
//! instants when somebody looks. What each operation does lives in the file of its service.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::answer::{Answer, Call, Caller, No, Refusal, Told, Verdict, Yes};
use super::audit_events::AuditRecord;
use super::backup_policies::BackupPolicies;
use super::blocks::Blocks;
use super::buckets::Buckets;
use super::clock::{Skew, WorldClock};
use super::custom_logs::CustomLogs;
use super::faults::{Fault, FaultPlan, Struck};
use super::holders::Holders;
use super::iam::Restricted;
use super::identity::Identity;
use super::kms_state::Kms;
use super::limits::{KmsRates, OtherRates};
use super::log::{LogEntry, NotYet, Note};
use super::meters::Meters;
use super::monitoring::PostedMetric;
use super::ons::Topics;
use super::operations::Operation;
use super::search::Index;
use super::settings::WorldSettings;
use crate::model::{CompartmentId, Etag, Region, RequestId, Timestamp, to_seconds};

/// One deterministic cloud in memory.
pub struct World {
    clock: Arc<dyn WorldClock>,
    state: Mutex<State>,
}

type Deferred = Box<dyn FnOnce(&mut State, Timestamp) + Send>;

/// Everything there is, behind one lock.
pub(super) struct State {
    pub(super) settings: WorldSettings,
    pub(super) kms: Kms,
    pub(super) identity: Identity,
    pub(super) blocks: Blocks,
    pub(super) backup: BackupPolicies,
    pub(super) buckets: Buckets,
    pub(super) holders: Holders,
    pub(super) index: Index,
    /// Types that Search does not know any more.
    pub(super) unlisted_types: std::collections::BTreeSet<&'static str>,
    pub(super) topics: Topics,
    pub(super) custom_logs: CustomLogs,
    pub(super) metrics: Vec<PostedMetric>,
    pub(super) audit: Vec<AuditRecord>,
    pub(super) faults: FaultPlan,
    rates: KmsRates,
    other_rates: OtherRates,
    pub(super) meters: Meters,
    denied: BTreeSet<(Arc<str>, CompartmentId)>,
    pub(super) denied_operations: BTreeSet<(Arc<str>, &'static str)>,
    pub(super) restricted: Restricted,
    /// Retry tokens that the service declared used up; it never takes that back.
    invalidated: BTreeSet<String>,
    pub(super) log: VecDeque<LogEntry>,
    deferred: BTreeMap<(Timestamp, u64), Deferred>,
    ids: u64,
    pub(super) requests: u64,
    writes: u64,
}

/// What an operation's code may know of its call.
#[derive(Debug, Clone)]
pub(super) struct Ctx {
    pub(super) now: Timestamp,
    pub(super) operation: &'static Operation,
    pub(super) region: Region,
    /// What the call is about, by its OCID or name.
    pub(super) subject: Arc<str>,
    pub(super) call: Call,
    pub(super) struck: Arc<Struck>,
}

impl World {
    /// An empty cloud with this home region, that lives by `clock`.
    #[must_use]
    pub fn new(clock: impl WorldClock + 'static, home: &Region, settings: WorldSettings) -> Arc<Self> {
        let mut state = State {
            kms: Kms::default(),
            identity: Identity::default(),
            blocks: Blocks::default(),
            backup: BackupPolicies::default(),
            buckets: Buckets::default(),
            holders: Holders::default(),
            index: Index::default(),
            unlisted_types: std::collections::BTreeSet::new(),
            topics: Topics::default(),
            custom_logs: CustomLogs::default(),
            metrics: Vec::new(),
            audit: Vec::new(),
            faults: FaultPlan::default(),
            rates: KmsRates::default(),
            other_rates: OtherRates::default(),
            meters: Meters::default(),
            denied: BTreeSet::new(),
            denied_operations: BTreeSet::new(),
            restricted: Restricted::default(),
            invalidated: BTreeSet::new(),
            log: VecDeque::new(),
            deferred: BTreeMap::new(),
            ids: 0,
            requests: 0,
            writes: 0,
            settings,
        };
        state.found_tenancy(home);
        Arc::new(Self { clock: Arc::new(clock), state: Mutex::new(state) })
    }

    /// The present, by World's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Changes settings from now on.
    pub fn configure(&self, change: impl FnOnce(&mut WorldSettings)) {
        change(&mut self.lock().settings);
    }

    /// What the settings are.
    #[must_use]
    pub fn settings(&self) -> WorldSettings {
        self.lock().settings.clone()
    }

    /// Puts a plan of faults in force, in place of an earlier one.
    pub fn faults(&self, plan: FaultPlan) {
        self.lock().faults = plan;
    }

    /// From now on this principal sees nothing of a compartment.
    pub fn deny_compartment(&self, caller: &Caller, compartment: &CompartmentId) {
        self.lock().denied.insert((caller.principal.clone(), compartment.clone()));
    }

    /// Takes such a denial back.
    pub fn allow_compartment(&self, caller: &Caller, compartment: &CompartmentId) {
        self.lock().denied.remove(&(caller.principal.clone(), compartment.clone()));
    }

    /// From now on this principal lacks the permission for an operation, by World's name for it.
    pub fn deny_operation(&self, caller: &Caller, operation: &str) {
        let operation = super::operations::named(operation)
            .unwrap_or_else(|| panic!("a denial names an operation of World; there is no {operation:?}"));
        self.lock().denied_operations.insert((caller.principal.clone(), operation.name));
    }

    /// What was answered so far, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        self.lock().log.iter().cloned().collect()
    }

    /// How often World answered this "not yet".
    #[must_use]
    pub fn not_yets(&self, which: NotYet) -> usize {
        self.lock().log.iter().filter(|entry| entry.note == Some(Note::NotYet(which))).count()
    }

    /// Calls that arrived and would change something, refused ones included.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// Acts out requests that were held up until now. Every call does this first.
    pub fn settle(&self) {
        let _ = self.settled();
    }

    /// The instant the next held-up request acts, if any.
    #[must_use]
    pub fn next_deferred(&self) -> Option<Timestamp> {
        self.lock().deferred.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present and the state as it is then.
    pub(super) fn settled(&self) -> (Timestamp, MutexGuard<'_, State>) {
        let now = self.now();
        let mut state = self.lock();
        state.run_deferred(now);
        (now, state)
    }

    /// Serves a read.
    pub(super) fn read<T>(
        &self,
        operation: &'static Operation,
        call: &Call,
        region: &Region,
        subject: &str,
        act: impl FnOnce(&mut State, &Ctx) -> Verdict<T>,
    ) -> Told<T> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let ctx = state.arrive(operation, call, region, subject, self.now());
        let lost = ctx.struck.has(&Fault::LoseRequest) || ctx.delay().is_some() || ctx.processing().is_some();
        let verdict = if lost {
            Err(No::silence())
        } else {
            state.admit(&ctx).and_then(|()| act(state, &ctx)).and_then(|yes| ctx.after(yes))
        };
        state.answer(&ctx, subject, verdict)
    }

    /// Serves a call that changes something; it may act later than it was sent.
    pub(super) fn write<T: Send>(
        &self,
        operation: &'static Operation,
        call: &Call,
        region: &Region,
        subject: &str,
        act: impl FnOnce(&mut State, &Ctx) -> Verdict<T> + Send + 'static,
    ) -> Told<T> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let ctx = state.arrive(operation, call, region, subject, self.now());
        if ctx.struck.has(&Fault::LoseRequest) {
            return state.answer(&ctx, subject, Err(No::silence()));
        }
        if let Some(by) = ctx.delay() {
            let late = ctx.clone();
            state.defer(by, subject, late, move |state, ctx| {
                state.writes += 1;
                state.admit(ctx).and_then(|()| act(state, ctx))
            });
            return state.answer(&ctx, subject, Err(No::silence()));
        }
        state.writes += 1;
        let admitted = state.admit(&ctx);
        if let (Ok(()), Some(by)) = (&admitted, ctx.processing()) {
            state.defer(by, subject, ctx.clone(), act);
            return state.answer(&ctx, subject, Err(No::silence()));
        }
        let acted = admitted.and_then(|()| act(state, &ctx));
        if acted.is_ok() {
            state.audit(&ctx, subject);
        }
        let verdict = acted.and_then(|yes| ctx.after(yes));
        state.answer(&ctx, subject, verdict)
    }
}

impl Ctx {
    fn delay(&self) -> Option<Duration> {
        self.struck.pick(|fault| if let Fault::Delay(by) = fault { Some(*by) } else { None })
    }

    fn processing(&self) -> Option<Duration> {
        self.struck.pick(|fault| if let Fault::DelayProcessing(by) = fault { Some(*by) } else { None })
    }

    /// The time that the answer's date shows.
    fn shown_time(&self) -> Timestamp {
        match self.struck.pick(|fault| if let Fault::DateOff(skew) = fault { Some(*skew) } else { None }) {
            Some(Skew::Fast(by)) => self.now + by,
            Some(Skew::Slow(by)) => self.now - by,
            None => self.now,
        }
    }

    /// What becomes of a good answer on its way back.
    fn after<T>(&self, yes: Yes<T>) -> Verdict<T> {
        if self.struck.has(&Fault::LoseAnswer) {
            return Err(No::silence());
        }
        let status = self.struck.pick(|fault| if let Fault::StatusAfter(s, c) = fault { Some((*s, *c)) } else { None });
        match status {
            Some((status, code)) => Err(No::new(status, code, "the service failed after it had acted")),
            None => Ok(yes),
        }
    }

    /// Compares `if-match` with the etag the resource has.
    pub(super) fn check_etag(&self, etag: &Etag) -> Result<(), No> {
        match &self.call.if_match {
            Some(wanted) if wanted != etag.as_str() && wanted != "*" => Err(No::no_etag_match()),
            _ => Ok(()),
        }
    }
}

impl State {
    /// The next number for an id; it never repeats.
    pub(super) fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// An OCID of this type; nobody may read a place out of it.
    pub(super) fn ocid(&mut self, kind: &str, place: &str) -> String {
        let id = self.next_id();
        format!("ocid1.{kind}.oc1.{place}.aaaaw{}.{id:010}", self.settings.seed)
    }

    /// Whether this principal may do in a compartment what it asks: by denials, by the plan of faults, by policies.
    pub(super) fn may_see(&self, ctx: &Ctx, compartment: &CompartmentId) -> bool {
        self.is_open(ctx, compartment) && self.is_allowed(ctx, compartment)
    }

    /// The same without policies.
    pub(super) fn is_open(&self, ctx: &Ctx, compartment: &CompartmentId) -> bool {
        let is_free = self.denied.is_empty() && self.faults.denied.is_empty();
        is_free
            || (!self.faults.denied.contains(compartment)
                && !self.denied.contains(&(ctx.call.caller.principal.clone(), compartment.clone())))
    }

    pub(super) fn run_deferred(&mut self, now: Timestamp) {
        while let Some(entry) = self.deferred.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let ((at, _), act) = entry.remove_entry();
            act(self, at);
        }
    }

    fn arrive(
        &mut self,
        operation: &'static Operation,
        call: &Call,
        region: &Region,
        subject: &str,
        now: Timestamp,
    ) -> Ctx {
        self.run_deferred(now);
        let struck = Arc::new(self.faults.strike(operation.name));
        Ctx { now, operation, region: region.clone(), subject: subject.into(), call: call.clone(), struck }
    }

    fn defer<T>(
        &mut self,
        by: Duration,
        subject: &str,
        ctx: Ctx,
        act: impl FnOnce(&mut Self, &Ctx) -> Verdict<T> + Send + 'static,
    ) {
        let (order, at, subject) = (self.next_id(), ctx.now + by, subject.to_owned());
        let run: Deferred = Box::new(move |state, at| {
            let ctx = Ctx { now: at, ..ctx };
            let (status, code) = match act(state, &ctx) {
                Ok(_) => {
                    state.audit(&ctx, &subject);
                    (200, "")
                }
                Err(no) => (no.status, no.code),
            };
            state.note(&ctx, &subject, status, code, Some(Note::Delayed));
        });
        self.deferred.insert((at, order), run);
    }

    /// Whether a call is served at all: its region, the plan, its date, the rates, the permission.
    fn admit(&mut self, ctx: &Ctx) -> Result<(), No> {
        if self.faults.regions_down.contains(&ctx.region) {
            return Err(No::new(503, "ServiceUnavailable", "the service is unavailable in this region"));
        }
        let before = ctx.struck.pick(|fault| if let Fault::StatusBefore(s, c) = fault { Some((*s, *c)) } else { None });
        if let Some((status, code)) = before {
            return Err(No::new(status, code, "the service refused"));
        }
        if ctx.struck.has(&Fault::InvalidateToken) {
            self.invalidated.extend(ctx.call.token.clone());
        }
        if ctx.call.token.as_ref().is_some_and(|token| self.invalidated.contains(token)) {
            return Err(No::new(409, "InvalidatedRetryToken", "the retry token was invalidated; use a new one"));
        }
        if let Some(date) = ctx.call.date {
            let off = ctx.now.duration_since(date).unsigned_abs();
            if off > self.settings.skew_limit {
                return Err(No::new(401, "NotAuthenticated", "the date of the request is too far off"));
            }
        }
        let service = ctx.operation.service;
        let is_served = match (ctx.operation.class, self.settings.kms_per_second, self.settings.others_per_second) {
            (Some(class), Some(per_second), _) => self.rates.pass(class, ctx.now, per_second),
            (None, _, Some(per_second)) => self.other_rates.pass(service, &ctx.region, ctx.now, per_second),
            _ => true,
        };
        if !is_served {
            return Err(No::new(429, "TooManyRequests", "too many requests for the tenancy"));
        }
        let denied = !self.denied_operations.is_empty()
            && self.denied_operations.contains(&(ctx.call.caller.principal.clone(), ctx.operation.name));
        if denied || !self.is_allowed_in_tenancy(ctx) {
            return Err(No::not_found("for this operation"));
        }
        Ok(())
    }

    fn answer<T>(&mut self, ctx: &Ctx, subject: &str, verdict: Verdict<T>) -> Told<T> {
        let (status, code, note) = match &verdict {
            Ok(yes) => (200, "", yes.note),
            Err(no) => (no.status, no.code, no.is_silence().then_some(Note::Lost)),
        };
        let request_id = self.note(ctx, subject, status, code, note);
        let date = to_seconds(ctx.shown_time());
        match verdict {
            Ok(yes) => Ok(Answer { value: yes.value, etag: yes.etag, request_id, date }),
            Err(no) => Err(Refusal { status: no.status, code: no.code, message: no.message, request_id, date }),
        }
    }

    fn note(&mut self, ctx: &Ctx, subject: &str, status: u16, code: &'static str, note: Option<Note>) -> RequestId {
        self.requests += 1;
        self.meters.count(ctx.operation, &ctx.region, ctx.now, status);
        let request_id =
            RequestId::parse(format!("{:032X}", self.requests)).expect("hex digits are graphic characters");
        if self.settings.log_limit == 0 {
            return request_id;
        }
        if self.log.len() >= self.settings.log_limit {
            self.log.pop_front();
        }
        self.log.push_back(LogEntry {
            at: ctx.now,
            region: ctx.region.clone(),
            service: ctx.operation.service,
            operation: ctx.operation.name,
            subject: subject.to_owned(),
            principal: ctx.call.caller.principal.clone(),
            status,
            code,
            token: ctx.call.token.clone(),
            date: ctx.call.date,
            note,
            request_id: request_id.clone(),
        });
        request_id
    }
}
