//! Plan files made by anybody: either an error that says what to do, or a plan that is
//! written and read back as the same plan, with the same meaning.

#![no_main]

use libfuzzer_sys::fuzz_target;
use memferry::engine::Plan;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let plan = match Plan::from_toml(text) {
        Ok(plan) => plan,
        Err(error) => {
            assert!(error.what_to_do().is_some(), "{error}");
            return;
        }
    };
    let written = plan.to_toml().expect("what is read can be written");
    let again = Plan::from_toml(&written).expect("what is written can be read");
    assert_eq!(again, plan);
    assert_eq!(again.digest(), plan.digest());
    assert_eq!(again.to_toml().expect("once more"), written);
    let _ = plan.source.address(&|_| None);
});
