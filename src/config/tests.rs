use super::*;
use crate::config::{SecretRef, Side, fill, forget_profile, save_profile};
use crate::store::{Capabilities, Setting, SettingKind, Shape};

/// A store that exists only here, with a secret: what servers will look like.
static SERVER: Descriptor = Descriptor {
    kind: "madeup",
    title: "Made up",
    summary: "A server of this test.",
    shape: Shape::Server,
    schemes: &["madeup"],
    extensions: &[],
    settings: &[
        setting("host", Some("localhost"), false),
        setting("user", None, false),
        Setting {
            name: "password",
            label: "Password",
            env: &["MADEUP_PASSWORD"],
            secret: true,
            required: true,
            ..setting("password", None, true)
        },
        Setting {
            kind: SettingKind::Flag,
            ..setting("tls", Some("no"), false)
        },
    ],
    capabilities: Capabilities::EVERYTHING,
    source: true,
    target: true,
    open: |_| Err(Error::internal("never opened")),
};

const fn setting(name: &'static str, default: Option<&'static str>, secret: bool) -> Setting {
    Setting {
        name,
        label: name,
        help: "For this test",
        kind: SettingKind::Text,
        default,
        env: &[],
        secret,
        required: false,
    }
}

fn find(kind: &str) -> Option<&'static Descriptor> {
    (kind == "madeup").then_some(&SERVER)
}

fn nothing(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Result<Config> {
    let env = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
    Config::parse(text, Path::new("/c/config.toml"), &env, &find)
}

fn said(text: &str) -> String {
    let error = parse(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    format!("{error} | {}", error.what_to_do().unwrap())
}

#[test]
fn the_shipped_defaults_are_the_defaults() {
    let shipped = parse(include_str!("../../config/default.toml")).unwrap();
    let built_in = Config::default();
    assert_eq!(shipped.verify, built_in.verify);
    assert_eq!(shipped.backup, built_in.backup);
    assert_eq!(shipped.stage_dir, built_in.stage_dir);
    assert_eq!(shipped.keep_runs_days, built_in.keep_runs_days);
    assert_eq!(shipped.keep_backups, built_in.keep_backups);
    assert!(shipped.profiles.is_empty());
}

#[test]
fn everything_that_can_be_said() {
    let config = parse(
        "[defaults]\nverify = 'sample:10'\nbackup = false\nstage_dir = '~/stage'\n\
         [keep]\nruns_days = 7\nbackups = 3\n\
         [profiles.work]\nkind = 'madeup'\nhost = 'db'\ntls = true\npassword_file = '~/.pw'\n\
         [profiles.home]\nkind = 'madeup'\nuser = 'me'\npassword_env = 'PW'\n",
    )
    .unwrap();
    assert_eq!(config.verify, Verify::Sample(10));
    assert!(!config.backup);
    assert_eq!(config.stage_dir.as_deref(), Some("/home/me/stage".as_ref()));
    assert_eq!(
        (config.keep_runs_days, config.keep_backups),
        (Some(7), Some(3))
    );
    let work = &config.profiles["work"];
    assert_eq!(work.address.get("tls"), Some("yes"));
    let file = SecretRef::File("/home/me/.pw".into());
    assert_eq!(work.secrets["password"], file);
    let env = SecretRef::Env("PW".into());
    assert_eq!(config.profiles["home"].secrets["password"], env);
}

#[test]
fn mistakes_are_named_with_file_and_line() {
    let all = [
        "[defaults]\n\nverfy = 'full'\n",
        "[defaults]\nverify = 'half'\n",
        "[defaults]\nstage_dir = 'here'\n",
        "[keep]\nbackups = -1\n",
        "[keep]\nruns_days = 0\n",
        "[profiles.x]\nhost = 'a'\n",
        "[profiles.x]\nkind = 'oracle'\n",
        "[profiles.x]\nkind = 'madeup'\nhots = 'a'\n",
        "[profiles.x]\nkind = 'madeup'\npassword = 'hunter2'\n",
        "[profiles.x]\nkind = 'madeup'\npassword_env = 'A'\npassword_file = '/a'\n",
        "[profiles.x]\nkind = 'madeup'\nhost = ['a']\n",
        "[profiles.'a b']\nkind = 'madeup'\n",
        "\n\nnot toml at all",
    ];
    let words: Vec<String> = all.iter().map(|text| said(text)).collect();
    assert!(words.iter().all(|w| !w.contains("hunter2")));
    insta::assert_snapshot!(words.join("\n"));
}

#[test]
fn an_absent_file_matters_only_if_it_was_named() {
    let dir = tempfile::tempdir().unwrap();
    let load = |path: &str, given, named| {
        let paths = Paths {
            config_file: dir.path().join(path),
            config_given: given,
            config_named: named,
            state_dir: "/nowhere".into(),
            state_given: false,
        };
        Config::load(&paths, &nothing)
    };
    assert!(load("nowhere/config.toml", false, false).is_ok());
    assert!(load("config.toml", true, false).is_ok());
    for (path, named) in [("config.toml", true), ("nowhere/config.toml", false)] {
        let error = load(path, true, named).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

fn given() -> Address {
    Address::new(&SERVER).set("host", "db").unwrap()
}

#[test]
fn secrets_are_looked_for_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pw");
    std::fs::write(&file, "from-file\r\nsecond line\n").unwrap();
    let text = |how: &str| format!("[profiles.p]\nkind = 'madeup'\nhost = 'db'\n{how}\n");
    let path = file.display();
    let in_file = parse(&text(&format!("password_file = '{path}'"))).unwrap();
    let in_env = parse(&text("password_env = 'PW'")).unwrap();
    let none = Config::default();
    let all = |name: &str| match name {
        "PW" => Some("from-profile-env".to_owned()),
        "MEMFERRY_TO_PASSWORD" => Some("from-side".to_owned()),
        "MADEUP_PASSWORD" => Some("from-program".to_owned()),
        _ => None,
    };
    let get = |config: &Config, side, env: Env| {
        let filled = fill(given(), side, config, env, None)?;
        Ok::<_, Error>(filled.get("password").unwrap().to_owned())
    };
    assert_eq!(get(&in_file, Side::To, &all).unwrap(), "from-file");
    assert_eq!(get(&in_env, Side::To, &all).unwrap(), "from-profile-env");
    assert_eq!(get(&none, Side::To, &all).unwrap(), "from-side");
    assert_eq!(get(&none, Side::From, &all).unwrap(), "from-program");
    let by_file =
        |name: &str| (name == "MEMFERRY_FROM_PASSWORD_FILE").then(|| file.display().to_string());
    assert_eq!(get(&none, Side::From, &by_file).unwrap(), "from-file");
    let in_address = given().set("password", "from-address").unwrap();
    let filled = fill(in_address, Side::To, &in_file, &all, None).unwrap();
    assert_eq!(filled.get("password"), Some("from-address"));

    let error = get(&none, Side::To, &nothing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(error.what_to_do().unwrap().contains("MEMFERRY_TO_PASSWORD"));
    assert_eq!(
        get(&in_env, Side::To, &nothing).unwrap_err().kind(),
        ErrorKind::Auth
    );
    std::fs::write(&file, "\n").unwrap();
    assert!(get(&in_file, Side::To, &all).is_err());
}

#[test]
fn a_person_is_asked_last() {
    let mut asked = 0;
    let mut prompt = |address: &Address, setting: &Setting| {
        asked += 1;
        assert_eq!((address.kind(), setting.name), ("madeup", "password"));
        Ok(crate::config::Secret::new("typed"))
    };
    let config = Config::default();
    let filled = fill(given(), Side::To, &config, &nothing, Some(&mut prompt)).unwrap();
    assert_eq!(filled.get("password"), Some("typed"));
    let env = |name: &str| (name == "MADEUP_PASSWORD").then(|| "known".to_owned());
    let filled = fill(given(), Side::To, &config, &env, Some(&mut prompt)).unwrap();
    assert_eq!(filled.get("password"), Some("known"));
    assert_eq!(asked, 1);
}

#[test]
fn a_secret_never_prints() {
    let secret = crate::config::Secret::new("hunter2");
    let address = given().set("password", "hunter2").unwrap();
    for shown in [
        format!("{secret:?}"),
        format!("{address} {address:?}"),
        format!("{:?}", crate::engine::StoreRef::of(&address)),
        format!("{:?}", given().set("tls", "hunter").unwrap_err()),
    ] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_profile_is_added_without_touching_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::find(Some(dir.path()), Some(dir.path())).unwrap();
    let old = "# mine\n[keep]\nbackups = 3\nsecrets = 'none'";
    std::fs::write(&paths.config_file, old).unwrap();
    let address = given().set("password", "hunter2").unwrap();
    let saved = save_profile(&paths, "work", &address, &nothing).unwrap();
    assert_eq!(saved.asked, ["password"]);
    let text = std::fs::read_to_string(&paths.config_file).unwrap();
    assert!(text.starts_with(old) && !text.contains("hunter2"), "{text}");
    let config = parse(&text).unwrap();
    assert_eq!(config.profiles["work"].address, given());
    assert_eq!(config.keep_backups, Some(3));
    assert_eq!(
        config.profiles["work"].secrets["password"],
        SecretRef::Asked
    );
    let bad = save_profile(&paths, "a b", &address, &nothing).unwrap_err();
    assert_eq!(bad.kind(), ErrorKind::Usage);
}

#[test]
fn a_secret_that_is_asked_for_is_asked_for_each_time() {
    let config =
        parse("[profiles.p]\nkind = 'madeup'\nhost = 'db'\npassword_ask = true\n").unwrap();
    let typed = |_: &Address, _: &Setting| Ok(crate::config::Secret::new("typed"));
    for _ in 0..2 {
        let filled = fill(given(), Side::To, &config, &nothing, Some(&mut { typed })).unwrap();
        assert_eq!(filled.get("password"), Some("typed"));
    }
    let error = fill(given(), Side::To, &config, &nothing, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    let no = parse("[profiles.p]\nkind = 'madeup'\nhost = 'db'\npassword_ask = false\n").unwrap();
    assert!(no.profiles["p"].secrets.is_empty());
    let wrong = said("[profiles.p]\nkind = 'madeup'\nhost = 'db'\npassword_ask = 'often'\n");
    assert!(wrong.contains("config.toml:4"), "{wrong}");
}

/// With the kernel's keyring, which is there wherever Linux does not forbid it.
#[test]
#[cfg(target_os = "linux")]
fn a_saved_secret_comes_from_the_keyring_until_it_is_forgotten() {
    if std::fs::read_to_string("/proc/keys").is_err() {
        eprintln!("this system forbids the kernel's keyrings: not tried");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::find(Some(dir.path()), Some(dir.path())).unwrap();
    let keep = "[keep]\nsecrets = 'kernel'\n";
    std::fs::write(&paths.config_file, keep).unwrap();
    // A name of its own: the keyring is the user's, whatever the folder.
    let host = format!("db-{}", std::process::id());
    let place = Address::new(&SERVER).set("host", &host).unwrap();
    let address = place.clone().set("password", "hunter2").unwrap();
    let saved = save_profile(&paths, "work", &address, &nothing).unwrap();
    assert_eq!(
        saved.kept,
        [("password".to_owned(), crate::config::Kept::Kernel)]
    );
    let text = std::fs::read_to_string(&paths.config_file).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let config = parse(&text).unwrap();
    let filled = |config: &Config| fill(place.clone(), Side::To, config, &nothing, None);
    assert_eq!(filled(&config).unwrap().get("password"), Some("hunter2"));
    // At once, it is known only that it need not be typed.
    let known = crate::config::known(place.clone(), Side::To, &config, &nothing).unwrap();
    assert_eq!(known.get("password"), None);
    // A variable of the store's own program needs no keyring.
    let env = |name: &str| (name == "MADEUP_PASSWORD").then(|| "hunter2".to_owned());
    assert!(
        save_profile(&paths, "again", &address, &env)
            .unwrap()
            .kept
            .is_empty()
    );

    let SecretRef::Keyring(entry) = &config.profiles["work"].secrets["password"] else {
        panic!("{text}");
    };
    crate::config::Keyring::Kernel.forget(entry);
    assert_eq!(filled(&config).unwrap_err().kind(), ErrorKind::Auth);
}

#[test]
fn a_profile_is_forgotten_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::find(Some(dir.path()), Some(dir.path())).unwrap();
    let rest = "# mine\n[keep]\nbackups = 3\n\n";
    let other = "[profiles.other]\nkind = 'sqlite'\npath = '/b'\n";
    let text = format!("{rest}[profiles.work]\nkind = 'sqlite'\npath = '/a'\n{other}");
    std::fs::write(&paths.config_file, text).unwrap();
    forget_profile(&paths, "work", &nothing).unwrap();
    let text = std::fs::read_to_string(&paths.config_file).unwrap();
    assert_eq!(text, format!("{rest}{other}"));
    let gone = forget_profile(&paths, "work", &nothing).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    // Written in a way that is not taken apart.
    let inline = "profiles = { work = { kind = 'sqlite', path = '/a' } }\n";
    std::fs::write(&paths.config_file, inline).unwrap();
    assert!(forget_profile(&paths, "work", &nothing).is_err());
    assert_eq!(std::fs::read_to_string(&paths.config_file).unwrap(), inline);
}
