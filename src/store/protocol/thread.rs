//! A thread of its own for what is used again and again: whatever it allocates comes from
//! one place. On threads in turn, each would keep as much for the next time.

use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// Something that lives on a thread of its own.
pub(crate) struct Own<T> {
    /// None once it is dropped.
    jobs: Option<Sender<Job<T>>>,
    thread: Option<JoinHandle<()>>,
    /// Jobs that were sent and are not done.
    waiting: Arc<AtomicUsize>,
}

impl<T: Send + 'static> Own<T> {
    /// Moves it to a new thread of that name.
    pub(crate) fn new(name: &str, mut state: T) -> Result<Self> {
        let (jobs, received) = channel::<Job<T>>();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                for job in received {
                    job(&mut state);
                }
            })
            .map_err(|cause| Error::new(ErrorKind::Io, "cannot start a thread").because(cause))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            waiting: Arc::default(),
        })
    }

    /// Does something with it there.
    pub(crate) async fn with<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.begin(work)?.get().await
    }

    /// Begins something with it there, behind what was begun before.
    pub(crate) fn begin<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> Result<R> + Send + 'static,
    ) -> Result<Coming<R>> {
        let (tell, told) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let waits = Waits(self.waiting.clone());
        let job: Job<T> = Box::new(move |state| {
            let done = work(state);
            drop(waits);
            // Whoever asked may have gone.
            let _ = tell.send(done);
        });
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job).map_err(|_| ended())?;
        Ok(Coming(told))
    }
}

fn ended() -> Error {
    Error::internal("a thread ended early")
}

/// What was begun on a thread and is not awaited yet.
pub(crate) struct Coming<R>(oneshot::Receiver<Result<R>>);

impl<R> Coming<R> {
    /// What came of it.
    pub(crate) async fn get(self) -> Result<R> {
        self.0.await.map_err(|_| ended())?
    }
}

/// A job that was sent: over once this is dropped, be it by a panic.
struct Waits(Arc<AtomicUsize>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

impl<T> Drop for Own<T> {
    /// What it leaves to be done at its end is done when this returns, unless somebody gave
    /// up a job that is still going on: then it is done behind that.
    fn drop(&mut self) {
        self.jobs = None;
        if self.waiting.load(Ordering::Acquire) == 0
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_left_at_its_end_is_done_after_a_panic_too() {
        struct Tells(std::sync::mpsc::Sender<()>);
        impl Drop for Tells {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        for panics in [false, true] {
            let (tell, told) = std::sync::mpsc::channel();
            let own = Own::new("own", Tells(tell)).unwrap();
            let done = own.with(move |_| match panics {
                true => panic!("on purpose"),
                false => Ok(1),
            });
            assert_eq!(done.await.is_ok(), !panics);
            // Later calls get an error, and do not wait.
            assert_eq!(own.with(|_| Ok(())).await.is_ok(), !panics);
            drop(own);
            assert!(told.try_recv().is_ok());
        }
    }
}
