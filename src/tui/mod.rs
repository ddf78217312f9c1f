//! The wizard: a terminal program over the engine. A terminal event becomes an
//! [`action::Action`] through the one key map, [`app::App::update`] changes the state and
//! says what is to be done, [`worker::Worker`] does it, and the screen is drawn again
//! only if something changed, at most thirty times a second. It names no store.

pub mod action;
pub mod app;
pub mod browser;
pub mod dialog;
pub mod field;
pub mod keymap;
pub mod msg;
mod pace;
pub mod pen;
pub mod plain;
pub mod prefs;
pub mod screens;
pub mod terminal;
pub mod theme;
pub mod widgets;
pub mod worker;

use crate::config::{Config, Paths, process_env};
use crate::engine::{Home, RunFolder};
use crate::error::{Error, ErrorKind, Result};
use crate::report::inert;
use app::{App, Setup};
use crossterm::event::Event;
use msg::{Effect, Msg, Running, Usage};
use pace::Pace;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use worker::Worker;

/// What a person asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Theme by name.
    pub theme: Option<String>,
    /// Only ASCII characters.
    pub ascii: bool,
    /// Leave the mouse to the terminal.
    pub no_mouse: bool,
    /// A run to be watched or replayed.
    pub follow: Option<(RunFolder, Running)>,
}

/// What the wizard was left with.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// Lines for the ordinary screen.
    pub lines: Vec<String>,
    /// The exit code of the run that was seen, if there was one.
    pub code: u8,
}

/// What the wizard starts from in this process.
pub fn setup(paths: Paths, home: Home, wanted: &Wanted) -> Result<Setup> {
    let config = Config::load(&paths, &process_env)?;
    let mut prefs = prefs::Prefs::load(&paths)?;
    if let Some(theme) = &wanted.theme {
        prefs.theme = theme.clone();
    }
    prefs.ascii |= wanted.ascii;
    prefs.mouse &= !wanted.no_mouse;
    let look = prefs.look(&paths, &process_env)?;
    let keymap = prefs::keymap(&paths)?;
    let folder = std::env::current_dir()
        .map_err(|e| Error::new(ErrorKind::Io, "the current folder is gone").because(e))?;
    Ok(Setup {
        paths,
        home,
        config,
        prefs,
        look,
        keymap,
        zone: jiff::tz::TimeZone::system(),
        folder,
        now: now(),
    })
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Runs the wizard until somebody leaves it. Keys are answered and the screen is drawn on
/// a thread with a runtime of its own; this one, on which it is called, does the work. So
/// neither waits for the other's threads, however long a piece of work keeps them.
pub async fn run(paths: Paths, home: Home, wanted: Wanted) -> Result<Left> {
    let work = Handle::current();
    let (to, left) = oneshot::channel();
    let threads = |e| Error::new(ErrorKind::Io, "cannot start threads").because(e);
    std::thread::Builder::new()
        .name("wizard".into())
        .spawn(move || {
            let own = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let left = own
                .map_err(threads)
                .and_then(|own| own.block_on(show(work, paths, home, wanted)));
            // Nobody waits for it any more only if the program ends anyway.
            let _ = to.send(left);
        })
        .map_err(threads)?;
    let gone = |e| Error::internal("the wizard ended without a word").because(e);
    left.await.map_err(gone)?
}

async fn show(work: Handle, paths: Paths, home: Home, wanted: Wanted) -> Result<Left> {
    let setup = setup(paths.clone(), home.clone(), &wanted)?;
    let (to, mut messages) = mpsc::channel::<Msg>(256);
    let resume = home.command(&["resume"]);
    let (worker, mut newest) = Worker::new(work.clone(), to, paths.clone(), home);
    terminal::guard(paths.state_dir.join("wizard.log"), resume);
    let mut screen = terminal::Screen::take(setup.prefs.mouse)?;
    let mut keys = listen();
    let mut app = App::new(setup);
    let mut begin = app.begin();
    if let Some((run, how)) = wanted.follow {
        begin.push(Effect::Follow(run, how));
    }
    let mut signals = Signals::new()?;
    let mut usage = Meter::default();
    let mut tick = tokio::time::interval(Duration::from_millis(160));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut pace = Pace::new(Instant::now());
    let (mut dirty, mut asked) = (true, false);
    let mut terminal_lost = false;
    #[cfg(feature = "failpoints")]
    stall(&work);
    carry_out(begin, &worker, &mut screen, &mut app).await?;
    while !app.gone {
        if dirty && pace.wait(Instant::now(), asked).is_zero() {
            if screen.draw(&app).is_err() {
                // Whoever closes the terminal gets no further chance to answer.
                terminal_lost = true;
            }
            pace.drew(Instant::now());
            (dirty, asked) = (false, false);
            #[cfg(feature = "failpoints")]
            if std::env::var_os("MEMFERRY_WIZARD_PANIC").is_some() {
                panic!("a test asked for it");
            }
        }
        let frame = pace.wait(Instant::now(), asked);
        let message = tokio::select! {
            biased;
            () = std::future::ready(()), if terminal_lost => Msg::Terminate,
            event = keys.recv() => match event {
                Some(event) => Msg::Terminal(event),
                // The terminal is gone.
                None => Msg::Terminate,
            },
            message = messages.recv() => match message {
                Some(message) => message,
                None => Msg::Terminate,
            },
            Ok(()) = newest.changed() => match newest.borrow_and_update().clone() {
                Some(state) => Msg::State(state),
                None => continue,
            },
            suspend = signals.next() => match suspend {
                true => {
                    screen.suspend().await?;
                    Msg::Resumed
                }
                false => Msg::Terminate,
            },
            () = tokio::time::sleep(frame), if dirty => continue,
            _ = tick.tick(), if app.is_moving() => {
                if app.is_running() && let Some(now) = usage.read() {
                    app.usage = now;
                }
                Msg::Tick
            }
        };
        app.now = now();
        let ending = matches!(message, Msg::Terminate);
        asked |= matches!(message, Msg::Terminal(_));
        let effects = app.update(message);
        carry_out(effects, &worker, &mut screen, &mut app).await?;
        dirty = true;
        if ending && app.leaving {
            break;
        }
    }
    // What a run ended as is still taken in, and what was withdrawn is removed.
    let settled = worker.settled();
    tokio::pin!(settled);
    loop {
        tokio::select! {
            biased;
            Some(message) = messages.recv() => drop(app.update(message)),
            () = &mut settled => break,
        }
    }
    while let Ok(message) = messages.try_recv() {
        drop(app.update(message));
    }
    drop(screen);
    Ok(left(&app))
}

/// Every thread that works is kept from it for some seconds, if a test asks for that.
#[cfg(feature = "failpoints")]
fn stall(work: &Handle) {
    let wanted = std::env::var("MEMFERRY_WIZARD_STALL");
    let Ok(Ok(seconds)) = wanted.map(|seconds| seconds.parse()) else {
        return;
    };
    for _ in 0..work.metrics().num_workers() {
        work.spawn(async move { std::thread::sleep(Duration::from_secs(seconds)) });
    }
}

async fn carry_out(
    effects: Vec<Effect>,
    worker: &Worker,
    screen: &mut terminal::Screen,
    app: &mut App,
) -> Result<()> {
    for effect in effects {
        match effect {
            Effect::Copy(text) => {
                screen.copy(&text)?;
                app.say("Copied.");
            }
            Effect::Suspend => screen.suspend().await?,
            Effect::Redraw => screen.redraw()?,
            Effect::Mouse(on) => screen.mouse(on)?,
            other => worker.start(other),
        }
    }
    Ok(())
}

/// Reads the terminal on a thread of its own, since that can only be waited for so.
fn listen() -> mpsc::Receiver<Event> {
    let (to, from) = mpsc::channel(64);
    std::thread::spawn(move || {
        while let Ok(event) = crossterm::event::read() {
            if to.blocking_send(event).is_err() {
                return;
            }
        }
    });
    from
}

/// The signals of the system: those that end, and the one that puts aside.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    stop: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|e| Error::new(ErrorKind::Io, "cannot listen for signals").because(e))
        };
        let stop = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
            stop: listen(stop)?,
        })
    }

    /// Whether the process is to be put aside, rather than ended.
    async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.interrupt.recv() => false,
            _ = self.terminate.recv() => false,
            _ = self.hang_up.recv() => false,
            _ = self.stop.recv() => true,
        }
    }
}

/// What this process takes, where the system tells.
#[derive(Default)]
struct Meter {
    at: Option<Instant>,
    ticks: u64,
}

impl Meter {
    /// At most once a second.
    fn read(&mut self) -> Option<Usage> {
        let passed = self.at.map(|at| at.elapsed());
        if passed.is_some_and(|p| p < Duration::from_secs(1)) {
            return None;
        }
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |i: usize| fields.get(i)?.parse::<u64>().ok();
        // Fields 14 and 15 of proc(5), times in ticks; 24, resident pages.
        let ticks = number(11)? + number(12)?;
        let memory = number(21)? * rustix::param::page_size() as u64;
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        let cpu = passed.map_or(0.0, |p| {
            let used = ticks.saturating_sub(self.ticks) as f64 / per_second;
            100.0 * used / p.as_secs_f64().max(0.001)
        });
        (self.at, self.ticks) = (Some(Instant::now()), ticks);
        Some(Usage { memory, cpu })
    }
}

/// What stays in the ordinary screen: what was done, and what can be typed now.
fn left(app: &App) -> Left {
    let Some(live) = app
        .live
        .as_ref()
        .filter(|l| l.how == Running::Own && !l.withdrawn)
    else {
        return Left::default();
    };
    let marks = app.setup.look.marks;
    let safe = |text: &str| inert::line(text, marks);
    let Some(report) = &live.report else {
        return Left::default();
    };
    let (sign, _) = screens::report::sign(report.outcome);
    let command = |word: &str| safe(&app.setup.home.command(&[word, &report.run]));
    let mut lines = vec![
        format!("{} {}", app.setup.look.sign(sign), safe(&report.summary)),
        format!("  from    {}", safe(&report.source.address)),
        format!("  to      {}", safe(&report.target.address)),
        format!("  report  {}", command("report")),
    ];
    use crate::report::Outcome;
    let next = match report.outcome {
        Outcome::Interrupted => Some(format!("  go on   {}", command("resume"))),
        _ if screens::runs::can_roll_back(report) => {
            Some(format!("  undo    {}", command("rollback")))
        }
        _ => None,
    };
    lines.extend(next);
    Left {
        lines,
        code: report.outcome.exit_code(),
    }
}
