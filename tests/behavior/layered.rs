//! Every store in every layer.

use crate::help::*;
use crate::{S, behaviors};
use memferry::error::ErrorKind;
use memferry::store::layer::{Call, Dress, Meter, Patience, Rate, chaos, read_only, retry};
use std::time::{Duration, Instant};

behaviors! { "layered";
    always: reading_in_bad_weather_brings_the_same, a_dry_run_writes_nothing,
        a_paced_scan_brings_the_same, metering_agrees_with_what_came;
}

fn patient() -> Patience {
    Patience {
        attempts: 60,
        first: Duration::from_micros(10),
        longest: Duration::from_micros(100),
        told: None,
    }
}

async fn reading_in_bad_weather_brings_the_same(subject: S) {
    let site = filled(&*subject).await;
    let expected = look(&*site.store()).await;
    for seed in 0..5 {
        let weather = chaos::Weather {
            temporary: 500,
            ..chaos::Weather::new(seed)
        };
        let (stormy, storm) = chaos::wrap(site.store(), weather);
        let store = retry::wrap(stormy, patient());
        look(&*store).await.assert_same(&expected);
        assert!(storm.faults() > 0);
    }
}

async fn a_dry_run_writes_nothing(subject: S) {
    let site = subject.site().await;
    let before = site.trace();
    let store = read_only::wrap(site.store());
    let request = request(&*store, &run_name()).await.unwrap();
    let error = store.writer(&request).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let fingerprint = store.fingerprint().await.unwrap();
    assert_eq!(
        store.remove(&fingerprint).await.unwrap_err().kind(),
        ErrorKind::Refused
    );
    assert_eq!(
        store.discard("run").await.unwrap_err().kind(),
        ErrorKind::Refused
    );
    look(&*store).await;
    assert_eq!(site.trace(), before);
}

async fn a_paced_scan_brings_the_same(subject: S) {
    let site = filled(&*subject).await;
    let expected = look(&*site.store()).await;
    let dress = Dress {
        rate: Some(Rate::new(200)),
        ..Dress::default()
    };
    let start = Instant::now();
    let seen = look(&*dress.wear(site.store())).await;
    seen.assert_same(&expected);
    let least = Duration::from_secs_f64(seen.records.len() as f64 / 200.0 * 0.9);
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
}

async fn metering_agrees_with_what_came(subject: S) {
    let site = subject.site().await;
    let meter = Meter::new();
    let dress = Dress {
        meter: Some(meter.clone()),
        ..Dress::default()
    };
    let store = dress.wear(site.store());
    write(&*store, &few()).await;
    assert_eq!(meter.read().changes_written, 19);
    let bytes: usize = few().iter().map(memferry::model::Record::size).sum();
    assert_eq!(meter.read().bytes_written, bytes as u64);
    let seen = look(&*store).await;
    assert_eq!(meter.read().records_read, seen.records.len() as u64);
    assert_eq!(meter.calls(Call::Publish), (1, 0));
    assert_eq!(meter.read().failed, 0);
}
