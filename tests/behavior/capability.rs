//! What a store declares is what it does: each capability is probed with records that
//! need it, written and read back. A declared one must keep them; one that is not
//! declared must, for values, keep them by an encoding or refuse them, and otherwise
//! not keep them, or else the declaration is too modest.

use crate::fixtures::{self, Fixture};
use crate::help::*;
use crate::needs::{assert_kept, lacking};
use crate::subject::when;
use crate::{Behavior, S};
use memferry::error::{ErrorKind, Result};
use memferry::model::{Canon, Kind, Record};
use memferry::store::{Applied, Capabilities, Consistency, Ids, Labels, Store};

/// A capability that is there or not.
struct Flag {
    name: &'static str,
    declared: fn(&Capabilities) -> bool,
}

macro_rules! flags {
    ($($name:ident),+) => {
        [$(Flag { name: stringify!($name), declared: |c| c.$name }),+]
    };
}

/// The behaviours of this group.
pub fn all() -> Vec<Behavior> {
    let mut flags = flags![
        id_beside_properties,
        dangling,
        parallel,
        self_loops,
        stored_text,
        any_times,
        nulls,
        maps,
        nested_lists,
        nulls_in_lists,
        mixed_lists,
        big_integers,
        non_finite,
        nul,
        broken_text,
        bytes
    ]
    .into_iter()
    .collect::<Vec<_>>();
    flags.push(Flag {
        name: "ids",
        declared: |c| c.ids == Ids::Any,
    });
    flags.push(Flag {
        name: "labels",
        declared: |c| c.labels == Labels::Any,
    });
    let mut all: Vec<Behavior> = flags
        .into_iter()
        .map(|flag| {
            let declared = flag.declared;
            let name = flag.name;
            Behavior::new("capability", name, when::always, move |s| {
                probe(s, name, declared)
            })
        })
        .collect();
    let others: [Behavior; 5] = [
        Behavior::new("capability", "rows", when::always, rows),
        Behavior::new("capability", "unique_ids", when::always, unique_ids),
        Behavior::new("capability", "max_record", when::always, max_record),
        Behavior::new("capability", "other_labels", when::always, other_labels),
        Behavior::new("capability", "every_mode_is_reached", when::always, modes),
    ];
    all.extend(others);
    all
}

/// Fixtures that lack exactly this from a store with everything else.
fn needing(name: &str, without: &Capabilities) -> Vec<Fixture> {
    let mut found = fixtures::all();
    found.retain(|fixture| {
        let needs = lacking(&fixture.records, without);
        let all: Vec<_> = needs.shape.iter().chain(&needs.values).collect();
        !all.is_empty() && all.iter().all(|n| **n == name)
    });
    found
}

fn everything_but(name: &str) -> Capabilities {
    let mut holds = Capabilities::EVERYTHING;
    match name {
        "id_beside_properties" => holds.id_beside_properties = false,
        "dangling" => holds.dangling = false,
        "parallel" => holds.parallel = false,
        "self_loops" => holds.self_loops = false,
        "any_times" => holds.any_times = false,
        "stored_text" => holds.stored_text = false,
        "nulls" => holds.nulls = false,
        "maps" => holds.maps = false,
        "nested_lists" => holds.nested_lists = false,
        "nulls_in_lists" => holds.nulls_in_lists = false,
        "mixed_lists" => holds.mixed_lists = false,
        "big_integers" => holds.big_integers = false,
        "non_finite" => holds.non_finite = false,
        "nul" => holds.nul = false,
        "broken_text" => holds.broken_text = false,
        "bytes" => holds.bytes = false,
        "ids" => holds.ids = Ids::Text,
        "labels" => holds.labels = Labels::One,
        other => panic!("no capability {other}"),
    }
    holds
}

async fn probe(subject: S, name: &'static str, declared: fn(&Capabilities) -> bool) {
    let fixtures = needing(name, &everything_but(name));
    assert!(!fixtures.is_empty(), "no fixture probes {name}");
    let mut kept_all = true;
    for fixture in &fixtures {
        let lacking = lacking(&fixture.records, subject.holds());
        if !lacking
            .shape
            .iter()
            .chain(&lacking.values)
            .all(|n| *n == name)
        {
            continue;
        }
        let outcome = write_and_read(&subject, &fixture.records).await;
        match (declared(subject.holds()), outcome) {
            (true, outcome) => {
                let read = outcome.unwrap_or_else(|e| panic!("{}: {e}", fixture.name));
                for (written, read) in fixture.records.iter().zip(&read) {
                    assert_kept(written, read.as_ref(), subject.holds());
                }
            }
            (false, Ok(read)) => {
                let kept = kept(&fixture.records, &read);
                let encodable = lacking.shape.is_empty();
                assert!(
                    kept || !encodable,
                    "{} was changed without a word",
                    fixture.name
                );
                kept_all &= kept;
            }
            (false, Err(error)) => {
                assert!(!error.is_temporary(), "{}: {error}", fixture.name);
                kept_all = false;
            }
        }
    }
    let shape = !lacking(&fixtures[0].records, &everything_but(name))
        .shape
        .is_empty();
    if !declared(subject.holds()) && shape {
        assert!(!kept_all, "{name} is held, though it is not declared");
    }
}

fn kept(written: &[Record], read: &[Option<Record>]) -> bool {
    let mut canon = Canon::new();
    written.iter().zip(read).all(|(written, read)| {
        let written = canon.digest(written);
        read.as_ref()
            .is_some_and(|r| canon.digest(r).matches(&written))
    })
}

/// Writes records to a fresh place, and finds them in a new snapshot.
pub async fn write_and_read(subject: &S, records: &[Record]) -> Result<Vec<Option<Record>>> {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = store.writer(&request(&*store, &run_name()).await?).await?;
    let applied = async {
        for (kind, seq) in Kind::BOTH.into_iter().zip(1..) {
            let of_kind: Vec<Record> = records
                .iter()
                .filter(|r| r.kind() == kind)
                .cloned()
                .collect();
            let applied = writer.apply(&batch(seq, adding(&of_kind))).await?;
            assert_eq!(applied, Applied::Done);
        }
        writer.complete().await?;
        assert_eq!(writer.publish().await?, Applied::Done);
        Ok(())
    };
    let applied: Result<()> = applied.await;
    if let Err(error) = applied {
        writer.abandon().await?;
        return Err(error);
    }
    drop(writer);
    find_again(&*site.store(), records).await
}

async fn find_again(store: &dyn Store, records: &[Record]) -> Result<Vec<Option<Record>>> {
    let mut found: Vec<Option<Record>> = vec![None; records.len()];
    let hashes: Vec<_> = records
        .iter()
        .map(|r| (r.kind(), Canon::key_hash(r.kind(), r.key())))
        .collect();
    let mut snapshot = store.snapshot(Consistency::InPlace).await?;
    for kind in Kind::BOTH {
        for record in scan(&mut *snapshot, kind, memferry::store::Limit::PAGE).await? {
            let hash = (kind, Canon::key_hash(kind, record.key()));
            if let Some(at) = hashes.iter().position(|h| *h == hash) {
                assert!(
                    found[at].is_none(),
                    "{} comes twice",
                    record.key().display()
                );
                found[at] = Some(record);
            }
        }
    }
    snapshot.finish().await?;
    Ok(found)
}

async fn rows(subject: S) {
    let fixtures: Vec<_> = fixtures::all()
        .into_iter()
        .filter(|f| f.records.iter().any(|r| digest(r).row.is_some()))
        .filter(|f| lacking(&f.records, subject.holds()).none())
        .collect();
    assert!(!fixtures.is_empty());
    for fixture in fixtures {
        let read = write_and_read(&subject, &fixture.records).await.unwrap();
        for (written, read) in fixture.records.iter().zip(read) {
            assert_kept(written, read.as_ref(), subject.holds());
            let has_row = digest(&read.unwrap()).row.is_some();
            if !subject.holds().rows {
                assert!(!has_row, "{}: a row, though none is declared", fixture.name);
            }
        }
    }
}

async fn unique_ids(subject: S) {
    // Within a batch no key comes twice; across kinds it may, so only what was written
    // and is there already can tell: it is never there twice.
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let again = writer
        .apply(&batch(2, adding(&[memory("m1", "a second one")])))
        .await;
    assert_eq!(again.unwrap(), Applied::Conflict(vec![0]));
    publish(writer).await;
    // `look` fails on a key that comes twice.
    look(&*site.store()).await;
}

async fn max_record(subject: S) {
    let Some(max) = subject.holds().max_record else {
        return;
    };
    let max = usize::try_from(max).unwrap();
    // No record beyond 32 MiB ever moves; a limit far above that is not worth the time.
    if max > 64 << 20 {
        return;
    }
    let fits = memory("fits", &"x".repeat(max - 4_096));
    let read = write_and_read(&subject, std::slice::from_ref(&fits))
        .await
        .unwrap();
    assert_kept(&fits, read[0].as_ref(), subject.holds());
    let beyond = memory("beyond", &"x".repeat(max + 1));
    match write_and_read(&subject, std::slice::from_ref(&beyond)).await {
        Err(error) => assert_eq!(error.kind(), ErrorKind::TooLarge),
        // More than it promises: then it must be whole.
        Ok(read) => assert!(kept(&[beyond], &read)),
    }
}

async fn other_labels(subject: S) {
    let labels = |labels: &[&str]| {
        let mut record = memory("labelled", "content");
        if let Record::Node(node) = &mut record {
            node.labels = labels.iter().map(|l| (*l).into()).collect();
        }
        record
    };
    for (given, held) in [
        (labels(&["Memory"]), true),
        (
            labels(&["Entity"]),
            subject.holds().labels != Labels::MemoryOnly,
        ),
        (
            labels(&["Memory", "Entity"]),
            subject.holds().labels == Labels::Any,
        ),
        (labels(&[]), subject.holds().labels == Labels::Any),
    ] {
        let outcome = write_and_read(&subject, std::slice::from_ref(&given)).await;
        let kept = outcome.is_ok_and(|read| kept(&[given], &read));
        assert_eq!(kept, held);
    }
}

async fn modes(subject: S) {
    let site = subject.site().await;
    let fresh = site.store().prepare().await.unwrap();
    assert!(subject.holds().modes.contains(&fresh.mode));
    write(&*site.store(), &few()).await;
    match site.store().prepare().await {
        Ok(again) => {
            assert!(subject.holds().modes.contains(&again.mode));
            assert!(when::changeable(&*subject), "aside, over something");
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert!(!when::changeable(&*subject), "{error}");
            assert!(error.what_to_do().is_some());
        }
    }
}
