//! Addresses and identity: one store has one identity, however it is spelled, and no
//! secret is ever printed.

use crate::help::*;
use crate::{S, behaviors};
use memferry::store::{Address, registry};
use std::os::unix::fs::symlink;
use std::path::Path;

behaviors! { "naming";
    always:
        an_address_printed_and_read_again_is_the_same_store;
    is_file:
        a_hostile_file_name_works,
        a_relative_path_works,
        the_longest_name_works;
    has_secret:
        secrets_are_never_printed;
    target:
        two_places_have_two_identities,
        an_address_lacking_what_it_needs_is_refused,
        an_unknown_setting_is_refused,
        an_opened_store_has_done_nothing;
    target_file:
        identity_is_the_same_through_every_spelling,
        identity_of_what_is_not_there_is_the_same_through_every_spelling;
}

async fn an_address_printed_and_read_again_is_the_same_store(subject: S) {
    let site = filled(&*subject).await;
    let printed = site.address().to_string();
    let again = Address::parse(&printed).unwrap();
    assert_eq!(again, site.address());
    let store = registry::open(&again).unwrap();
    assert_eq!(
        store.identity().await.unwrap(),
        site.store().identity().await.unwrap()
    );
    look(&*store).await.assert_same(&look(&*site.store()).await);
}

async fn two_places_have_two_identities(subject: S) {
    let (a, b) = (subject.site().await, subject.site().await);
    assert_ne!(
        a.store().identity().await.unwrap(),
        b.store().identity().await.unwrap()
    );
}

async fn an_address_lacking_what_it_needs_is_refused(subject: S) {
    let bare = Address::new(subject.descriptor());
    let nothing = |_: &str| None;
    if subject
        .descriptor()
        .settings
        .iter()
        .any(|s| s.required && s.default.is_none())
    {
        let error = bare.complete(&nothing).unwrap_err();
        assert_eq!(error.kind(), memferry::error::ErrorKind::Usage);
        assert!(error.what_to_do().is_some());
    } else {
        bare.complete(&nothing).unwrap();
    }
}

async fn an_unknown_setting_is_refused(subject: S) {
    let error = Address::new(subject.descriptor()).set("no-such-setting", "1");
    assert_eq!(error.unwrap_err().kind(), memferry::error::ErrorKind::Usage);
}

async fn an_opened_store_has_done_nothing(subject: S) {
    let site = subject.site().await;
    let before = site.trace();
    drop(site.store());
    assert_eq!(site.trace(), before);
}

/// The same file by other names, `name` being its last part.
fn spellings(path: &Path) -> Vec<String> {
    let folder = path.parent().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    std::fs::create_dir(folder.join("sub")).unwrap();
    symlink(folder, folder.join("sub/back")).unwrap();
    let folder = folder.display();
    vec![
        format!("{folder}/./{name}"),
        format!("{folder}//{name}"),
        format!("{folder}/sub/../{name}"),
        format!("{folder}/sub/back/{name}"),
        format!("{folder}/sub/back/sub/../{name}"),
        relative_to_here(path),
    ]
}

/// A path from the working folder, which tests must not change.
fn relative_to_here(path: &Path) -> String {
    let here = std::env::current_dir().unwrap();
    let up = "../".repeat(here.components().count() - 1);
    format!("{up}{}", path.strip_prefix("/").unwrap().display())
}

async fn identity_of(subject: &S, path: &str) -> String {
    let address = Address::file(subject.descriptor(), Path::new(path)).unwrap();
    let store = registry::open(&address).unwrap();
    store.identity().await.unwrap()
}

async fn identity_is_the_same_through_every_spelling(subject: S) {
    let site = filled(&*subject).await;
    let path = site.path().unwrap();
    let expected = site.store().identity().await.unwrap();
    let mut ways = spellings(path);
    let link = path.with_file_name("link to it");
    symlink(path, &link).unwrap();
    ways.push(link.display().to_string());
    for way in ways {
        assert_eq!(identity_of(&subject, &way).await, expected, "{way}");
    }
}

async fn identity_of_what_is_not_there_is_the_same_through_every_spelling(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap().with_file_name("not there");
    let expected = identity_of(&subject, path.to_str().unwrap()).await;
    for way in spellings(&path) {
        assert_eq!(identity_of(&subject, &way).await, expected, "{way}");
    }
}

async fn a_hostile_file_name_works(subject: S) {
    for name in [
        "with space",
        "quote'\"",
        "q?x=1&y",
        "a#b",
        "50%41",
        "new\nline",
        "\u{1f600}",
        "a:b",
        "-rf",
        "~",
        "[1]*",
        "$HOME `x`",
        "a\\b",
        "\u{1b}[31m",
    ] {
        let site = subject.site().await;
        let path = site.path().unwrap();
        let extension = path.extension().unwrap().to_str().unwrap();
        let path = path.with_file_name(format!("{name}.{extension}"));
        let address = Address::file(subject.descriptor(), &path).unwrap();
        write(&*registry::open(&address).unwrap(), &few()).await;
        assert!(path.exists(), "{name:?}");
        let again = Address::parse(&address.to_string()).unwrap();
        let read = look(&*registry::open(&again).unwrap()).await;
        read.assert_same(&Picture::of(&few()));
    }
}

async fn a_relative_path_works(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap().with_file_name("relative");
    let relative = relative_to_here(&path);
    let address = Address::file(subject.descriptor(), Path::new(&relative)).unwrap();
    write(&*registry::open(&address).unwrap(), &few()).await;
    assert!(path.exists());
    let absolute = address.clone().absolute();
    assert!(absolute.path().is_absolute());
    look(&*registry::open(&absolute).unwrap())
        .await
        .assert_same(&look(&*registry::open(&address).unwrap()).await);
}

async fn the_longest_name_works(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap();
    let extension = path.extension().unwrap().to_str().unwrap();
    // Less what a database needs for the names of its side files.
    let stem = "\u{e9}".repeat((255 - "-journal".len() - 1 - extension.len()) / 2);
    let path = path.with_file_name(format!("{stem}.{extension}"));
    let address = Address::file(subject.descriptor(), &path).unwrap();
    let store = registry::open(&address).unwrap();
    write(&*store, &few()).await;
    assert!(path.exists());
    look(&*store).await.assert_same(&Picture::of(&few()));
}

async fn secrets_are_never_printed(subject: S) {
    const SECRET: &str = "hunter2-tell-nobody";
    let site = subject.site().await;
    let mut address = site.address();
    for setting in subject.descriptor().settings.iter().filter(|s| s.secret) {
        address = address.set(setting.name, SECRET).unwrap();
    }
    let mut said = vec![address.to_string(), format!("{address:?}")];
    said.extend(
        address
            .public()
            .map(|(name, value)| format!("{name}={value}")),
    );
    // The wrong secret: whatever the store answers must not repeat it.
    match registry::open(&address) {
        Err(error) => said.push(format!("{error} {error:?}")),
        Ok(store) => {
            said.push(format!("{:?}", store.describe().await));
            said.push(format!("{:?}", store.fingerprint().await));
            said.push(format!("{:?}", store.identity().await));
            if let Err(error) = store.snapshot(memferry::store::Consistency::InPlace).await {
                said.push(format!("{error} {error:?}"));
            }
        }
    }
    for said in said {
        assert!(!said.contains(SECRET), "{said}");
    }
}
