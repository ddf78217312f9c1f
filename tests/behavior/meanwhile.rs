//! Reading while somebody else writes: a picture of one moment, or word that it is not.

use crate::help::*;
use crate::{S, behaviors};
use memferry::error::ErrorKind;
use memferry::model::{Kind, Record};
use memferry::store::{Consistency, Limit};

behaviors! { "meanwhile";
    changeable: a_scan_in_place_is_of_one_moment_or_says_so, a_private_copy_is_of_one_moment,
        counts_in_an_isolated_snapshot_stay;
}

const SMALL: Limit = Limit {
    rows: 20,
    bytes: 1 << 20,
};

/// Two hundred memories and their relationships, in several runs.
async fn site_of(subject: &S) -> Box<dyn crate::subject::Site> {
    let site = subject.site().await;
    let mut records = memories(0..200);
    records.extend(chain(0..199));
    write(&*site.store(), &records).await;
    site
}

/// Adds, changes and removes records on both sides of wherever a scan is.
async fn somebody_writes(site: &dyn crate::subject::Site) -> bool {
    let mut changes = adding(&memories(900..950));
    changes.push(changing(&memories(5..6)[0], memory("m5", "theirs")));
    changes.push(changing(&memories(190..191)[0], memory("m190", "theirs")));
    changes.push(removing(&chain(150..151)[0]));
    let store = site.store();
    let Ok(request) = request(&*store, &run_name()).await else {
        return false;
    };
    let Ok(mut writer) = store.writer(&request).await else {
        return false;
    };
    // A reader may hold it up; then nothing is written, which is as good.
    let done = matches!(
        writer.apply(&batch(1, changes)).await,
        Ok(memferry::store::Applied::Done)
    );
    if done && writer.complete().await.is_ok() {
        return writer.publish().await.is_ok();
    }
    let _ = writer.abandon().await;
    false
}

async fn scanned(subject: S, how: Consistency) -> (memferry::error::Result<Picture>, Picture) {
    let site = site_of(&subject).await;
    let before = look(&*site.store()).await;
    let mut snapshot = site.store().snapshot(how).await.unwrap();
    let first = snapshot.scan(Kind::Node, None, SMALL).await.unwrap();
    somebody_writes(&*site).await;
    let rest = async {
        let mut all: Vec<Record> = first.records;
        let mut after = first.next;
        while let Some(cursor) = after {
            let page = snapshot.scan(Kind::Node, Some(&cursor), SMALL).await?;
            all.extend(page.records);
            after = page.next;
        }
        all.extend(scan(&mut *snapshot, Kind::Relationship, SMALL).await?);
        snapshot.finish().await?;
        Ok(Picture::default().with(&all))
    };
    (rest.await, before)
}

async fn a_scan_in_place_is_of_one_moment_or_says_so(subject: S) {
    let (seen, before) = scanned(subject.clone(), Consistency::InPlace).await;
    match seen {
        Ok(seen) => seen.assert_same(&before),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Drifted, "{error}");
            assert!(!subject.holds().isolated_snapshots, "declared as isolated");
        }
    }
}

async fn a_private_copy_is_of_one_moment(subject: S) {
    let (seen, before) = scanned(subject, Consistency::Copy).await;
    seen.unwrap().assert_same(&before);
}

async fn counts_in_an_isolated_snapshot_stay(subject: S) {
    let how = match subject.holds().isolated_snapshots {
        true => Consistency::InPlace,
        false => Consistency::Copy,
    };
    let site = site_of(&subject).await;
    let mut snapshot = site.store().snapshot(how).await.unwrap();
    let before = snapshot.counts().await.unwrap();
    somebody_writes(&*site).await;
    assert_eq!(snapshot.counts().await.unwrap(), before);
    snapshot.finish().await.unwrap();
}
