//! Fuzzes the state machine from the inside: any sequence of what the world may answer, run through `decide`,
//! `conclude_*` and `apply`, never panics, never writes a fact that cannot follow, never moves a date back.
//!
//! Each byte is one event: time passes, a look, an answer, a refusal, silence, a stranger's mint, a deletion, a
//! pause, a crash. No input is invalid, so nothing is wasted on parsing.
#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use keywheel::Error;
use keywheel::model::{
    CompartmentId, Key, KeyId, KeyShape, KeyState, KeyVersion, KeyVersionId, LineHash, Origin, ProtectionMode, Region,
    RotationName, Settings, Strategy, Tags, Timestamp, VaultId,
};
use keywheel::rotation::{
    Checked, Conclusion, Decision, Effect, Fact, LegPlan, Opened, PassEnded, Paused, Recorded, State, Survey, apply,
    conclude_created, conclude_failure, conclude_flip, conclude_replicas, conclude_settle, conclude_survey, decide,
    rid,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut play = Play::new();
    for event in data.iter().take(512) {
        play.event(*event);
    }
});

struct Play {
    settings: Settings,
    now: Timestamp,
    state: State,
    versions: Vec<KeyVersion>,
    current: usize,
    dates: Vec<Timestamp>,
}

impl Play {
    fn new() -> Self {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a valid instant");
        let version = version(0, now - Duration::from_secs(100 * 86_400));
        let name = RotationName { key: key(), superseded: version.id.clone(), ordinal: 1 };
        let opened = Opened {
            is_sweep: false,
            head: None,
            overtakes: None,
            name,
            vault: vault(),
            region: region(),
            compartment: compartment(),
            lineage_root: key(),
            request_id: None,
            is_test: true,
        };
        let ended = PassEnded {
            pass: 0,
            added: 0,
            candidates: 0,
            search_only: 0,
            holes: Vec::new(),
            listed: 0,
            findings: Vec::new(),
            key_regions: Default::default(),
            scopes: None,
            looked_at: Default::default(),
        };
        let legs = vec![LegPlan { strategy: Strategy::NewVersion, kinds: BTreeSet::new(), forbids: BTreeSet::new() }];
        let versions = BTreeSet::from([version.id.clone()]);
        let checked = Checked { legs, dependents: 0, replicas: BTreeSet::new(), versions, findings: Vec::new() };
        let recorded = Recorded { rid: rid(&opened.name), at: now, hash: LineHash::genesis() };
        let mut state = None;
        for fact in [Fact::Opened(opened), Fact::PassEnded(ended), Fact::Checked(checked)] {
            state = Some(apply(state, &recorded, &fact).expect("a rotation begins so"));
        }
        let state = state.expect("three facts");
        Self { settings: Settings::lab(), now, state, versions: vec![version], current: 0, dates: Vec::new() }
    }

    fn event(&mut self, event: u8) {
        // The low bits choose, the high bits say how much.
        let amount = u64::from(event >> 4);
        match event & 0x0f {
            0 => self.now += Duration::from_secs(amount),
            1 => self.now += Duration::from_secs(60 * amount),
            2 => self.mint(),
            3 => self.current = self.versions.len() - 1,
            4 => self.versions.last_mut().expect("one at least").state = state_of(amount),
            5 => self.write(vec![Fact::Paused(Paused::new("a person", "resume"))]),
            6 => self.write(vec![Fact::Resumed { by_run: false }]),
            // A step whose process dies before it sends: the intent stays without an outcome.
            7 => {
                let _ = self.step(amount);
            }
            _ => {
                let sends = self.step(amount);
                if sends {
                    self.answer(event);
                }
            }
        }
    }

    /// One decision and what follows from it; whether a mint is to be sent now.
    fn step(&mut self, hidden: u64) -> bool {
        let effect = match decide(&self.state, &self.settings, self.now) {
            Decision::Perform(effect) | Decision::Settle(effect) => effect,
            Decision::Record(facts) => {
                self.write(facts);
                return false;
            }
            _ => return false,
        };
        let shown = self.versions.len().saturating_sub(usize::from(hidden == 1)).max(1);
        let survey = Survey {
            key: self.key(),
            versions: self.versions[..shown].to_vec(),
            server_date: (hidden != 2).then_some(self.now),
            server_time: self.now,
            uncertainty: if hidden == 3 { Duration::MAX } else { Duration::ZERO },
            local: self.now,
        };
        let Conclusion { facts, then, .. } = match effect {
            Effect::Survey { leg } => conclude_survey(&self.state, leg, &survey, &self.settings),
            Effect::SettleMint { leg } => conclude_settle(&self.state, leg, &survey, &self.settings),
            Effect::ObserveFlip { leg } => conclude_flip(&self.state, leg, &survey, &self.settings),
            Effect::ObserveReplicas { leg } => conclude_replicas(&self.state, leg, &[], &self.settings, self.now),
            _ => Conclusion::default(),
        };
        self.write(facts);
        matches!(then, Some(Effect::Mint { .. }))
    }

    /// What comes of a mint that was sent.
    fn answer(&mut self, event: u8) {
        let refuse = |status, code| Error::from_service("create_version", status, code, "no");
        let error = match event & 0x0f {
            8..=10 => {
                self.mint();
                let made = self.versions.last().expect("just made").clone();
                let concluded = conclude_created(&self.state, 1, &made, None);
                return self.write(concluded.facts);
            }
            11 => refuse(429, "TooManyRequests"),
            12 => refuse(409, "IncorrectState"),
            13 => refuse(409, "InvalidatedRetryToken"),
            14 => refuse(503, "ServiceUnavailable"),
            // The effect happened, the answer is lost.
            _ => {
                self.mint();
                refuse(500, "InternalServerError")
            }
        };
        let effect = Effect::Mint { leg: 1 };
        let concluded = conclude_failure(&self.state, &effect, &error, self.now, &self.settings);
        self.write(concluded.facts);
    }

    /// Facts that follow from the state can follow on it; journaled dates only grow, one token per generation.
    fn write(&mut self, facts: Vec<Fact>) {
        let recorded = Recorded { rid: self.state.rid.clone(), at: self.now, hash: LineHash::genesis() };
        for fact in facts {
            if let Fact::MintIntended(intent) = &fact {
                assert!(self.dates.last().is_none_or(|last| intent.date >= *last + Duration::from_secs(1)));
                self.dates.push(intent.date);
            }
            let by_hand = matches!(fact, Fact::Paused(_) | Fact::Resumed { .. });
            match apply(Some(self.state.clone()), &recorded, &fact) {
                Ok(next) => self.state = next,
                Err(violation) => assert!(by_hand, "{violation}"),
            }
        }
    }

    fn mint(&mut self) {
        let place = self.versions.len();
        self.versions.push(version(place, self.now));
    }

    fn key(&self) -> Key {
        Key {
            id: key(),
            vault: vault(),
            compartment: compartment(),
            region: region(),
            name: "k".to_owned(),
            state: KeyState::Enabled,
            shape: KeyShape { algorithm: "AES".to_owned(), length: 32, curve: None },
            protection: ProtectionMode::Software,
            current_version: self.versions[self.current].id.clone(),
            is_primary: Some(true),
            auto_rotation: None,
            is_external: false,
            time_created: self.versions[0].time_created,
            time_of_deletion: None,
            tags: Tags::default(),
        }
    }
}

fn state_of(amount: u64) -> KeyState {
    match amount % 4 {
        0 => KeyState::Enabled,
        1 => KeyState::Creating,
        2 => KeyState::Disabled,
        _ => KeyState::PendingDeletion,
    }
}

fn version(place: usize, time_created: Timestamp) -> KeyVersion {
    KeyVersion {
        id: KeyVersionId::parse(format!("ocid1.keyversion.oc1.iad.aaaa.v{place}")).expect("valid"),
        key: key(),
        state: KeyState::Enabled,
        origin: Origin::Internal,
        is_auto_rotated: place % 7 == 6,
        time_created,
        time_of_deletion: None,
        replication_id: None,
    }
}

fn key() -> KeyId {
    KeyId::parse("ocid1.key.oc1.iad.aaaa.k").expect("valid")
}

fn vault() -> VaultId {
    VaultId::parse("ocid1.vault.oc1.iad.aaaa.v").expect("valid")
}

fn compartment() -> CompartmentId {
    CompartmentId::parse("ocid1.compartment.oc1..aaaa.c").expect("valid")
}

fn region() -> Region {
    Region::parse("us-ashburn-1").expect("valid")
}
