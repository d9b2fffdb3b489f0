//! Fuzzes the state machine: whatever facts a journal holds, folding and deciding are total.
//!
//! One fact a line, `{"fact": …, "body": …}`. A fact that cannot follow is refused and the state stays; whatever
//! state comes out, `decide` has an answer, at the instant of the last fact and ten years later.
#![no_main]

use keywheel::model::{LineHash, RotationId, Settings, Timestamp};
use keywheel::rotation::{Fact, Recorded, apply, decide};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let settings = Settings::production();
    let rid = RotationId::parse("aaaaaaaaaaaaaaaa").expect("16 letters");
    let start: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a valid instant");
    let mut state = None;
    for (seq, line) in (0_i64..).zip(text.lines()) {
        let Ok(fact) = serde_json::from_str::<Fact>(line) else { continue };
        let at = Timestamp::from_second(start.as_second() + seq).expect("within a day");
        let recorded = Recorded { rid: rid.clone(), at, hash: LineHash::stored(format!("{seq:064x}")) };
        if let Ok(next) = apply(state.clone(), &recorded, &fact) {
            let later = Timestamp::from_second(at.as_second() + 315_360_000).expect("within the century");
            let _ = (decide(&next, &settings, at), decide(&next, &settings, later));
            state = Some(next);
        }
    }
});
